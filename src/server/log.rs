//! What is written about a request when its answer has left: a line of the access log (Apache's combined format, as
//! registry:2 writes it) and an event of the application log.
//!
//! Knows no file and no terminal: lines go to a [`Sink`].

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Instant;

use http::header::{CONTENT_TYPE, HeaderName, REFERER, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Uri, Version};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use opentelemetry::TraceId;

use super::auth::User;
use super::peer::Peer;
use super::reply::Reply;
use super::request::RequestId;
use crate::spec::inert::is_obeyed;

/// Takes one line at a time, its newline included.
pub(crate) type Sink = Arc<dyn Fn(&str) + Send + Sync>;

/// A request and its answer, until the answer has left.
pub(super) struct Record {
    access_log: Option<Sink>,
    id: RequestId,
    peer: Peer,
    method: Method,
    target: Uri,
    version: Version,
    host: String,
    referrer: String,
    agent: String,
    user: Option<User>,
    trace: Option<TraceId>,
    arrived: Timestamp,
    started: Instant,
    status: StatusCode,
    content_type: String,
    /// Bytes of the body handed to the connection.
    pub(super) written: u64,
}

impl Record {
    /// A record of a request that has just arrived.
    pub(super) fn new(access_log: Option<Sink>, id: RequestId, peer: Peer, head: &Parts, arrived: Timestamp) -> Self {
        Self {
            access_log,
            id,
            peer,
            method: head.method.clone(),
            target: head.uri.clone(),
            version: head.version,
            host: text(&head.headers, &http::header::HOST),
            referrer: text(&head.headers, &REFERER),
            agent: text(&head.headers, &USER_AGENT),
            user: None,
            trace: None,
            arrived,
            started: Instant::now(),
            status: StatusCode::OK,
            content_type: String::new(),
            written: 0,
        }
    }

    /// Says by which trace the request is found elsewhere.
    pub(super) fn in_trace(mut self, trace: Option<TraceId>) -> Self {
        self.trace = trace;
        self
    }

    /// Ties the record to the answer: it is written when the answer's body is done with.
    pub(super) fn attach(mut self, reply: &mut Reply) {
        self.user = reply.extensions_mut().remove();
        self.status = reply.status();
        self.content_type = text(reply.headers(), &CONTENT_TYPE);
        reply.body_mut().set_record(self);
    }

    fn access_line(&self) -> String {
        let time = self.arrived.to_zoned(TimeZone::system()).strftime("%d/%b/%Y:%H:%M:%S %z");
        format!(
            "{} - {} [{time}] \"{} {} {:?}\" {} {} \"{}\" \"{}\"\n",
            self.peer.host(),
            Quoted(self.user.as_ref().map_or("-", |user| &user.0)),
            self.method,
            Quoted(&self.target.to_string()),
            self.version,
            self.status.as_u16(),
            self.written,
            Quoted(&self.referrer),
            Quoted(&self.agent),
        )
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if let Some(sink) = &self.access_log {
            sink(&self.access_line());
        }
        tracing::info!(
            http.request.host = self.host,
            http.request.id = %self.id,
            http.request.method = %self.method,
            http.request.remoteaddr = %self.peer,
            http.request.uri = %self.target,
            http.request.useragent = self.agent,
            auth.user.name = self.user.as_ref().map(|user| user.0.as_str()),
            http.response.contenttype = self.content_type,
            http.response.duration = ?self.started.elapsed(),
            http.response.status = self.status.as_u16(),
            http.response.written = self.written,
            trace_id = self.trace.map(|trace| trace.to_string()),
            "response completed"
        );
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

/// Text that cannot leave its quotes or its line, and gives no orders to a terminal.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                c if c.is_ascii_control() => write!(f, "\\x{:02x}", u32::from(c))?,
                c if is_obeyed(c) => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_stay_closed() {
        assert_eq!(Quoted("a\"b\\c\nd\u{7f}é").to_string(), "a\\\"b\\\\c\\x0ad\\x7fé");
        assert_eq!(Quoted("\u{9b}2J\u{2028}\u{202e}").to_string(), "\\u009b2J\\u2028\\u202e");
    }

    #[test]
    fn an_access_line_is_apaches() {
        let (head, ()) = http::Request::get("/v2/?n=1")
            .header("user-agent", "curl/8 \"x\"")
            .body(())
            .expect("a request")
            .into_parts();
        let id = super::super::request::RequestIds::new().next();
        let peer = Peer::at("127.0.0.1");
        let mut record = Record::new(None, id, peer, &head, Timestamp::UNIX_EPOCH);
        record.written = 2;
        let line = record.access_line();
        assert!(line.starts_with("127.0.0.1 - - [01/Jan/1970:"), "{line}");
        assert!(line.ends_with("] \"GET /v2/?n=1 HTTP/1.1\" 200 2 \"\" \"curl/8 \\\"x\\\"\"\n"), "{line}");
    }
}
