//! The registry API over HTTP: translation only. One noun a file; each function reads what the request says in headers
//! and body, calls the registry, and words the answer.

use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};

use super::error::Error;
use super::handler::Call;
use super::origin;
use super::reply::{self, Reply};
use crate::spec::{MediaType, Route};

mod blobs;
mod lists;
mod manifests;
mod negotiate;
mod referrers;
pub(super) mod token;
mod uploads;

/// Answers a request whose method is one of the route's.
pub(super) async fn answer(route: Route, call: &mut Call) -> Result<Reply, Error> {
    let method = call.head.method.clone();
    match route {
        Route::Base => Ok(reply::document(&method, "application/json", "{}".into())),
        Route::Catalog { page } => lists::catalog(call, &page).await,
        Route::Tags { repository, page } => lists::tags(call, &repository, &page).await,
        Route::Referrers { repository, digest, artifact_type, page } => {
            referrers::list(call, repository, digest, artifact_type, page).await
        }
        Route::Blob { repository, digest } => match method {
            Method::DELETE => blobs::delete(call, &repository, &digest).await,
            Method::HEAD => blobs::head(call, &repository, &digest).await,
            _ => blobs::get(call, &repository, &digest).await,
        },
        Route::Manifest { repository, locator, tags } => match method {
            Method::PUT => manifests::put(call, &repository, &locator, &tags).await,
            Method::DELETE => manifests::delete(call, &repository, &locator).await,
            _ => manifests::get(call, &repository, &locator).await,
        },
        Route::Uploads { repository, start } => uploads::start(call, &repository, &start).await,
        Route::Upload { repository, id, digest } => match method {
            Method::PATCH => uploads::append(call, &repository, &id).await,
            Method::PUT => uploads::finish(call, &repository, &id, digest).await,
            Method::DELETE => uploads::cancel(call, &repository, &id).await,
            _ => uploads::status(call, &repository, &id).await,
        },
    }
}

/// An answer without a body that says where something is.
fn located(call: &Call, status: StatusCode, at: &Route) -> Reply {
    let mut reply = reply::empty(status);
    reply::set_location(&mut reply, origin::url(&call.head, call.state.scheme(), &call.state.face, at));
    reply
}

/// `Content-Type` from a stored media type.
fn set_content_type(reply: &mut Reply, media_type: &MediaType) {
    reply::set(reply, CONTENT_TYPE, media_type.to_string());
}
