//! `/v2/<name>/referrers/<digest>` (distribution-spec, "Listing Referrers"): never 404 for a well-formed digest.

use serde::Serialize;

use crate::server::error::Error;
use crate::server::handler::Call;
use crate::server::reply::{self, OCI_FILTERS_APPLIED, Reply};
use crate::spec::{Descriptor, Digest, Page, Repository, Route};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u8,
    media_type: &'static str,
    manifests: &'a [Descriptor],
}

pub(super) async fn list(
    call: &Call,
    repository: Repository,
    digest: Digest,
    artifact_type: Option<String>,
    page: Page,
) -> Result<Reply, Error> {
    let found = call.state.registry.referrers(&repository, &digest, artifact_type.as_deref(), &page).await?;
    let index = Index { schema_version: 2, media_type: INDEX, manifests: &found.items };
    // Descriptors are plain data with string keys: writing them cannot fail.
    let body = serde_json::to_vec(&index).unwrap_or_default();
    let mut reply = reply::document(&call.head.method, INDEX, body.into());
    if artifact_type.is_some() {
        reply::set_static(&mut reply, OCI_FILTERS_APPLIED.clone(), "artifactType");
    }
    if let Some(last) = found.next {
        let page = Page { n: page.n, last: Some(last) };
        reply::set_next(&mut reply, &call.state.face, &Route::Referrers { repository, digest, artifact_type, page });
    }
    Ok(reply)
}
