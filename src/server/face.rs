//! How the API looks from outside, by the `http` section of the configuration: where its URLs begin, and what stands on
//! every answer.

use http::{HeaderMap, HeaderName, HeaderValue};

/// How the API looks from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Face {
    /// `http.prefix`: the path in front of the API, such as `/registry`; empty for none.
    pub(crate) prefix: String,
    /// `http.host`: what URLs begin with, whatever a request says.
    pub(crate) base: Option<Base>,
    /// `http.relativeurls`: without scheme and host, unless `base` names them.
    pub(crate) relative: bool,
    /// `http.headers`, in place of those that the server would set.
    pub(crate) headers: HeaderMap,
}

/// The beginning of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    /// `https://registry.example:8443`
    pub(crate) origin: String,
    /// As [`Face::prefix`]; `None` where the URL names no path.
    pub(crate) path: Option<String>,
}

impl Face {
    /// The part of a request's path that is the API's; `None` where it lies outside of the prefix.
    pub(super) fn inner<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(self.prefix.as_str()).filter(|rest| rest.starts_with('/'))
    }

    /// The path of the API as clients write it.
    pub(super) fn outer(&self, path: &str) -> String {
        let base = self.base.as_ref().and_then(|base| base.path.as_ref());
        format!("{}{path}", base.unwrap_or(&self.prefix))
    }

    /// Puts the configured headers on an answer.
    pub(super) fn dress(&self, headers: &mut HeaderMap) {
        for name in self.headers.keys() {
            headers.remove(name);
        }
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
    }
}

/// Reads `http.prefix`: a path, with or without its slashes.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse_prefix(text: &str) -> Result<String, String> {
    let path = text.trim_matches('/');
    let sound = |part: &str| {
        !matches!(part, "" | "." | "..") && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
    };
    if path.is_empty() {
        Ok(String::new())
    } else if path.split('/').all(sound) {
        Ok(format!("/{path}"))
    } else {
        Err("must be a path such as /registry/".into())
    }
}

/// Reads `http.host`: an absolute URL.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse_base(text: &str) -> Result<Option<Base>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || "must be an absolute URL such as https://registry.example".to_owned();
    let url: url::Url = text.parse().map_err(|_| wrong())?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_plain || url.fragment().is_some() {
        return Err(wrong());
    }
    let path = parse_prefix(url.path())?;
    Ok(Some(Base { origin: url.origin().ascii_serialization(), path: (!path.is_empty()).then_some(path) }))
}

/// What frames an answer is not for a configuration to say.
const FRAMING: [HeaderName; 4] =
    [http::header::CONTENT_LENGTH, http::header::TRANSFER_ENCODING, http::header::CONNECTION, http::header::TRAILER];

/// Reads the name of a header.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse_header_name(text: &str) -> Result<HeaderName, String> {
    let name: HeaderName = text.parse().map_err(|_| "is no name of a header".to_owned())?;
    if FRAMING.contains(&name) { Err("is not for the configuration to set".into()) } else { Ok(name) }
}

/// Reads the value of a header.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse_header_value(text: &str) -> Result<HeaderValue, String> {
    text.parse().map_err(|_| "is no value of a header".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        for (text, expected) in [("", ""), ("/", ""), ("/a/", "/a"), ("a/b", "/a/b"), ("//a//", "/a")] {
            assert_eq!(parse_prefix(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["/a b/", "/../", "/a//b/", "/a?b/", "/%61/", "/é/"] {
            assert!(parse_prefix(text).is_err(), "{text}");
        }
        let face = Face { prefix: "/a".into(), ..Face::default() };
        assert_eq!((face.inner("/a/v2/"), face.inner("/v2/"), face.inner("/ab/v2/")), (Some("/v2/"), None, None));
        assert_eq!(Face::default().inner("/v2/"), Some("/v2/"));
    }

    #[test]
    fn bases() {
        let base = |origin: &str, path: Option<&str>| Base { origin: origin.into(), path: path.map(Into::into) };
        for (text, expected) in [
            ("", None),
            ("https://r.example", Some(base("https://r.example", None))),
            ("http://r.example:8080/", Some(base("http://r.example:8080", None))),
            ("https://r.example:443/sub/", Some(base("https://r.example", Some("/sub")))),
        ] {
            assert_eq!(parse_base(text), Ok(expected), "{text}");
        }
        for text in ["r.example", "ftp://r.example", "https://u@r.example", "https://r.example/?q", "https:///", "/x"] {
            assert!(parse_base(text).is_err(), "{text}");
        }
    }

    #[test]
    fn headers_take_the_place_of_ours() {
        let mut configured = HeaderMap::new();
        for (name, value) in [("x-a", "1"), ("x-a", "2"), ("x-content-type-options", "nosniff")] {
            configured.append(name, value.parse().expect("a value"));
        }
        let face = Face { headers: configured, ..Face::default() };
        let mut headers = HeaderMap::new();
        headers.insert("x-content-type-options", "ours".parse().expect("a value"));
        face.dress(&mut headers);
        let all: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().expect("text"))).collect();
        assert_eq!(all, [("x-a", "1"), ("x-a", "2"), ("x-content-type-options", "nosniff")]);
        for name in ["Content-Length", "connection", "a b", ""] {
            assert!(parse_header_name(name).is_err(), "{name}");
        }
        assert!(parse_header_value("a\nb").is_err());
    }
}
