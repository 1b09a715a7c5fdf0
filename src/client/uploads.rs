//! Sending blobs: asked for, mounted or uploaded with the fewest requests that a registry understands.
//!
//! What it understands is learnt from its answers, never asked for by itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::{Method, StatusCode, header};
use tokio::sync::Mutex;
use url::Url;

use super::RemoteRepository;
use super::error::{Error, Result};
use super::transport::{Answer, Call, Payload, Place};
use super::trust;
use crate::content::{self, Ask, Body, Offer, Ticket};
use crate::spec::route::UploadStart;
use crate::spec::scope::Resource;
use crate::spec::{Algorithm, Descriptor, Repository, Route, Scopes};

/// A blob of up to this many bytes is kept in memory while it is sent: a registry that does not take it in one request
/// gets it again.
const SMALL_BYTES_MAX: u64 = 64 << 10;

/// From this many bytes on, "I do not have it" is worth asking twice, once, before sending: it may have meant "I do not
/// understand".
const LARGE_BYTES_MIN: u64 = 32 << 20;

/// The pieces in which a blob is sent when it was too large for a proxy in one: at first, and at least.
const CHUNK_BYTES_FIRST: u64 = 32 << 20;
const CHUNK_BYTES_MIN: u64 = 512 << 10;

const OCTETS: &str = "application/octet-stream";

impl RemoteRepository {
    pub(super) async fn offer_blob(&self, blob: &Descriptor, ask: Ask<'_>) -> Result<Offer> {
        match ask {
            // The upload begins with its bytes, so that both can be one request.
            Ask::Upload => Ok(Offer::Wanted(Ticket::default())),
            Ask::Mount(from) => self.mount(blob, from).await.map(|taken| match taken {
                None => Offer::Mounted,
                Some(ticket) => Offer::Wanted(ticket),
            }),
            Ask::Present => self.ask_present(blob).await,
        }
    }

    /// Asks by a mount of the repository's own blob: 201 is "there", and anything else has begun the upload.
    async fn ask_present(&self, blob: &Descriptor) -> Result<Offer> {
        let known = self.shared().mounts_from_itself.get();
        if known == Some(false) {
            return Ok(self.offer_if(!self.has_blob(&blob.digest).await?, Ticket::default()));
        }
        let Some(ticket) = self.mount(blob, &self.name).await? else {
            self.shared().mounts_from_itself.set(true);
            return Ok(Offer::Present);
        };
        if known.is_none() && blob.size >= LARGE_BYTES_MIN {
            // One asks for all that go out at once.
            let _turn = self.shared().mount_check.lock().await;
            if self.shared().mounts_from_itself.get() != Some(true) {
                let there = self.has_blob(&blob.digest).await?;
                self.shared().mounts_from_itself.set(!there);
                return Ok(self.offer_if(!there, ticket));
            }
        }
        Ok(Offer::Wanted(ticket))
    }

    fn offer_if(&self, wanted: bool, ticket: Ticket) -> Offer {
        if wanted { Offer::Wanted(ticket) } else { Offer::Present }
    }

    /// `None` when the registry took the blob over; else the upload that it began instead, if it did.
    async fn mount(&self, blob: &Descriptor, from: &Repository) -> Result<Option<Ticket>> {
        let start = UploadStart { mount: Some(blob.digest), from: Some(from.clone()), ..UploadStart::default() };
        // One token for both: without the source in it, a registry takes the question for a plain upload.
        let scopes = self.to_write().with(Resource::repository(from), &["pull"]);
        let answer = match self.transport().send(self.start_call(start, scopes)).await {
            // Who may not read the source may still write here.
            Err(Error::Denied { .. } | Error::Token { denied: true, .. }) if *from != self.name => {
                return Ok(Some(Ticket::default()));
            }
            other => other?,
        };
        match answer.status() {
            StatusCode::CREATED => Ok(None),
            StatusCode::ACCEPTED => Ok(Some(Ticket(session(&answer)?.into()))),
            status if status.is_client_error() => Ok(Some(Ticket::default())),
            _ => Err(answer.success().await.err().unwrap_or_else(|| nonsense_start(blob))),
        }
    }

    /// Sends the bytes. A body cannot be sent twice: after an error the caller gets a new one, and a new session.
    pub(super) async fn upload_blob(&self, blob: &Descriptor, ticket: Ticket, body: Body) -> Result<()> {
        let session = match ticket.0.parse::<Url>() {
            Ok(session) => session,
            Err(_) => {
                let single = self.shared().takes_single_post.get();
                if blob.size <= SMALL_BYTES_MAX && single != Some(false) {
                    return self.upload_small(blob, body).await;
                }
                if single == Some(true) {
                    return self.post_whole(blob, Payload::Stream(body.unhashed(), blob.size)).await.map(|_| ());
                }
                self.start(blob).await?
            }
        };
        match self.shared().chunk_bytes.load(Ordering::Relaxed) {
            0 => self.put_whole(blob, session, Payload::Stream(body.unhashed(), blob.size)).await,
            chunk => self.put_in_chunks(blob, session, body.unhashed(), chunk).await,
        }
    }

    /// A small blob goes into the very first request; where the registry ignores it there, a second one follows.
    async fn upload_small(&self, blob: &Descriptor, body: Body) -> Result<()> {
        let bytes = gather(body.unhashed()).await?;
        let session = match self.post_whole(blob, Payload::Bytes(bytes.clone())).await {
            Ok(None) => return Ok(()),
            Ok(Some(session)) => session,
            Err(Error::Refused(refusal)) if refusal.status.is_client_error() => {
                // It may be the digest that it objects to; the ordinary way will tell.
                self.shared().takes_single_post.set(false);
                self.start(blob).await?
            }
            Err(error) => return Err(error),
        };
        self.put_whole(blob, session, Payload::Bytes(bytes)).await
    }

    /// POST with a digest and the whole body; the session where the registry only began one.
    async fn post_whole(&self, blob: &Descriptor, payload: Payload) -> Result<Option<Url>> {
        let start = UploadStart { digest: Some(blob.digest), ..UploadStart::default() };
        let call = self.start_call(start, self.to_write()).payload(payload, OCTETS);
        let answer = self.transport().send(call).await?.success().await?;
        let whole = answer.status() != StatusCode::ACCEPTED;
        self.shared().takes_single_post.set(whole);
        if whole { Ok(None) } else { session(&answer).map(Some) }
    }

    /// POST that begins a session.
    async fn start(&self, blob: &Descriptor) -> Result<Url> {
        let algorithm = Some(blob.digest.algorithm()).filter(|algorithm| *algorithm != Algorithm::Sha256);
        let start = UploadStart { algorithm, ..UploadStart::default() };
        let answer = self.transport().send(self.start_call(start, self.to_write())).await?.success().await?;
        session(&answer)
    }

    fn start_call(&self, start: UploadStart, scopes: Scopes) -> Call {
        Call::api(Method::POST, Route::Uploads { repository: self.name.clone(), start }, scopes)
    }

    /// PUT that ends a session, with all or the rest of the bytes.
    async fn put_whole(&self, blob: &Descriptor, mut session: Url, payload: Payload) -> Result<()> {
        session.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
        let call = Call::new(Method::PUT, Place::Url(session), self.to_write()).payload(payload, OCTETS);
        self.sent(self.transport().send(call).await?).await.map(|_| ())
    }

    async fn put_in_chunks(
        &self,
        blob: &Descriptor,
        mut session: Url,
        bytes: BoxStream<'static, content::Result<Bytes>>,
        chunk_bytes: u64,
    ) -> Result<()> {
        let rest = Arc::new(Mutex::new(Rest { bytes, kept: Bytes::new() }));
        let mut sent = 0;
        while sent < blob.size {
            let length = chunk_bytes.min(blob.size - sent);
            let range = format!("{sent}-{}", sent + length - 1);
            let payload = Payload::Stream(part(Arc::clone(&rest), length), length);
            let call = Call::new(Method::PATCH, Place::Url(session), self.to_write())
                .payload(payload, OCTETS)
                .header(header::CONTENT_RANGE, &range);
            let answer = self.sent(self.transport().send(call).await?).await?;
            session = self::session(&answer)?;
            sent += length;
        }
        self.put_whole(blob, session, Payload::Empty).await
    }

    /// Success, or an error; from a body that was too large, what to do the next time is learnt.
    async fn sent(&self, answer: Answer) -> Result<Answer> {
        if answer.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let next = match self.shared().chunk_bytes.load(Ordering::Relaxed) {
                0 => CHUNK_BYTES_FIRST,
                chunk => (chunk / 8).max(CHUNK_BYTES_MIN),
            };
            self.shared().chunk_bytes.store(next, Ordering::Relaxed);
        }
        answer.success().await
    }
}

fn nonsense_start(blob: &Descriptor) -> Error {
    Error::Options(format!("the registry neither took nor refused {}", blob.digest))
}

/// Where an upload goes on, out of `Location`.
fn session(answer: &Answer) -> Result<Url> {
    let missing = || answer.nonsense("an upload without a Location");
    let location = answer.header(header::LOCATION.as_str()).ok_or_else(missing)?;
    continued(answer.url(), location).ok_or_else(missing)
}

/// Resolves a `Location` that the registry at `asked` gave.
///
/// Behind a proxy, registries name themselves by http or by a name from inside: then the path counts, on the host that
/// was asked. A public https URL on another host is taken at its word (it gets none of our credentials).
fn continued(asked: &Url, location: &str) -> Option<Url> {
    let target = asked.join(location).ok()?;
    if target.origin() == asked.origin() {
        return Some(target);
    }
    if target.scheme() == "https" && trust::has_public_name(&target) && target.host_str() != asked.host_str() {
        return Some(target);
    }
    let mut own = asked.clone();
    own.set_path(target.path());
    own.set_query(target.query());
    Some(own)
}

async fn gather(mut stream: BoxStream<'static, content::Result<Bytes>>) -> Result<Bytes> {
    let mut all = Vec::new();
    while let Some(chunk) = stream.try_next().await.map_err(Error::Source)? {
        all.extend_from_slice(&chunk);
    }
    Ok(all.into())
}

/// What of a blob has not been sent yet.
struct Rest {
    bytes: BoxStream<'static, content::Result<Bytes>>,
    /// The end of a chunk that did not fit into the piece before.
    kept: Bytes,
}

/// The next `length` bytes of `rest`.
fn part(rest: Arc<Mutex<Rest>>, length: u64) -> BoxStream<'static, content::Result<Bytes>> {
    stream::try_unfold((rest, length), |(rest, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let chunk = {
            let mut rest = rest.lock().await;
            let mut chunk = std::mem::take(&mut rest.kept);
            while chunk.is_empty() {
                match rest.bytes.try_next().await? {
                    Some(next) => chunk = next,
                    None => return Ok(None),
                }
            }
            rest.kept = chunk.split_off(usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len()));
            chunk
        };
        let left = left - chunk.len() as u64;
        Ok(Some((chunk, (rest, left))))
    })
    .boxed()
}

#[cfg(test)]
#[path = "uploads_tests.rs"]
mod tests;
