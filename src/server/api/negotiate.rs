//! `Accept` of a manifest request.
//!
//! One rule: the stored bytes are served with their own `Content-Type`, whatever `Accept` says, except where registry:2
//! and registry:3 both answer something else that old clients rely on: a Docker manifest *list* asked for by *tag* by a
//! client that does not name lists is answered with its linux/amd64 image.
//!
//! Where distribution differs, and why we do not follow:
//!
//! - an OCI manifest or index for a client that does not name its type: 404 there. The client is told that nothing exists
//!   while everything does; every other registry serves it, and a client that cannot read it says so by itself;
//! - a schema 2 image for a client that does not name schema 2: registry:2 converts it to schema 1, whose digest is not
//!   the image's; registry:3 serves it as it is, as we do;
//! - a list without a linux/amd64 image: 404 there, the list here.
//!
//! Quality values are not weighed, as in distribution: there is never more than one form to choose from.

use http::header::ACCEPT;

use crate::registry::StoredManifest;
use crate::server::error::Error;
use crate::server::handler::Call;
use crate::spec::{Locator, Manifest, MediaType, Repository};

/// The manifest to serve where `found` is stored.
pub(super) async fn choose(
    call: &Call,
    repository: &Repository,
    locator: &Locator,
    found: StoredManifest,
) -> Result<StoredManifest, Error> {
    if found.media_type != MediaType::DOCKER_LIST || matches!(locator, Locator::Digest(_)) || names_lists(call) {
        return Ok(found);
    }
    let Ok(list) = Manifest::parse(found.bytes.clone(), Some(&found.media_type)) else { return Ok(found) };
    let default = list.manifests().iter().find(|child| {
        child.platform.as_ref().is_some_and(|platform| platform.os == "linux" && platform.architecture == "amd64")
    });
    match default {
        Some(child) => Ok(call.state.registry.get_manifest(repository, &Locator::Digest(child.digest)).await?),
        None => Ok(found),
    }
}

fn names_lists(call: &Call) -> bool {
    call.head
        .headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|media_type| MediaType::from_header(media_type) == MediaType::DOCKER_LIST)
}
