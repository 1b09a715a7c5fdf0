//! OTLP over gRPC: one message there, one message back.
//!
//! A call that carries one message is a POST over HTTP/2 with five bytes before the message, and a status behind the answer; a
//! library for it would bring a second way to send requests, with certificates and proxies of its own.
//!
//! Pure. Source: gRPC over HTTP2; gRPC compression.

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::server::outbound::Answer;

static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
static GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
static GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// Bytes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Codes after which the same message may be sent again (OTLP, "Failures"), but for those that need a word of the server.
const TRANSIENT: [&[u8]; 6] = [b"1", b"4", b"10", b"11", b"14", b"15"];

/// Makes an OTLP request over HTTP one over gRPC.
pub(super) fn enclose(headers: &mut HeaderMap, message: &Bytes) -> Bytes {
    let encoding = headers.remove(CONTENT_ENCODING);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    let mut body = BytesMut::with_capacity(PREFIX + message.len());
    body.put_u8(encoding.is_some().into());
    // The library refuses what has more than 64 MiB.
    body.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    body.put_slice(message);
    if let Some(encoding) = encoding {
        headers.insert(GRPC_ENCODING.clone(), encoding);
    }
    body.freeze()
}

/// What the answer says: the message, or the status of HTTP that means the same, and the server's words.
pub(super) fn disclose(answer: &Answer) -> Result<Bytes, (StatusCode, String)> {
    if answer.status != StatusCode::OK {
        return Err((answer.status, answer.status.to_string()));
    }
    // A call that fails at once has its status where headers are.
    let told = [&answer.trailers, &answer.headers].into_iter().find(|headers| headers.contains_key(&GRPC_STATUS));
    let Some(told) = told else { return Err((StatusCode::BAD_GATEWAY, "an answer without grpc-status".into())) };
    let text = |name: &HeaderName| told.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let code = told[&GRPC_STATUS].as_bytes();
    if code == b"0" {
        return Ok(answer.body.slice(PREFIX.min(answer.body.len())..));
    }
    let status = if TRANSIENT.contains(&code) { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_REQUEST };
    let code = text(&GRPC_STATUS).unwrap_or_default();
    let words = text(&GRPC_MESSAGE).map(|words| format!(": {words}")).unwrap_or_default();
    Err((status, format!("gRPC status {code}{words}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(
        status: u16,
        headers: &[(&'static str, &'static str)],
        trailers: &[(&'static str, &'static str)],
    ) -> Answer {
        let map = |pairs: &[(&'static str, &'static str)]| {
            pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
        };
        let body = Bytes::from_static(b"\0\0\0\0\x02ok");
        let status = StatusCode::from_u16(status).expect("a status");
        Answer { status, headers: map(headers), body, trailers: map(trailers) }
    }

    #[test]
    fn a_message_with_its_length() {
        let mut headers = HeaderMap::new();
        let body = enclose(&mut headers, &Bytes::from_static(b"abc"));
        assert_eq!(&*body, b"\0\0\0\0\x03abc");
        assert_eq!(
            (&headers[CONTENT_TYPE], &headers[TE]),
            (&"application/grpc".parse().expect("a value"), &"trailers".parse().expect("a value"))
        );
        assert!(!headers.contains_key(&GRPC_ENCODING));
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(&*enclose(&mut headers, &Bytes::from_static(b"z")), b"\x01\0\0\0\x01z");
        assert_eq!(headers[&GRPC_ENCODING], "gzip");
        assert!(!headers.contains_key(CONTENT_ENCODING), "it would be of HTTP");
    }

    #[test]
    fn what_answers_mean() {
        assert_eq!(disclose(&answer(200, &[], &[("grpc-status", "0")])), Ok(Bytes::from_static(b"ok")));
        for (answer, status, words) in [
            (answer(200, &[], &[("grpc-status", "14"), ("grpc-message", "busy")]), 503, "gRPC status 14: busy"),
            (answer(200, &[("grpc-status", "12")], &[]), 400, "gRPC status 12"),
            (answer(200, &[], &[]), 502, "an answer without grpc-status"),
            (answer(404, &[], &[("grpc-status", "0")]), 404, "404 Not Found"),
        ] {
            let expected = (StatusCode::from_u16(status).expect("a status"), words.to_owned());
            assert_eq!(disclose(&answer), Err(expected));
        }
        let cut = Answer { body: Bytes::from_static(b"\0\0"), ..answer(200, &[], &[("grpc-status", "0")]) };
        assert_eq!(disclose(&cut), Ok(Bytes::new()));
    }
}
