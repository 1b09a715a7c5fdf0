//! What is shown of a request: everything but its secrets.

use http::header::{AUTHORIZATION, COOKIE, LOCATION, PROXY_AUTHORIZATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use url::Url;

/// Query parameters that are worth as much as a password, in lower case.
const SECRET_PARAMETERS: &[&str] = &[
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
    "x-goog-signature",
    "x-goog-credential",
    "signature",
    "sig",
    "token",
    "access_token",
    "refresh_token",
    "password",
    "key-pair-id",
    "policy",
    "_state",
];

const HIDDEN: &str = "…";

/// A URL without user information and secret parameters.
pub(in crate::client) fn url(url: &Url) -> String {
    let mut shown = url.clone();
    // Only URLs that cannot have any refuse; they have none to hide.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    let Some(query) = url.query() else { return shown.into() };
    let query: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if SECRET_PARAMETERS.contains(&name.to_ascii_lowercase().as_str()) => {
                format!("{name}={HIDDEN}")
            }
            _ => pair.to_owned(),
        })
        .collect();
    shown.set_query(None);
    format!("{shown}?{}", query.join("&"))
}

/// Headers without credentials; what scheme was used stays.
pub(super) fn headers(headers: &HeaderMap) -> HeaderMap {
    let mut shown = headers.clone();
    for (name, value) in &mut shown {
        if name == AUTHORIZATION || name == PROXY_AUTHORIZATION {
            let scheme = value.to_str().ok().and_then(|text| text.split(' ').next()).unwrap_or_default();
            *value = HeaderValue::from_str(&format!("{scheme} ***")).unwrap_or(HeaderValue::from_static("***"));
        } else if name == COOKIE || name == SET_COOKIE {
            *value = HeaderValue::from_static("***");
        } else if name == LOCATION
            && let Some(target) = value.to_str().ok().and_then(|text| Url::parse(text).ok())
        {
            let text = url(&target).replace(HIDDEN, "***");
            *value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("***"));
        }
    }
    shown
}

/// The one line of an error body that a person should see: no markup, no control characters, not long.
pub(super) fn first_line(body: &[u8]) -> String {
    const SHOWN_CHARACTERS: usize = 200;
    let text = String::from_utf8_lossy(body);
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|at| {
        let start = at + "<title>".len();
        lower[start..].find("</title>").map(|end| text[start..start + end].to_owned())
    });
    let plain = title.unwrap_or_else(|| without_tags(&text));
    let line = plain.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let clean: String = line.chars().filter(|c| !c.is_control()).collect();
    if clean.chars().count() <= SHOWN_CHARACTERS {
        clean
    } else {
        clean.chars().take(SHOWN_CHARACTERS).chain(HIDDEN.chars()).collect()
    }
}

fn without_tags(text: &str) -> String {
    let markup = text.trim_start().starts_with('<');
    let mut inside = false;
    text.chars()
        .filter(|&c| {
            let shown = !(markup && (inside || c == '<'));
            match c {
                '<' => inside = true,
                '>' => inside = false,
                _ => {}
            }
            shown
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_leave_urls_and_headers() {
        let signed = "https://u:p@s3/x?X-Amz-Signature=abc&n=1&sig=d&flag";
        let parsed = Url::parse(signed).expect("url");
        assert_eq!(url(&parsed), "https://s3/x?X-Amz-Signature=…&n=1&sig=…&flag");
        assert_eq!(url(&Url::parse("https://r/a").expect("url")), "https://r/a");

        let mut all = HeaderMap::new();
        all.insert(AUTHORIZATION, HeaderValue::from_static("Basic dTpw"));
        all.insert(SET_COOKIE, HeaderValue::from_static("session=1"));
        all.insert(LOCATION, HeaderValue::from_static("https://s3/x?sig=abc"));
        all.insert("accept", HeaderValue::from_static("*/*"));
        let shown = format!("{:?}", headers(&all));
        assert!(shown.contains("Basic ***") && shown.contains("sig=***") && shown.contains("*/*"), "{shown}");
        assert!(!shown.contains("dTpw") && !shown.contains("session") && !shown.contains("abc"), "{shown}");
    }

    #[test]
    fn pages_become_one_line() {
        for (body, line) in [
            ("<html><head><TITLE>502 Bad Gateway</TITLE></head>…", "502 Bad Gateway"),
            ("<p>\n  <b>no</b> way </p>", "no way"),
            ("slow down\nplease", "slow down"),
            ("a < b", "a < b"),
            ("\u{1b}[31mred", "[31mred"),
            ("", ""),
        ] {
            assert_eq!(first_line(body.as_bytes()), line, "{body}");
        }
        assert_eq!(first_line(&[b'x'; 500]).chars().count(), 201);
        let _ = first_line("<title>İ</title>".as_bytes());
    }
}
