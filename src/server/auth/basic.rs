//! `Authorization: Basic …` (RFC 7617).

use data_encoding::BASE64;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// Longest user name that is looked at, in bytes. Each one tried is remembered for a while.
const USER_BYTES_MAX: usize = 255;

/// What a client says it is.
#[derive(PartialEq, Eq)]
pub(in crate::server) struct Credentials {
    pub(in crate::server) user: String,
    /// As sent: nobody knows its character set.
    pub(in crate::server) password: Vec<u8>,
}

impl Credentials {
    /// Whether somebody can be called that.
    pub(in crate::server) fn is_user(user: &str) -> bool {
        !user.is_empty() && user.len() <= USER_BYTES_MAX && !user.chars().any(char::is_control)
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({:?})", self.user)
    }
}

/// The credentials of a request; `None` where there are none, or where it is not clear which.
pub(in crate::server) fn credentials(headers: &HeaderMap) -> Option<Credentials> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = BASE64.decode(token.trim_matches(' ').as_bytes()).ok()?;
    let colon = bytes.iter().position(|&byte| byte == b':')?;
    let user = String::from_utf8(bytes[..colon].to_vec()).ok()?;
    Credentials::is_user(&user).then(|| Credentials { user, password: bytes[colon + 1..].to_vec() })
}

/// Whether a request names nobody: no credentials, or the empty ones that some clients send for want of any.
pub(in crate::server) fn is_nobody(headers: &HeaderMap) -> bool {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    match (all.next(), all.next()) {
        (None, _) => true,
        // ":" in base64: neither user nor password.
        (Some(value), None) => value.as_bytes().eq_ignore_ascii_case(b"basic Og=="),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, value.parse().expect("a header"))).collect()
    }

    fn read(values: &[&str]) -> Option<(String, Vec<u8>)> {
        credentials(&headers(values)).map(|found| (found.user, found.password))
    }

    #[test]
    fn who_names_nobody() {
        for values in [&[][..], &["Basic Og=="], &["basic Og=="]] {
            assert!(is_nobody(&headers(values)), "{values:?}");
        }
        for values in [&["Basic dTo="][..], &["Basic"], &["Bearer Og=="], &["Basic Og==", "Basic Og=="]] {
            assert!(!is_nobody(&headers(values)), "{values:?}");
        }
    }

    #[test]
    fn what_clients_send() {
        // RFC 7617 §2: Aladdin and his lamp.
        let aladdin = Some(("Aladdin".to_owned(), b"open sesame".to_vec()));
        for value in ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "basic   QWxhZGRpbjpvcGVuIHNlc2FtZQ== "] {
            assert_eq!(read(&[value]), aladdin, "{value:?}");
        }
        assert_eq!(read(&["Basic dTo="]), Some(("u".into(), vec![])), "an empty password");
        assert_eq!(read(&["Basic dTphOmI="]), Some(("u".into(), b"a:b".to_vec())), "a colon in the password");
        assert_eq!(read(&["Basic dTr/AA=="]), Some(("u".into(), vec![0xff, 0])), "a password that is no text");
    }

    #[test]
    fn what_is_none() {
        for value in [
            "Basic",
            "Basic ",
            "Basic !",
            "Basic dTpw=",    // padding too long
            "Basic dTo",      // and too short
            "Basic dXNlcg==", // no colon
            "Basic OnA=",     // no user
            "Basic /zpw",     // a user that is no text
            "Basic YQpiOnA=", // a line break in the user
            "Bearer dTpw",
            "dTpw",
        ] {
            assert_eq!(read(&[value]), None, "{value:?}");
        }
        assert_eq!(read(&[]), None);
        assert_eq!(read(&["Basic dTpw", "Basic dTpw"]), None, "two, of which proxies may believe either");
        let long = BASE64.encode(format!("{}:p", "u".repeat(256)).as_bytes());
        assert_eq!(read(&[&format!("Basic {long}")]), None);
    }
}
