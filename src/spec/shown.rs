//! How a URL is shown: in the log, in messages, to operators. What may be a secret in it is not: who asks, and with what.
//!
//! A text that is no URL is shown as it is; one that was to be a URL and is none, with what looks like a password hidden.

/// What stands in place of a secret.
pub(crate) const HIDDEN: &str = "***";

/// A URL without what may be a secret in it: name and password, and the values of its query.
pub(crate) fn without_secrets(text: &str) -> String {
    let (start, is_url) = authority(text);
    let (scheme, rest) = text.split_at(start);
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    // A password with one of these in it, which has to be written in another way, ends where no port could be.
    let has_port = |authority: &str| match authority.rsplit_once(':') {
        Some((_, port)) => authority.ends_with(']') || port.bytes().all(|b| b.is_ascii_digit()),
        None => true,
    };
    let userinfo = match rest[..end].rfind('@') {
        Some(at) => at,
        None if start > 0 && !has_port(&rest[..end]) => rest.rfind('@').unwrap_or(0),
        None => 0,
    };
    let hidden = if start > 0 && rest[userinfo..].starts_with('@') { HIDDEN } else { "" };
    let rest = if hidden.is_empty() { rest } else { &rest[userinfo..] };
    let Some((path, query)) = rest.split_once('?').filter(|_| is_url) else { return format!("{scheme}{hidden}{rest}") };
    let hide = |part: &str| match part.split_once('=') {
        Some((name, _)) => format!("{name}={HIDDEN}"),
        None => HIDDEN.to_owned(),
    };
    let query: Vec<String> = query.split('&').map(hide).collect();
    format!("{scheme}{hidden}{path}?{}", query.join("&"))
}

/// Where the authority of a URL begins, and whether it is likely to be one: 0 for what has no scheme. The slashes are the
/// first that people forget.
fn authority(text: &str) -> (usize, bool) {
    let Some((scheme, rest)) = text.split_once(':') else { return (0, false) };
    let name = scheme.trim_start();
    let is_scheme = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !is_scheme {
        // Perhaps a name with a password behind it.
        let is_name = !name.is_empty() && !name.contains(['/', ' ', '@', '\\', '?', '#', '^', '(', '[', '"', '\n']);
        return (if is_name { scheme.len() + 1 } else { 0 }, false);
    }
    let slashes = rest.len() - rest.trim_start_matches(['/', '\\']).len();
    let is_http = name.eq_ignore_ascii_case("http") || name.eq_ignore_ascii_case("https");
    (scheme.len() + 1 + slashes, slashes > 0 || is_http)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_keep_no_secret() {
        for (text, shown) in [
            ("https://h:1/x#y", "https://h:1/x#y"),
            ("https://u:p@h/x", "https://***@h/x"),
            ("https://u:p@q@h", "https://***@h"),
            ("https://h/x@y", "https://h/x@y"),
            ("https://[::1]:5000/x@y", "https://[::1]:5000/x@y"),
            ("https://[::1]/x@y", "https://[::1]/x@y"),
            ("https://h?token=a=b&k&n=", "https://h?token=***&***&n=***"),
            ("https://u@h/x?t=u@v", "https://***@h/x?t=***"),
            ("https://h/x?a=b#c", "https://h/x?a=***"),
            ("HTTP://u:p@h", "HTTP://***@h"),
        ] {
            assert_eq!(without_secrets(text), shown, "{text}");
        }
    }

    #[test]
    fn what_was_to_be_a_url_keeps_none_either() {
        for text in [
            "u:secret@h",
            "u:secret@h/x",
            "https:u:secret@h",
            "https:/u:secret@h/x",
            "https:\\\\u:secret@h\\x",
            " https://u:secret@h",
            "ftp://u:secret@h",
            "https://u:sec/secret@h",
            "https://u:a?secret@h",
            "https://u:a#secret@h/x",
            "https://h:port?token=secret",
            "https:h?token=secret",
            "https://u:p@h?secret",
            "user_name:secret@h",
        ] {
            assert!(!without_secrets(text).contains("secret"), "{text}: {}", without_secrets(text));
        }
    }

    #[test]
    fn what_is_none_stays() {
        for text in [
            "",
            "plain",
            "admin@example.org",
            "/var/lib/registry",
            "127.0.0.1:5000",
            ":5000",
            "host:5000",
            "::1",
            "^https?://cdn\\.example/(.*)?$",
            "a: b, c? d=e",
            "team/**",
            "application/json; q=1",
            "12h",
            "é:x@",
            "1/s",
        ] {
            let shown = without_secrets(text);
            assert!(shown == text || text == "é:x@", "{text}: {shown}");
        }
    }
}
