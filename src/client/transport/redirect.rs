//! Where a redirect leads, and where we do not follow.

use http::{HeaderMap, Method, StatusCode, header};
use url::Url;

/// The next URL when `status` redirects; `None` for an answer that is none, or that is not followed for this method.
///
/// # Errors
/// A redirect that must not be followed, in words.
pub(super) fn target(
    method: &Method,
    url: &Url,
    status: StatusCode,
    headers: &HeaderMap,
) -> Option<Result<Url, &'static str>> {
    let reads = *method == Method::GET || *method == Method::HEAD;
    // 301 to 303 may turn a write into a GET, which then looks like success.
    let follows = match status.as_u16() {
        301..=303 => reads,
        307 | 308 => true,
        _ => false,
    };
    let location = headers.get(header::LOCATION)?.to_str().ok().filter(|_| follows)?;
    Some(match url.join(location) {
        Err(_) => Err("redirected to what is no URL"),
        Ok(next) if !matches!(next.scheme(), "http" | "https") => Err("redirected to what is neither http nor https"),
        Ok(next) if url.scheme() == "https" && next.scheme() == "http" => Err("redirected from https to http"),
        Ok(next) => Ok(next),
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn go(method: &Method, url: &str, status: u16, location: &str) -> Option<Result<String, &'static str>> {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_str(location).expect("value"));
        let status = StatusCode::from_u16(status).expect("status");
        target(method, &Url::parse(url).expect("url"), status, &headers).map(|next| next.map(Into::into))
    }

    #[test]
    fn followed_and_not() {
        let get = |status, location| go(&Method::GET, "https://r/a/b", status, location);
        for status in [301, 302, 303, 307, 308] {
            assert_eq!(get(status, "https://s3/x?sig=1"), Some(Ok("https://s3/x?sig=1".into())));
        }
        assert_eq!(get(307, "/c"), Some(Ok("https://r/c".into())));
        assert_eq!(get(307, "c"), Some(Ok("https://r/a/c".into())));
        assert_eq!(get(200, "/c"), None);
        assert_eq!(get(201, "/c"), None);
        assert_eq!(get(304, "/c"), None);
        assert!(get(307, "http://r/c").is_some_and(|next| next.is_err()));
        assert!(get(307, "file:///etc/passwd").is_some_and(|next| next.is_err()));
        assert!(get(307, "http://").is_some_and(|next| next.is_err()));
        assert_eq!(go(&Method::PUT, "https://r/a", 302, "/c"), None);
        assert_eq!(go(&Method::PUT, "https://r/a", 307, "/c"), Some(Ok("https://r/c".into())));
        assert_eq!(go(&Method::GET, "http://r/a", 307, "https://r/a"), Some(Ok("https://r/a".into())));
        let none = target(&Method::GET, &Url::parse("https://r/").expect("url"), StatusCode::FOUND, &HeaderMap::new());
        assert_eq!(none, None);
    }
}
