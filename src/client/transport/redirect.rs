//! Where a redirect leads, and where we do not follow.

use http::{HeaderMap, Method, StatusCode, header};
use url::Url;

use super::call::{Head, Place};
use super::redact;
use crate::client::trust;

/// The next URL when the answer of `url` redirects; `None` for an answer that is none. The registry is at `base`.
///
/// # Errors
/// A redirect that must not be followed, in words.
pub(super) fn target(
    head: &Head,
    base: &Url,
    url: &Url,
    (status, headers): (StatusCode, &HeaderMap),
) -> Option<Result<Url, String>> {
    if !matches!(status.as_u16(), 301..=303 | 307 | 308) {
        return None;
    }
    let location = headers.get(header::LOCATION)?.to_str().ok()?;
    let Ok(next) = url.join(location) else { return Some(Err("redirected to what is no URL".into())) };
    Some(check(head, base, (url, &next), status).map(|()| next))
}

fn check(head: &Head, base: &Url, (url, next): (&Url, &Url), status: StatusCode) -> Result<(), String> {
    if !matches!(next.scheme(), "http" | "https") {
        return Err("redirected to what is neither http nor https".into());
    }
    let mut bare = next.clone();
    bare.set_query(None);
    let to = format!("redirected to {}", redact::url(&bare));
    if url.scheme() == "https" && next.scheme() == "http" {
        return Err(format!("{to}, from https to http"));
    }
    if let Place::Realm(_) = head.place {
        trust::check_realm(base, next).map_err(|reason| format!("{to}: {reason}"))?;
    }
    match follows(head) {
        // Somebody else's manifest is not what was to be deleted; and a manifest is where it was put.
        Follows::Never => return Err(format!("{to}; what deletes or stores a manifest is not sent anywhere else")),
        // 301 to 303 may turn a write into a GET, which then looks like success.
        _ if !head.is_read() && !matches!(status.as_u16(), 307 | 308) => {
            return Err(format!("{to} by a {}, which only reads follow", status.as_u16()));
        }
        Follows::SameOrigin if next.origin() != url.origin() => {
            return Err(format!("{to}; an upload does not follow to another host"));
        }
        Follows::SameOrigin | Follows::Anywhere => {}
    }
    trust::check_inner(base, next).map_err(|reason| format!("{to}: {reason}"))
}

/// How far a request goes.
enum Follows {
    Anywhere,
    /// To the same scheme, host and port.
    SameOrigin,
    Never,
}

fn follows(head: &Head) -> Follows {
    match (&head.place, &head.method) {
        (_, &Method::GET | &Method::HEAD) | (Place::Realm(_), _) => Follows::Anywhere,
        // An upload: begun by POST, then at a URL that the registry gave.
        (_, &Method::POST | &Method::PATCH) | (Place::Url(_), &Method::PUT) => Follows::SameOrigin,
        _ => Follows::Never,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::spec::Route;

    const BASE: &str = "https://r.example/";

    fn parsed(url: &str) -> Url {
        Url::parse(url).expect("url")
    }

    fn api(method: &Method) -> Head {
        Head { method: method.clone(), place: Place::Api(Route::Base), headers: HeaderMap::new() }
    }

    fn session(method: &Method, url: &str) -> Head {
        Head { place: Place::Url(parsed(url)), ..api(method) }
    }

    /// Where `head` goes on; what is wrong with that.
    fn go(head: &Head, url: &str, status: u16, location: &str) -> Option<Result<String, String>> {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_str(location).expect("value"));
        let status = StatusCode::from_u16(status).expect("status");
        let base = if url.starts_with("http:") { "http://r.example/" } else { BASE };
        target(head, &parsed(base), &parsed(url), (status, &headers)).map(|next| next.map(Into::into))
    }

    fn followed(head: &Head, url: &str, status: u16, location: &str) -> bool {
        go(head, url, status, location).is_some_and(|next| next.is_ok())
    }

    #[test]
    fn reads_go_where_they_are_sent() {
        let get = |status, location| go(&api(&Method::GET), "https://r.example/a/b", status, location);
        for status in [301, 302, 303, 307, 308] {
            assert_eq!(get(status, "https://s3.example/x?sig=1"), Some(Ok("https://s3.example/x?sig=1".into())));
        }
        assert_eq!(get(307, "/c"), Some(Ok("https://r.example/c".into())));
        assert_eq!(get(307, "c"), Some(Ok("https://r.example/a/c".into())));
        for status in [200, 201, 300, 304, 401] {
            assert_eq!(get(status, "/c"), None);
        }
        for location in ["http://r.example/c", "file:///etc/passwd", "http://"] {
            assert!(get(307, location).is_some_and(|next| next.is_err()), "{location}");
        }
        let up = go(&api(&Method::GET), "http://r.example/a", 307, "https://r.example/a");
        assert_eq!(up, Some(Ok("https://r.example/a".into())));
        let bare = (StatusCode::FOUND, &HeaderMap::new());
        assert_eq!(target(&api(&Method::GET), &parsed(BASE), &parsed(BASE), bare), None);
    }

    #[test]
    fn nothing_leads_into_a_network_from_outside() {
        for host in ["127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1", "[::1]", "[fd00::1]", "0.0.0.0"] {
            let location = format!("http://{host}/latest/meta-data?token=x");
            let expected =
                format!("redirected to http://{host}/latest/meta-data: {host} is an address of a private network");
            assert_eq!(go(&api(&Method::GET), "http://r.example/a", 307, &location), Some(Err(expected)));
        }
        assert!(followed(&api(&Method::GET), "http://r.example/a", 307, "http://8.8.8.8/x"));
    }

    #[test]
    fn manifests_are_deleted_and_stored_nowhere_else() {
        for method in [Method::DELETE, Method::PUT] {
            for status in [301, 302, 303, 307, 308] {
                for location in ["https://other.example/v2/b/manifests/v1?x=y", "https://r.example/v2/b/manifests/v1"] {
                    let said =
                        go(&api(&method), BASE, status, location).expect("a redirect").expect_err("not followed");
                    assert!(said.starts_with(&format!("redirected to {}; ", location.replace("?x=y", ""))), "{said}");
                }
            }
        }
        assert!(!followed(&session(&Method::DELETE, BASE), BASE, 307, "/c"));
    }

    #[test]
    fn uploads_stay_on_their_host() {
        let heads = [api(&Method::POST), session(&Method::PATCH, BASE), session(&Method::PUT, BASE)];
        for head in heads {
            assert!(
                followed(&head, "https://r.example/a", 307, "/c") && followed(&head, BASE, 308, "https://r.example/c")
            );
            for location in ["https://other.example/c", "https://r.example:8443/c", "http://r.example/c"] {
                assert!(!followed(&head, BASE, 307, location), "{} {location}", head.method);
            }
            for status in [301, 302, 303] {
                assert!(go(&head, BASE, status, "/c").is_some_and(|next| next.is_err()), "{} {status}", head.method);
            }
        }
    }

    #[test]
    fn token_servers_lead_where_credentials_may_go() {
        let realm = Head { place: Place::Realm(parsed(BASE)), ..api(&Method::POST) };
        assert!(followed(&realm, BASE, 307, "https://auth.example/token"));
        for location in ["http://auth.example/token", "https://u@auth.example/token", "https://10.0.0.1/token"] {
            assert!(!followed(&realm, BASE, 307, location), "{location}");
        }
    }
}
