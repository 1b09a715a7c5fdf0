//! The token endpoint: docker's `GET` with a password, OAuth2's `POST` with a password or a refresh token (distribution,
//! "Token Authentication Specification" and "Token Authentication with OAuth2").

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{Method, StatusCode};
use serde_json::json;
use url::form_urlencoded;

use crate::server::auth::{Ask, Asker, Credentials, credentials, is_nobody};
use crate::server::error::{self, Error};
use crate::server::handler::Call;
use crate::server::reply::{self, Reply};
use crate::spec::Scopes;

/// Largest form, in bytes: a password, a refresh token, and some scopes.
const FORM_BYTES_MAX: usize = 64 << 10;

/// Most scopes of one token. A push asks for two.
const SCOPES_MAX: usize = 100;

const METHODS: &[Method] = &[Method::GET, Method::HEAD, Method::POST, Method::OPTIONS];

/// Answers who wants a token for `service`.
pub(in crate::server) async fn answer(call: &mut Call, service: &str) -> Result<Reply, Error> {
    let method = call.head.method.clone();
    let ask = match method {
        Method::GET | Method::HEAD => {
            let form = Form::read(call.head.uri.query().unwrap_or_default().as_bytes());
            let asker = match credentials(&call.head.headers) {
                Some(credentials) => Asker::Password(credentials),
                None if is_nobody(&call.head.headers) => Asker::Nobody,
                None => Asker::Garbled,
            };
            Ask { asker, scopes: form.scopes(service)?, offline: form.get("offline_token") == Some("true") }
        }
        Method::POST => {
            let room = (&call.state.manifests, call.client);
            let body = call.body.collect(&call.head.headers, FORM_BYTES_MAX, room).await?;
            posted(&Form::read(&body.bytes), service)?
        }
        Method::OPTIONS => {
            let mut reply = reply::empty(StatusCode::OK);
            reply.headers_mut().insert(http::header::ALLOW, error::allow(METHODS));
            return Ok(reply);
        }
        _ => return Err(Error::Method(METHODS)),
    };
    let issued = call.state.guard.issue(ask, call.client).await?;
    let mut document = json!({
        "token": issued.token,
        "access_token": issued.token,
        "token_type": "Bearer",
        "expires_in": issued.lifetime_secs,
        "issued_at": issued.at.to_string(),
        "scope": issued.scopes.to_string(),
    });
    if let Some(refresh) = issued.refresh {
        document["refresh_token"] = refresh.into();
    }
    call.user = issued.user;
    let mut reply = reply::empty(StatusCode::OK);
    reply::set_static(&mut reply, CONTENT_TYPE, "application/json");
    reply::set_static(&mut reply, CACHE_CONTROL, "no-store");
    reply::put_bytes(&method, &mut reply, document.to_string().into());
    Ok(reply)
}

/// What a form of OAuth2 asks for (RFC 6749 §4.3 and §6).
fn posted(form: &Form, service: &str) -> Result<Ask, Error> {
    let asker = match form.get("grant_type") {
        Some("password") => match (form.get("username"), form.get("password")) {
            (Some(user), Some(password)) if Credentials::is_user(user) => {
                Asker::Password(Credentials { user: user.to_owned(), password: password.as_bytes().to_vec() })
            }
            _ => Asker::Garbled,
        },
        Some("refresh_token") => match form.get("refresh_token") {
            Some(token) => Asker::Refresh(token.to_owned()),
            None => Asker::Garbled,
        },
        _ => return Err(Error::TokenRequest("grant_type must be password or refresh_token")),
    };
    Ok(Ask { asker, scopes: form.scopes(service)?, offline: form.get("access_type") == Some("offline") })
}

/// Names and values, as a query and as a body.
struct Form(Vec<(String, String)>);

impl Form {
    fn read(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// The first value of a name.
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Everything that is asked for, of us and not of somebody else. What is no scope is not given.
    fn scopes(&self, service: &str) -> Result<Scopes, Error> {
        if self.get("service").is_some_and(|other| other != service) {
            return Err(Error::TokenRequest("there are no tokens for this service here"));
        }
        let texts: Vec<&str> = self
            .0
            .iter()
            .filter(|(key, _)| key == "scope")
            .flat_map(|(_, value)| value.split_ascii_whitespace())
            .take(SCOPES_MAX + 1)
            .collect();
        if texts.len() > SCOPES_MAX {
            return Err(Error::TokenRequest("too many scopes"));
        }
        Ok(Scopes::parse_lenient(&texts.join(" ")))
    }
}
