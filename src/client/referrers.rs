//! The manifests that point at one: by the referrers API, or by the tag that clients keep where there is none
//! (distribution-spec, "Listing Referrers" and "Unavailable Referrers API").

use http::{Method, StatusCode, header};
use serde::Deserialize;

use super::RemoteRepository;
use super::error::{Error, Result};
use super::lists::next_link;
use super::transport::{Call, Place};
use crate::spec::limits::REFERRERS_PAGE_BYTES_MAX;
use crate::spec::{Descriptor, Digest, Locator, MediaType, Page, Route};

/// Most pages that are followed: 100 of 4 MiB each are more referrers than anything has.
const PAGES_MAX: usize = 100;

/// An index of referrers. Entries that cannot be read are left out: they are what others wrote.
#[derive(Deserialize)]
struct Index {
    manifests: Option<Vec<serde_json::Value>>,
}

impl RemoteRepository {
    pub(super) async fn list_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        if self.shared().has_referrers.get() != Some(false)
            && let Some(listed) = self.ask_referrers(subject).await?
        {
            self.shared().has_referrers.set(true);
            return Ok(listed);
        }
        let listed = self.fallback_referrers(subject).await?;
        self.shared().has_referrers.set(false);
        Ok(listed)
    }

    /// `None` where the registry has no such API.
    async fn ask_referrers(&self, subject: &Digest) -> Result<Option<Vec<Descriptor>>> {
        let (repository, digest) = (self.name.clone(), *subject);
        let route = Route::Referrers { repository, digest, artifact_type: None, page: Page::default() };
        let (mut place, mut listed) = (Place::Api(route), Vec::new());
        for _ in 0..PAGES_MAX {
            let call =
                Call::new(Method::GET, place, self.to_read()).header(header::ACCEPT, MediaType::OCI_INDEX.as_str());
            let answer = self.transport().send(call).await?;
            let absent = matches!(
                answer.status(),
                StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::BAD_REQUEST
            );
            let is_index = answer
                .header(header::CONTENT_TYPE.as_str())
                .is_some_and(|value| MediaType::from_header(value) == MediaType::OCI_INDEX);
            if absent || (answer.status().is_success() && !is_index) {
                return Ok(None);
            }
            let answer = answer.success().await?;
            let (next, line) = (next_link(&answer), answer.line().clone());
            let body = answer.bytes(REFERRERS_PAGE_BYTES_MAX).await?;
            let index: Index = serde_json::from_slice(&body)
                .map_err(|error| Error::Protocol { line, reason: format!("the list cannot be read: {error}") })?;
            let entries = index.manifests.unwrap_or_default().into_iter();
            listed.extend(entries.filter_map(|entry| serde_json::from_value::<Descriptor>(entry).ok()));
            match next {
                Some(url) => place = Place::Url(url),
                None => break,
            }
        }
        Ok(Some(listed))
    }

    /// What the fallback tag lists; nothing where there is no such tag.
    async fn fallback_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        let tag = format!("{}-{}", subject.algorithm(), subject.hex());
        // 128 characters are a tag's limit, so a sha512 digest is cut (distribution-spec, "Referrers Tag Schema").
        let tag: String = tag.chars().take(crate::spec::limits::TAG_BYTES_MAX).collect();
        let Ok(tag) = tag.parse().map(Locator::Tag) else { return Ok(Vec::new()) };
        match self.get_manifest(&tag).await {
            Ok((_, index)) => Ok(index.manifests().to_vec()),
            Err(Error::Refused(refusal)) if refusal.status == StatusCode::NOT_FOUND => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}
