//! The client against a scripted registry: what it sends, literally, and what it makes of odd answers.

mod auth;
mod credentials;
mod odd;
mod redirects;
mod retries;
mod tls;
mod transfers;

/// The answer to `GET /v2/a/tags/list` in most of these tests.
const TAGS: &str = r#"{"name":"a","tags":["v1","v2"]}"#;
