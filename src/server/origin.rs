//! What the client calls this server: scheme and host for the `Location` of an answer.
//!
//! Absolute URLs, as distribution writes them: some clients resolve a relative one against the wrong base. The rules are
//! distribution's too: `Forwarded` (RFC 7239) before `X-Forwarded-Proto` and `X-Forwarded-Host` before `Host`. Without
//! any host (HTTP/1.0) the location is relative. What the configuration says about URLs wins.

use std::net::Ipv6Addr;

use http::header::{FORWARDED, HOST};
use http::request::Parts;
use http::{HeaderMap, Version};

use super::face::Face;
use crate::spec::Route;

/// The URL of a route as this client reaches it.
pub(super) fn url(head: &Parts, own_scheme: &str, face: &Face, route: &Route) -> String {
    let path = face.outer(&route.path_and_query());
    if let Some(base) = &face.base {
        return format!("{}{path}", base.origin);
    }
    match host(head).filter(|_| !face.relative) {
        Some(host) => format!("{}://{host}{path}", scheme(&head.headers).unwrap_or(own_scheme)),
        None => path,
    }
}

/// The URL of another service on the host that this client named. Of a proxy that does not say otherwise it is assumed
/// that it speaks TLS, as in distribution: passwords will go there.
pub(super) fn elsewhere(head: &Parts, path: &str) -> Option<String> {
    Some(format!("{}://{}{path}", scheme(&head.headers).unwrap_or("https"), host(head)?))
}

/// The URL of something of ours beside the API, as this client reaches it; `None` where it does not say how. Passwords will
/// go there: where a proxy is in front that does not say what it speaks, it is assumed that it speaks TLS.
pub(super) fn own(head: &Parts, own_scheme: &str, face: &Face, path: &str) -> Option<String> {
    let path = face.outer(path);
    if let Some(base) = &face.base {
        return Some(format!("{}{path}", base.origin));
    }
    const TRACES: [&str; 4] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "via"];
    let is_behind_proxy = TRACES.iter().any(|name| head.headers.contains_key(*name));
    let assumed = if is_behind_proxy { "https" } else { own_scheme };
    Some(format!("{}://{}{path}", scheme(&head.headers).unwrap_or(assumed), host(head)?))
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

/// Whether a request says for whom it is: one valid `Host` (RFC 9112 §3.2), which HTTP/1.0 may leave out. Empty is what a
/// client sends that knows none.
pub(super) fn is_host_named(head: &Parts) -> bool {
    let mut hosts = head.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => head.version < Version::HTTP_11,
        (Some(host), None) => host.to_str().is_ok_and(is_host_and_port),
        _ => false,
    }
}

/// `uri-host [ ":" port ]` (RFC 9110 §7.2).
fn is_host_and_port(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    // unreserved, pct-encoded and sub-delims of RFC 3986 §2.
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&b));
    let is_host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
        None => is_name(host),
        Some(literal) => {
            literal.is_some_and(|ip| ip.split('%').next().is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok()))
        }
    };
    is_host && port.bytes().all(|b| b.is_ascii_digit())
}

/// Whether `text` can stand as host and port in a URL.
fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]~%".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::super::face::Base;
    use super::*;

    #[test]
    fn hosts() {
        for text in
            ["", "r", "r:5000", "r.example.:80", "a_b", "r:", "1.2.3.4:5", "[::1]", "[::1]:5000", "[fe80::1%25e]:1"]
        {
            assert!(is_host_and_port(text), "{text}");
        }
        for text in ["a b", "a/b", "a@b", "\"", "a:b", "a:80:80", "::1", "[::1", "[x]", "[::1]x", "r:5000/", "<a>"] {
            assert!(!is_host_and_port(text), "{text}");
        }
    }

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
            assert_eq!(url(&head, "http", &Face::default(), &Route::Base), expected, "{headers:?}");
        }
    }

    #[test]
    fn the_scheme_is_our_own() {
        let (head, ()) = http::Request::get("/v2/").header("host", "r").body(()).expect("a request").into_parts();
        assert_eq!(url(&head, "https", &Face::default(), &Route::Base), "https://r/v2/", "TLS of our own");
    }

    #[test]
    fn passwords_go_over_tls_behind_a_proxy_that_does_not_say_otherwise() {
        for (headers, expected) in [
            (&[][..], None),
            (&[("host", "r:5000")], Some("http://r:5000/a/token")),
            (&[("host", "r"), ("via", "1.1 p")], Some("https://r/a/token")),
            (&[("host", "r"), ("x-forwarded-for", "192.0.2.1")], Some("https://r/a/token")),
            (
                &[("host", "r"), ("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "http")],
                Some("http://r/a/token"),
            ),
            (&[("host", "r"), ("forwarded", "host=out")], Some("https://out/a/token")),
            (&[("host", "a\"b")], None),
        ] {
            let mut request = http::Request::get("/a/v2/");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let (head, ()) = request.body(()).expect("a request").into_parts();
            let face = Face { prefix: "/a".into(), relative: true, ..Face::default() };
            assert_eq!(own(&head, "http", &face, "/token").as_deref(), expected, "{headers:?}");
            let base = Some(Base { origin: "https://out".into(), path: None });
            let face = Face { base, ..face };
            assert_eq!(own(&head, "http", &face, "/token").as_deref(), Some("https://out/a/token"), "{headers:?}");
        }
    }

    #[test]
    fn the_configuration_wins() {
        let request = http::Request::get("/a/v2/").header("host", "in").header("x-forwarded-proto", "https");
        let (head, ()) = request.body(()).expect("a request").into_parts();
        let base = |path: Option<&str>| Some(Base { origin: "https://out".into(), path: path.map(Into::into) });
        for (base, relative, expected) in [
            (None, false, "https://in/a/v2/"),
            (None, true, "/a/v2/"),
            (base(None), true, "https://out/a/v2/"),
            (base(Some("/b")), false, "https://out/b/v2/"),
        ] {
            let face = Face { prefix: "/a".into(), base, relative, ..Face::default() };
            assert_eq!(url(&head, "http", &face, &Route::Base), expected, "{face:?}");
        }
    }
}
