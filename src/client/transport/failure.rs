//! Failures of the HTTP engine, told apart by what the user can do about them.

use std::error::Error as _;
use std::fmt::Write as _;

use url::Url;

use super::super::error::{Error, Line};
use crate::spec::Host;

/// The innermost cause: the layers above it only say that something below failed.
pub(super) fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let text = cause.to_string();
    // "Connection refused (os error 111)": the number is for programmers.
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut characters = text.chars();
    match characters.next() {
        Some(first) if text.starts_with("Connection") => first.to_lowercase().chain(characters).collect(),
        _ => text.to_owned(),
    }
}

/// Everything that the layers say, to look for what they keep inside.
fn chain(error: &reqwest::Error) -> String {
    let mut text = format!("{error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a String cannot fail.
        let _ = write!(text, " {error} {error:?}");
        cause = error.source();
    }
    text
}

/// The error that a failed request means.
pub(super) fn classify(error: &reqwest::Error, (line, url): (Line, &Url), host: &Host, hint: Option<&String>) -> Error {
    let all = chain(error);
    let place = place(url);
    if all.contains("InvalidContentType") {
        return Error::PlainHttp { host: host.clone() };
    }
    if let Some((_, after)) = all.split_once("invalid peer certificate: ") {
        let reason = if all.contains("CaUsedAsEndEntity") {
            "it is signed by itself"
        } else if after.starts_with("certificate expired") || after.starts_with("Expired") {
            "it has expired"
        } else if after.starts_with("certificate not valid for name") || after.starts_with("NotValidForName") {
            "it is for another name"
        } else if after.starts_with("UnknownIssuer") || after.starts_with("BadSignature") {
            "it was issued by an unknown authority"
        } else {
            "it is malformed, or revoked"
        };
        let reason = reason.to_owned();
        return Error::Certificate { place, reason };
    }
    if all.contains("CertificateRequired") || (all.contains("HandshakeFailure") && error.is_connect()) {
        let reason = "it wants a client certificate, or nothing that it speaks is spoken here".into();
        let hint = "--cert-file FILE and --key-file FILE show a client certificate".into();
        return Error::Connect { place, reason, hint: Some(hint) };
    }
    if error.is_connect() {
        // A host behind a redirect is not what the user named.
        let hint = hint.filter(|_| url.host_str() == Some(host.name())).cloned();
        return Error::Connect { place, reason: reason(error), hint };
    }
    Error::Network { line, reason: reason(error) }
}

/// `HOST:PORT`, the port too where it is the usual one: a firewall may be about it.
fn place(url: &Url) -> String {
    let port = url.port_or_known_default().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}{port}", url.host_str().unwrap_or_default())
}

/// Whether nobody took the connection at all: no such host, a closed port.
pub(super) fn is_absence(error: &reqwest::Error) -> bool {
    error.is_connect() && {
        let all = chain(error);
        all.contains("ConnectionRefused") || all.contains("dns error") || all.contains("lookup address")
    }
}
