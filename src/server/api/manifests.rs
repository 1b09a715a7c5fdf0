//! `/v2/<name>/manifests/<tag or digest>` (distribution-spec, "Pulling manifests", "Pushing Manifests", "Content
//! Management"): exact bytes in, exact bytes out.

use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::negotiate;
use crate::registry::{PutManifest, StoredManifest};
use crate::server::deeds::{Action, Deed};
use crate::server::error::Error;
use crate::server::handler::Call;
use crate::server::reply::{self, OCI_SUBJECT, OCI_TAG, Reply};
use crate::spec::limits::MANIFEST_BYTES_MAX;
use crate::spec::{Locator, MediaType, Repository, Route, Tag};

pub(super) async fn get(call: &Call, repository: &Repository, locator: &Locator) -> Result<Reply, Error> {
    let found = call.state.registry.get_manifest(repository, locator).await?;
    let found = negotiate::choose(call, repository, locator, found).await?;
    if reply::is_not_modified(&call.head.headers, &found.digest) {
        let mut reply = reply::empty(StatusCode::NOT_MODIFIED);
        reply::set_identity(&mut reply, &found.digest);
        return Ok(reply);
    }
    let tag = locator.tag();
    call.tell(Deed::manifest(Action::Pull, repository, &found).at(tag));
    let mut reply = reply::empty(StatusCode::OK);
    super::set_content_type(&mut reply, &found.media_type);
    reply::set_identity(&mut reply, &found.digest);
    reply::put_bytes(&call.head.method, &mut reply, found.bytes);
    Ok(reply)
}

pub(super) async fn put(
    call: &mut Call,
    repository: &Repository,
    locator: &Locator,
    tags: &[Tag],
) -> Result<Reply, Error> {
    let headers = &call.head.headers;
    let content_type =
        headers.get(CONTENT_TYPE).map(|value| MediaType::from_header(&String::from_utf8_lossy(value.as_bytes())));
    let room = (&call.state.manifests, call.client);
    let body = call.body.collect(headers, MANIFEST_BYTES_MAX, room).await?;
    let bytes = body.bytes.clone();
    let put = call.state.registry.put_manifest(repository, locator, tags, content_type.as_ref(), bytes).await?;
    tell_put(call, repository, locator, &put, body.bytes);
    // By digest even where a tag was pushed, as distribution answers: the tag may have moved on.
    let mut reply = super::located(call, StatusCode::CREATED, &Route::manifest(repository, put.digest));
    reply::set_digest(&mut reply, &put.digest);
    if let Some(subject) = put.subject {
        reply::set(&mut reply, OCI_SUBJECT.clone(), subject.to_string());
    }
    if !put.tags.is_empty() {
        let names: Vec<&str> = put.tags.iter().map(Tag::as_str).collect();
        reply::set(&mut reply, OCI_TAG.clone(), names.join(", "));
    }
    Ok(reply)
}

/// A digest takes its tags with it, a tag leaves what it pointed to.
pub(super) async fn delete(call: &Call, repository: &Repository, locator: &Locator) -> Result<Reply, Error> {
    let removed = match locator {
        Locator::Tag(tag) => call.state.registry.delete_tag(repository, tag).await?,
        Locator::Digest(digest) => {
            let removed = call.state.registry.delete_manifest(repository, digest).await?;
            let known = Deed::of(Action::Delete, repository, removed.manifest.as_ref());
            call.tell(Deed { digest: Some(*digest), ..known });
            removed
        }
    };
    for tag in &removed.tags {
        call.tell(Deed::of(Action::Delete, repository, removed.manifest.as_ref()).at(Some(tag)));
    }
    Ok(reply::empty(StatusCode::ACCEPTED))
}

/// One deed for each tag that points to the manifest now; without any tag, one.
fn tell_put(call: &Call, repository: &Repository, locator: &Locator, put: &PutManifest, bytes: Bytes) {
    let PutManifest { digest, media_type, tags, .. } = put;
    let stored = StoredManifest { digest: *digest, media_type: media_type.clone(), bytes };
    let named = locator.tag();
    let more = tags.iter().filter(|tag| Some(*tag) != named).map(Some);
    let first = (named.is_some() || tags.is_empty()).then_some(named);
    for tag in first.into_iter().chain(more) {
        call.tell(Deed::manifest(Action::Push, repository, &stored).at(tag));
    }
}
