//! The `tokens` section: tokens that this registry gives to the users of `auth.htpasswd`. Ours; distribution ignores it.

use std::path::PathBuf;
use std::time::Duration;

use super::Auth;
use super::section::{ConfigError, Section};
use super::values::duration;

/// Shortest secret, in bytes, that tokens are signed with: as long as the hash (RFC 7518 §3.2). Whoever guesses it is
/// everybody.
const SECRET_BYTES_MIN: usize = 32;

/// Clients of docker take every token for one of a minute at least.
const LIFETIME_MIN: Duration = Duration::from_secs(60);
const LIFETIME_MAX: Duration = Duration::from_secs(24 * 3600);

/// What users may show beside their passwords.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnTokens {
    /// `tokens.enabled`: docker's flow of bearer tokens, with an endpoint of ours.
    pub(crate) bearer: Option<Bearer>,
    /// `tokens.file`: API tokens, as `reg token` makes them.
    pub(crate) file: Option<PathBuf>,
}

/// How bearer tokens are given.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bearer {
    /// The name of this registry in its tokens.
    pub(crate) service: String,
    pub(crate) lifetime: Duration,
    /// `http.secret`: what all servers of this registry share. Without, tokens end with the process.
    pub(crate) secret: Option<String>,
}

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bearer({:?} for {:?})", self.service, self.lifetime)
    }
}

/// What the section says. `auth`: `None` where nobody knows what it says.
pub(super) fn read(root: &Section<'_>, auth: Option<Option<&Auth>>) -> Result<OwnTokens, ConfigError> {
    let tokens = root.section("tokens")?;
    let enabled = tokens.boolean("enabled")?.unwrap_or_default();
    let file = tokens.some("file")?.map(PathBuf::from);
    for (name, is_wanted) in [("enabled", enabled), ("file", file.is_some())] {
        if is_wanted && !matches!(auth, None | Some(Some(Auth::Htpasswd { .. }))) {
            let message = "has nobody to give tokens to: there is no auth.htpasswd";
            return Err(tokens.fault(name, message).with_hint("name a file of users with auth.htpasswd.path"));
        }
    }
    let lifetime = tokens.parsed("lifetime", |text| {
        let lifetime = duration(text)?;
        let is_sound = (LIFETIME_MIN..=LIFETIME_MAX).contains(&lifetime);
        if is_sound { Ok(lifetime) } else { Err("must be from 1m to 24h".into()) }
    })?;
    let service = tokens.parsed("service", |text| {
        let is_sound = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\'));
        if is_sound { Ok(text.to_owned()) } else { Err("must be a name without spaces and quotes".into()) }
    })?;
    let bearer = match (enabled, lifetime, service) {
        (true, Some(lifetime), Some(service)) => Some(Bearer { service, lifetime, secret: secret(root)? }),
        _ => None,
    };
    Ok(OwnTokens { bearer, file })
}

fn secret(root: &Section<'_>) -> Result<Option<String>, ConfigError> {
    let http = root.section("http")?;
    let secret = http.some("secret")?;
    if secret.as_ref().is_some_and(|secret| secret.len() < SECRET_BYTES_MIN) {
        // Not repeated: it is one, if a bad one.
        let message = format!("is too short to sign tokens with: {SECRET_BYTES_MIN} characters at least");
        return Err(http.fault("secret", message).with_hint("openssl rand -hex 32 makes a good one"));
    }
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Document, Sources};
    use super::*;

    const HTPASSWD: &str = "auth: {htpasswd: {realm: r, path: p}}";

    fn tokens(auth: &str, http: &str, text: &str) -> Result<OwnTokens, String> {
        let text = format!("version: 0.1\nhttp: {{addr: ':0'{http}}}\nstorage: inmemory\n{auth}\n{text}\n");
        let variables = BTreeMap::new();
        let sources =
            Sources { file: Some(("f", &text)), variables: &variables, address: None, root: None, home: None };
        let document = Document::read(sources).map_err(|fault| fault.to_string())?;
        document.resolve().map(|config| config.tokens).map_err(|fault| fault.to_string())
    }

    #[test]
    fn what_is_given_to_users() {
        for off in ["", "tokens:", "tokens: {enabled: no, lifetime: 1h}"] {
            assert_eq!(tokens("", ", secret: short", off), Ok(OwnTokens::default()), "{off}");
        }
        let bearer = |secret: Option<&str>, service: &str, secs| {
            let (service, secret) = (service.to_owned(), secret.map(str::to_owned));
            Some(Bearer { service, lifetime: Duration::from_secs(secs), secret })
        };
        let on = tokens(HTPASSWD, "", "tokens: {enabled: true}");
        assert_eq!(on, Ok(OwnTokens { bearer: bearer(None, "registry", 300), file: None }));
        let secret = "0123456789abcdef0123456789abcdef";
        let all = "tokens: {enabled: true, lifetime: 1h, service: r.example, file: /t}";
        let expected = OwnTokens { bearer: bearer(Some(secret), "r.example", 3600), file: Some("/t".into()) };
        assert_eq!(tokens(HTPASSWD, &format!(", secret: {secret}"), all), Ok(expected));
    }

    #[test]
    fn what_would_give_them_to_anybody() {
        for (auth, http, text, fault) in [
            (
                "",
                "",
                "tokens: {enabled: true}",
                "f:5:19: tokens.enabled: has nobody to give tokens to: there is no auth.htpasswd",
            ),
            (
                "",
                "",
                "tokens: {file: t}",
                "f:5:16: tokens.file: has nobody to give tokens to: there is no auth.htpasswd",
            ),
            (
                HTPASSWD,
                "",
                "tokens: {enabled: true, lifetime: 59s}",
                "f:5:35: tokens.lifetime: must be from 1m to 24h, not \"59s\"",
            ),
            (
                HTPASSWD,
                "",
                "tokens: {enabled: true, service: 'a b'}",
                "f:5:34: tokens.service: must be a name without spaces and quotes, not \"a b\"",
            ),
            (HTPASSWD, "", "tokens: {enable: true}", "f:5:10: tokens.enable: is not known"),
            (
                HTPASSWD,
                ", secret: asecretforlocaldevelopment",
                "tokens: {enabled: true}",
                "f:2:28: http.secret: is too short to sign tokens with: 32 characters at least",
            ),
        ] {
            assert_eq!(tokens(auth, http, text), Err(fault.to_owned()), "{text}");
        }
    }
}
