//! `/v2/<name>/blobs/<digest>`: whole, in part, or only its headers (distribution-spec, "Pulling blobs").

use std::os::unix::fs::FileExt;

use http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, IF_RANGE, RANGE};
use http::{HeaderMap, StatusCode};

use crate::registry;
use crate::server::deeds::{Action, Deed};
use crate::server::error::Error;
use crate::server::handler::Call;
use crate::server::reading::{self, unreadable};
use crate::server::reply::{self, Body, Reply};
use crate::spec::limits::SENDFILE_BYTES_MIN;
use crate::spec::range::{Requested, parse_range};
use crate::spec::{ByteRange, Digest, Repository};
use crate::store::{self, Data, Object};

pub(super) async fn head(call: &Call, repository: &Repository, digest: &Digest) -> Result<Reply, Error> {
    let stat = call.state.registry.stat_blob(repository, digest).await?;
    if reply::is_not_modified(&call.head.headers, digest) {
        return Ok(headers(StatusCode::NOT_MODIFIED, digest));
    }
    call.tell(Deed::blob(Action::Pull, repository, digest, stat.size));
    let mut reply = headers(StatusCode::OK, digest);
    reply.headers_mut().insert(CONTENT_LENGTH, stat.size.into());
    Ok(reply)
}

pub(super) async fn get(call: &Call, repository: &Repository, digest: &Digest) -> Result<Reply, Error> {
    let request = &call.head.headers;
    if reply::is_not_modified(request, digest) {
        call.state.registry.stat_blob(repository, digest).await?;
        return Ok(headers(StatusCode::NOT_MODIFIED, digest));
    }
    let part = match wanted_range(request, digest) {
        None => None,
        Some(value) => {
            let size = call.state.registry.stat_blob(repository, digest).await?.size;
            match parse_range(value, size) {
                Requested::Whole => None,
                Requested::Part(part) => Some(part),
                Requested::Unsatisfiable => return Err(Error::Range { size }),
            }
        }
    };
    let object = call.state.registry.open_blob(repository, digest, part).await?;
    call.tell(Deed::blob(Action::Pull, repository, digest, object.stat.size));
    let mut reply = headers(if part.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK }, digest);
    if let Some(part) = part {
        reply::set(&mut reply, CONTENT_RANGE, part.content_range(object.stat.size));
    }
    reply.headers_mut().insert(CONTENT_LENGTH, object.range.len().into());
    *reply.body_mut() = body(call, object).map_err(registry::Error::Store)?;
    Ok(reply)
}

pub(super) async fn delete(call: &Call, repository: &Repository, digest: &Digest) -> Result<Reply, Error> {
    let size = call.state.registry.delete_blob(repository, digest).await?;
    call.tell(Deed::blob(Action::Delete, repository, digest, size));
    let mut reply = reply::empty(StatusCode::ACCEPTED);
    reply::set_digest(&mut reply, digest);
    Ok(reply)
}

/// What stands on every answer about a blob. Its name is its content: caches may keep it for ever.
fn headers(status: StatusCode, digest: &Digest) -> Reply {
    let mut reply = reply::empty(status);
    reply::set_static(&mut reply, CONTENT_TYPE, "application/octet-stream");
    reply::set_static(&mut reply, ACCEPT_RANGES, "bytes");
    reply::set_static(&mut reply, CACHE_CONTROL, "max-age=31536000");
    reply::set_identity(&mut reply, digest);
    reply
}

/// The `Range` to honour: none where `If-Range` names another content (RFC 9110 §13.1.5).
fn wanted_range<'a>(headers: &'a HeaderMap, digest: &Digest) -> Option<&'a str> {
    let range = headers.get(RANGE)?.to_str().ok()?;
    match headers.get(IF_RANGE) {
        Some(tag) if tag.as_bytes() != format!("\"{digest}\"").as_bytes() => None,
        _ => Some(range),
    }
}

/// The bytes on the shortest way to the socket.
fn body(call: &Call, object: Object) -> store::Result<Body> {
    let ByteRange { start, .. } = object.range;
    let len = object.range.len();
    match object.data {
        Data::Memory(bytes) => Ok(Body::whole(bytes)),
        Data::Stream(stream) => Ok(Body::stream(stream, len)),
        Data::File(file) if len >= SENDFILE_BYTES_MIN => match &call.connection.files {
            Some(files) => Ok(Body::whole(files.map(file, object.range).map_err(unreadable)?)),
            None => Ok(Body::stream(reading::pieces(file, object.range), len)),
        },
        Data::File(file) => {
            let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
            file.read_exact_at(&mut bytes, start).map_err(unreadable)?;
            Ok(Body::whole(bytes.into()))
        }
    }
}
