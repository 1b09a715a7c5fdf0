//! `/v2/<name>/blobs/uploads/…` (distribution-spec, "Pushing blobs"): start, append, status, finish, cancel, mount.

use http::StatusCode;
use http::header::{CONTENT_RANGE, RANGE};

use crate::registry::{self, Started};
use crate::server::deeds::{Action, Deed};
use crate::server::error::Error;
use crate::server::handler::Call;
use crate::server::reply::{self, DOCKER_UPLOAD_UUID, Reply};
use crate::server::request::content_length;
use crate::spec::range::{ContentRangeError, parse_content_range, upload_range};
use crate::spec::route::UploadStart;
use crate::spec::{ByteRange, Digest, Repository, Route, UploadId};

pub(super) async fn start(call: &mut Call, repository: &Repository, start: &UploadStart) -> Result<Reply, Error> {
    if start.digest.is_some() {
        check_length(call)?;
    }
    let mut start = start.clone();
    if call.state.guard.hides() {
        // A mount from anywhere would read what its sender may not. Where `from` says, they may: the guard has looked.
        start.from.get_or_insert_with(|| repository.clone());
    }
    match call.state.registry.start_upload(repository, &start, call.body.incoming()).await? {
        Started::Mounted { digest, size } => {
            let mounted = Deed::blob(Action::Mount, repository, &digest, size);
            call.tell(Deed { from: start.from.as_ref().filter(|from| *from != repository), ..mounted });
            Ok(stored(call, repository, digest))
        }
        Started::Stored { digest, size } => {
            call.tell(Deed::blob(Action::Push, repository, &digest, size));
            Ok(stored(call, repository, digest))
        }
        Started::Session(id) => Ok(session(call, StatusCode::ACCEPTED, repository, &id, 0)),
    }
}

pub(super) async fn append(call: &mut Call, repository: &Repository, id: &UploadId) -> Result<Reply, Error> {
    let range = content_range(call)?;
    check_length(call)?;
    let appended = call.state.registry.append_upload(repository, id, range, call.body.incoming()).await;
    match appended {
        Ok(size) => Ok(session(call, StatusCode::ACCEPTED, repository, id, size)),
        Err(error) => Err(located(call, repository, id, error).await),
    }
}

pub(super) async fn finish(
    call: &mut Call,
    repository: &Repository,
    id: &UploadId,
    digest: Option<Digest>,
) -> Result<Reply, Error> {
    let digest = digest.ok_or(Error::NoDigest)?;
    let range = content_range(call)?;
    check_length(call)?;
    let finished = call.state.registry.finish_upload(repository, id, range, &digest, call.body.incoming()).await;
    match finished {
        Ok(size) => {
            call.tell(Deed::blob(Action::Push, repository, &digest, size));
            Ok(stored(call, repository, digest))
        }
        Err(error) => Err(located(call, repository, id, error).await),
    }
}

/// The error with what is really there of the session, on a full disk above all: some of the body may have been taken.
async fn located(call: &Call, repository: &Repository, id: &UploadId, error: registry::Error) -> Error {
    let is_left = matches!(
        error,
        registry::Error::Store(_)
            | registry::Error::Body(_)
            | registry::Error::OutOfOrder { .. }
            | registry::Error::SizeMismatch { .. }
            | registry::Error::QuotaExceeded { .. }
    );
    if is_left {
        // What cannot be told now is told to who asks later; the error that matters is the first one.
        if let Ok(size) = call.state.registry.stat_upload(repository, id).await {
            return Error::Upload { size, source: error };
        }
    }
    Error::Registry(error)
}

pub(super) async fn status(call: &Call, repository: &Repository, id: &UploadId) -> Result<Reply, Error> {
    let size = call.state.registry.stat_upload(repository, id).await?;
    Ok(session(call, StatusCode::NO_CONTENT, repository, id, size))
}

pub(super) async fn cancel(call: &Call, repository: &Repository, id: &UploadId) -> Result<Reply, Error> {
    call.state.registry.cancel_upload(repository, id).await?;
    let mut reply = reply::empty(StatusCode::NO_CONTENT);
    reply::set(&mut reply, DOCKER_UPLOAD_UUID.clone(), id.to_string());
    Ok(reply)
}

/// The blob is in the repository.
fn stored(call: &Call, repository: &Repository, digest: Digest) -> Reply {
    let mut reply = super::located(call, StatusCode::CREATED, &Route::blob(repository, digest));
    reply::set_digest(&mut reply, &digest);
    reply
}

/// A session has `size` bytes and waits for more.
fn session(call: &Call, status: StatusCode, repository: &Repository, id: &UploadId, size: u64) -> Reply {
    let at = Route::Upload { repository: repository.clone(), id: id.clone(), digest: None };
    let mut reply = super::located(call, status, &at);
    reply::set(&mut reply, DOCKER_UPLOAD_UUID.clone(), id.to_string());
    reply::set(&mut reply, RANGE, upload_range(size));
    reply
}

/// The chunk's place in the upload, where the client names it.
fn content_range(call: &Call) -> Result<Option<ByteRange>, ContentRangeError> {
    let Some(value) = call.head.headers.get(CONTENT_RANGE) else { return Ok(None) };
    parse_content_range(&String::from_utf8_lossy(value.as_bytes())).map(Some)
}

/// Refuses a body that is too long before anything of it is read, where its client says how long it is.
fn check_length(call: &Call) -> Result<(), registry::Error> {
    let length = content_length(&call.head.headers).unwrap_or_default();
    match call.state.registry.blob_bytes_max() {
        Some(limit) if length > limit => Err(registry::Error::BlobTooLarge { limit }),
        _ => Ok(()),
    }
}
