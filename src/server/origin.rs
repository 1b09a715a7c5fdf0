//! What the client calls this server: scheme and host for the `Location` of an answer.
//!
//! Absolute URLs, as distribution writes them: some clients resolve a relative one against the wrong base. The rules are
//! distribution's too: `Forwarded` (RFC 7239) before `X-Forwarded-Proto` and `X-Forwarded-Host` before `Host`. Without
//! any host (HTTP/1.0) the location is relative.

use http::HeaderMap;
use http::header::{FORWARDED, HOST};
use http::request::Parts;

use crate::spec::Route;

/// The URL of a route as this client reaches it.
pub(super) fn url(head: &Parts, route: &Route) -> String {
    let path = route.path_and_query();
    match host(head) {
        Some(host) => format!("{}://{host}{path}", scheme(&head.headers).unwrap_or("http")),
        None => path,
    }
}

fn host(head: &Parts) -> Option<&str> {
    let headers = &head.headers;
    let named = match forwarded(headers, "host") {
        Some(host) => Some(host),
        None if headers.contains_key(FORWARDED) => None,
        None => first(headers, "x-forwarded-host"),
    };
    named
        .or_else(|| head.uri.authority().map(http::uri::Authority::as_str))
        .or_else(|| first(headers, HOST.as_str()))
        .filter(|host| is_host(host))
}

fn scheme(headers: &HeaderMap) -> Option<&str> {
    let named =
        if headers.contains_key(FORWARDED) { forwarded(headers, "proto") } else { first(headers, "x-forwarded-proto") };
    named.filter(|scheme| matches!(*scheme, "http" | "https"))
}

/// The first of a comma-separated list: the hop nearest to the client.
fn first<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.split(',').next().unwrap_or_default().trim()).filter(|value| !value.is_empty())
}

/// A parameter of the first element of `Forwarded`.
fn forwarded<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    first(headers, FORWARDED.as_str())?.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// Whether `text` can stand as host and port in a URL.
fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]~%".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_sees_its_own_name_for_us() {
        for (headers, expected) in [
            (&[][..], "/v2/"),
            (&[("host", "r:5000")], "http://r:5000/v2/"),
            (&[("host", "[::1]:5000")], "http://[::1]:5000/v2/"),
            (&[("host", "in"), ("x-forwarded-proto", "https")], "https://in/v2/"),
            (
                &[("host", "in"), ("x-forwarded-host", "out.example, in"), ("x-forwarded-proto", "https")],
                "https://out.example/v2/",
            ),
            (&[("host", "in"), ("forwarded", "for=1.2.3.4;proto=https;host=\"out\", for=x")], "https://out/v2/"),
            (&[("host", "in"), ("forwarded", "proto=https"), ("x-forwarded-host", "other")], "https://in/v2/"),
            (&[("host", "in"), ("x-forwarded-proto", "javascript")], "http://in/v2/"),
            (&[("host", "a\"><b")], "/v2/"),
        ] {
            let mut request = http::Request::get("/v2/");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let (head, ()) = request.body(()).expect("a request").into_parts();
            assert_eq!(url(&head, &Route::Base), expected, "{headers:?}");
        }
    }
}
