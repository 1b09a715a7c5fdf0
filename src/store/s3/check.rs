//! Whether a bucket can be used, found out before the first request, and why not, by what the operator can do about it.

use std::error::Error as StdError;
use std::time::Duration;

use object_store::client::{HttpError, HttpErrorKind};
use object_store::list::{PaginatedListOptions, PaginatedListStore as _};
use object_store::{ObjectStoreExt as _, RetryConfig};

use super::{Error, Key, S3, failed};
use crate::store::{BoxError, Result};
use crate::sys;

/// Requests that fail are repeated this often: somebody waits for the start.
const RETRIES: usize = 2;
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a bucket cannot be used. What the client and the server said about it is the source.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("does not exist")]
    Missing(#[source] BoxError),
    /// Another key or its rights are in question.
    #[error("does not take the key")]
    Denied(#[source] BoxError),
    #[error("cannot be reached")]
    Unreachable(#[source] BoxError),
    #[error("cannot be used")]
    Other(#[source] BoxError),
}

impl S3 {
    /// Finds out before the first request whether server, bucket and credentials are good.
    ///
    /// # Errors
    /// What listing one object means.
    pub(crate) async fn check(&self) -> Result<(), Unusable> {
        let other = |error: Error| Unusable::Other(error.into());
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: PATIENCE, ..RetryConfig::default() };
        let client = self.0.config.client_with(retry).map_err(other)?;
        let options = PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
        let Err(error) = client.list_paginated(Some(&self.0.base), options).await else { return Ok(()) };
        if is_about_connection(&error) {
            return Err(Unusable::Unreachable(error.into()));
        }
        // The code of S3's error document (Amazon S3, "Error responses"); the client shows the document alone.
        if error.to_string().contains("NoSuchBucket") {
            return Err(Unusable::Missing(error.into()));
        }
        // The client tells a refusal apart for objects, not for listings.
        let object = client.head(&self.0.path(&Key::probe(&sys::upload_id())).map_err(other)?).await;
        Err(match object.map_err(|error| failed("", error)) {
            Err(Error::Denied { .. }) => Unusable::Denied(error.into()),
            _ => Unusable::Other(error.into()),
        })
    }
}

fn is_about_connection(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(http) = error.downcast_ref::<HttpError>() {
            return matches!(http.kind(), HttpErrorKind::Connect | HttpErrorKind::Timeout | HttpErrorKind::Request);
        }
        next = error.source();
    }
    false
}
