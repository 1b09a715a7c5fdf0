//! The one place that sends: retries, redirects, credentials, warnings and patience, the same for every request.
//!
//! There is no request before the work: the first real one is the probe, its 401 the challenge. Knows nothing of what
//! the requests are for.

mod answer;
mod call;
mod clients;
mod failure;
mod notices;
mod pace;
mod patience;
mod probe;
mod redact;
mod redirect;
mod retry;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::sync::OnceCell;
use tokio::time::Instant;
use url::Url;

pub(super) use self::answer::Answer;
use self::call::Head;
pub(super) use self::call::{Call, Payload, Place};
use self::patience::patient;
pub(super) use self::redact::url as redacted;
use super::auth::{Auth, Round};
use super::error::{Error, Line, Result};
use super::trust;
use super::{Event, RemoteOptions};
use crate::spec::{Host, Route};

/// Attempts of a request, the first included. What writes is given up earlier: someone may be waiting for the outcome
/// of the first.
const READ_ATTEMPTS: u32 = 5;
const WRITE_ATTEMPTS: u32 = 3;

/// Redirects followed for one request.
const REDIRECTS_MAX: usize = 10;

/// The host behind `docker.io`.
const DOCKER_HUB_API: &str = "registry-1.docker.io";

pub(super) struct Transport {
    host: Host,
    options: RemoteOptions,
    clients: clients::Clients,
    /// Scheme and authority, known from the first request on.
    base: OnceCell<Url>,
    auth: Auth,
    pace: pace::Pace,
    /// Whether the registry has answered anything yet.
    answered: AtomicBool,
    outage: retry::Outage,
    warned: Mutex<BTreeSet<String>>,
    /// Whether the user knows that few requests are left.
    told_of_limit: AtomicBool,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Transport {
    pub(super) fn new(host: Host, options: RemoteOptions) -> Result<Self> {
        Ok(Self {
            clients: clients::Clients::new(&host, &options)?,
            auth: Auth::new(host.clone(), &options),
            pace: pace::Pace::new(options.concurrency),
            base: OnceCell::new(),
            answered: AtomicBool::new(false),
            outage: retry::Outage::default(),
            warned: Mutex::new(BTreeSet::new()),
            told_of_limit: AtomicBool::new(false),
            host,
            options,
        })
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    pub(super) fn auth(&self) -> &Auth {
        &self.auth
    }

    pub(super) fn tell(&self, event: &Event) {
        (self.options.observer)(event);
    }

    /// Tells a warning, once.
    pub(super) fn warn(&self, text: String) {
        if self.warned.lock().unwrap_or_else(PoisonError::into_inner).insert(text.clone()) {
            self.tell(&Event::Warning(text));
        }
    }

    pub(super) fn tell_once(&self, event: Event) {
        match event {
            Event::Warning(text) => self.warn(text),
            event => self.tell(&event),
        }
    }

    /// `https://HOST[:PORT]/`, or http where that is asked for or found on this machine.
    pub(super) async fn base(&self) -> Result<&Url> {
        self.base.get_or_try_init(|| self.find_base()).await
    }

    async fn find_base(&self) -> Result<Url> {
        let authority = if self.host.is_docker_hub() { DOCKER_HUB_API } else { self.host.as_str() };
        let scheme = if self.options.plain_http {
            "http"
        } else if !self.host.is_loopback() {
            "https"
        } else {
            let has_port = !authority.ends_with(']') && authority.rsplit_once(':').is_some();
            let address = if has_port { authority.to_owned() } else { format!("{authority}:443") };
            match probe::speech_of(&address).await {
                probe::Speech::Tls => "https",
                probe::Speech::Other | probe::Speech::Nothing => "http",
            }
        };
        Url::parse(&format!("{scheme}://{authority}/"))
            .map_err(|error| Error::Options(format!("{authority} is no host: {error}")))
    }

    /// Sends a request, with credentials once the registry has asked for them, and to itself alone. Refusals for want of them (401, 403) are
    /// errors here; every other status is the caller's to judge.
    pub(super) async fn send(&self, mut call: Call) -> Result<Answer> {
        let url = self.url_of(&call.head.place).await?;
        let mut round = Round::default();
        loop {
            let authorization = match trust::is_own(self.base().await?, &url) {
                true => self.auth.authorization(self, &call.scopes, &mut round).await?,
                // A session or a page that the registry, or whom it redirected to, has elsewhere.
                false => None,
            };
            let answer = self.persist(&mut call, &url, authorization.as_ref()).await?;
            let refused = matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
            if !refused || answer.is_elsewhere() {
                return Ok(answer);
            }
            let again = self.auth.challenged(self, &answer, &call.scopes, &mut round).await?;
            if !again || call.payload.is_spent() {
                return Err(self.auth.denied(answer.into_error().await, &call.scopes).await);
            }
        }
    }

    /// Sends a request without credentials of ours beyond its headers: to the token server, or to see the challenge.
    pub(super) async fn send_bare(&self, mut call: Call) -> Result<Answer> {
        let url = self.url_of(&call.head.place).await?;
        self.persist(&mut call, &url, None).await
    }

    async fn url_of(&self, place: &Place) -> Result<Url> {
        match place {
            Place::Api(route) => {
                let mut url = self.base().await?.clone();
                let text = route.path_and_query();
                let (path, query) = text.split_once('?').map_or((text.as_str(), None), |(p, q)| (p, Some(q)));
                url.set_path(path);
                url.set_query(query);
                Ok(url)
            }
            Place::Url(url) | Place::Realm(url) => Ok(url.clone()),
        }
    }

    /// Sends until there is an answer worth having, or no hope for one.
    async fn persist(&self, call: &mut Call, url: &Url, authorization: Option<&HeaderValue>) -> Result<Answer> {
        let most = self.options.attempts.unwrap_or(if call.head.is_read() { READ_ATTEMPTS } else { WRITE_ATTEMPTS });
        let mut waited = Duration::ZERO;
        let mut attempt = 1;
        loop {
            let payload = call.payload.take();
            let outcome = self.follow(&call.head, url, payload, authorization).await;
            let again = attempt < most && !call.payload.is_spent();
            let mut status = None;
            let (reason, asked) = match outcome {
                Ok(mut answer) => {
                    answer.attempts = attempt;
                    if !retry::is_temporary(answer.status()) {
                        self.pace.went_well();
                        if !call.head.is_read() {
                            self.outage.forget();
                        }
                        return Ok(answer);
                    }
                    if answer.status() == StatusCode::TOO_MANY_REQUESTS {
                        self.pace.slow_down();
                    }
                    // Who asks for no wait at all gets the one that nobody asked for: the next try is to come to something.
                    let asked = answer.retry_after_secs.filter(|&secs| secs > 0).map(Duration::from_secs);
                    let longest = Duration::from_secs(self.options.max_wait_secs).saturating_sub(waited);
                    if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
                        if asked > Some(longest) || !self.outage.is_worth_waiting(asked, Instant::now()) {
                            return Ok(answer);
                        }
                    } else if asked.is_some_and(|asked| asked > longest) {
                        let retry_after_secs = answer.retry_after_secs;
                        return Err(Error::RateLimited { refusal: Box::new(answer.refusal().await), retry_after_secs });
                    }
                    if !again {
                        return Ok(answer);
                    }
                    status = Some(answer.status());
                    (answer.refusal().await.to_string(), asked)
                }
                Err((error, Hope::Some)) if again => (error.to_string(), None),
                Err((error, _)) => return Err(error),
            };
            let random = u64::from_le_bytes(crate::sys::random());
            let wait = asked.unwrap_or_else(|| retry::backoff(attempt, random));
            if asked.is_some() && self.pace.pause(wait) {
                self.tell_of_wait(url, wait, status);
            }
            let (method, wait_millis) = (call.head.method.clone(), u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
            self.tell(&Event::Retry { method, url: redact::url(url), reason, wait_millis });
            tokio::time::sleep(wait).await;
            waited += wait;
            attempt += 1;
        }
    }

    /// Sends and follows redirects.
    async fn follow(
        &self,
        head: &Head,
        url: &Url,
        mut payload: Payload,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, (Error, Hope)> {
        let mut url = url.clone();
        let mut headers = head.headers.clone();
        if let Some(authorization) = authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        let base = self.base().await.map_err(|error| (error, Hope::None))?;
        let mut elsewhere = !trust::is_own(base, &url);
        for _ in 0..=REDIRECTS_MAX {
            let attempt = payload.take();
            let response = self.once(&head.method, &url, &headers, attempt).await?;
            let line = self.line(&head.method, &url);
            let next = redirect::target(head, base, &url, (response.status(), response.headers()))
                .transpose()
                .map_err(|reason| (Error::Protocol { line: line.clone(), reason }, Hope::None))?;
            let Some(next) = next.filter(|_| !payload.is_spent()) else {
                let retry_after_secs = retry::retry_after_secs(response.headers(), self.options.clock.now());
                return Ok(Answer { response, line, attempts: 1, elsewhere, retry_after_secs });
            };
            if next.origin() != url.origin() {
                // Whatever was said to the first host is none of the next one's business; a signed URL even refuses it.
                headers.remove(header::AUTHORIZATION);
                elsewhere = true;
            }
            url = next;
        }
        let line = self.line(&head.method, &url);
        Err((Error::Protocol { line, reason: format!("more than {REDIRECTS_MAX} redirects") }, Hope::None))
    }

    /// One request to one URL.
    async fn once(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        payload: Payload,
    ) -> Result<reqwest::Response, (Error, Hope)> {
        let client = self.clients.for_scheme(url.scheme()).map_err(|error| (error, Hope::None))?;
        let mut request = reqwest::Request::new(method.clone(), url.clone());
        *request.headers_mut() = headers.clone();
        let progress = Arc::new(AtomicU64::new(0));
        let streams = fill(&mut request, payload, &progress);
        let shown = redact::url(url);
        let told = Event::Request { method: method.clone(), url: shown.clone(), headers: redact::headers(headers) };
        self.tell(&told);
        // An upload takes its turn with the request that began it; holding one while it waits for a download of this
        // very registry could stop both.
        let turn = if streams { None } else { Some(self.pace.turn().await) };
        let begun = Instant::now();
        let result = patient(client.execute(request), streams.then_some(&*progress)).await;
        drop(turn);
        let response = match result {
            Some(Ok(response)) => response,
            Some(Err(error)) => {
                let fault = failure::classify(
                    &error,
                    (self.line(method, url), url),
                    &self.host,
                    self.options.host_hint.as_ref(),
                );
                let lost = failure::is_absence(&error) && !self.answered.load(Ordering::Relaxed);
                let hope = if lost || !matches!(fault, Error::Network { .. } | Error::Connect { .. }) {
                    Hope::None
                } else {
                    Hope::Some
                };
                return Err((fault, hope));
            }
            None => {
                return Err((Error::Network { line: self.line(method, url), reason: answer::silence() }, Hope::Some));
            }
        };
        self.answered.store(true, Ordering::Relaxed);
        self.collect_warnings(response.headers());
        self.watch_limit(response.headers());
        self.tell(&Event::Answer {
            method: method.clone(),
            url: shown,
            status: response.status(),
            millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            headers: redact::headers(response.headers()),
        });
        Ok(response)
    }

    /// How errors name a request: by its path on the registry itself, by its URL without query elsewhere.
    fn line(&self, method: &Method, url: &Url) -> Line {
        let own = self.base.get().is_some_and(|base| base.origin() == url.origin());
        let url = if own {
            url.path().to_owned()
        } else {
            let mut bare = url.clone();
            bare.set_query(None);
            redact::url(&bare)
        };
        Line { method: method.clone(), url }
    }

    /// Whether the registry asks for anything: the answer to a bare `GET` of the API's root.
    pub(super) async fn root(&self) -> Result<Answer> {
        self.send_bare(Call::api(Method::GET, Route::Base, crate::spec::Scopes::none())).await
    }
}

/// Whether sending again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hope {
    Some,
    None,
}

/// Gives `request` its body; true when it streams, and `progress` counts its bytes.
fn fill(request: &mut reqwest::Request, payload: Payload, progress: &Arc<AtomicU64>) -> bool {
    let (body, length, streams) = match payload {
        Payload::Empty | Payload::Spent => {
            // Proxies want to know that nothing comes (411 otherwise).
            let writes = *request.method() == Method::POST || *request.method() == Method::PUT;
            if writes {
                request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
            }
            return false;
        }
        Payload::Bytes(bytes) => (bytes.clone().into(), bytes.len() as u64, false),
        Payload::Stream(stream, length) => {
            let progress = Arc::clone(progress);
            let counted = stream.inspect(move |chunk| {
                let seen = chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
                progress.fetch_add(seen.max(1), Ordering::Relaxed);
            });
            (reqwest::Body::wrap_stream(counted), length, true)
        }
    };
    request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    *request.body_mut() = Some(body);
    streams
}
