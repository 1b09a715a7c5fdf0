//! The `auth` section: who may do what. At most one way of finding out, by its name.

use std::path::PathBuf;

use url::{Host, Url};

use crate::server::auth::Algorithm;

use super::section::{ConfigError, Section};

/// How callers show who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    /// `auth.silly`: whoever sends any `Authorization` passes. For tests of clients.
    Silly { realm: String, service: String },
    /// `auth.htpasswd`: names and passwords in a file.
    Htpasswd { realm: String, path: PathBuf },
    /// `auth.token`: somebody else says so, and signs it.
    Token(Box<Token>),
}

impl Auth {
    /// Its key in the section.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Silly { .. } => "silly",
            Self::Htpasswd { .. } => "htpasswd",
            Self::Token(_) => "token",
        }
    }
}

/// Whose tokens are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// URL of the token server.
    pub(crate) realm: String,
    /// The name that tokens must be for (`aud`).
    pub(crate) service: String,
    /// Who must have made them (`iss`).
    pub(crate) issuer: String,
    /// Certificates (PEM) of those who sign.
    pub(crate) rootcertbundle: Option<PathBuf>,
    /// Keys of those who sign: a JSON Web Key Set.
    pub(crate) jwks: Option<PathBuf>,
    /// Where they are published, in place of a file.
    pub(crate) jwks_url: Option<Url>,
    pub(crate) signing_algorithms: Vec<Algorithm>,
    /// The realm is on the host that the client named, below this path.
    pub(crate) autoredirect: Option<String>,
}

/// What the section says; `none` and nothing say that everybody may do everything.
pub(super) fn read(root: &Section<'_>) -> Result<Option<Auth>, ConfigError> {
    let auth = root.section("auth")?;
    let mut kinds = auth.members();
    let Some((kind, first)) = kinds.next() else { return Ok(None) };
    if let Some((other, node)) = kinds.next() {
        let message = format!("there is one way to authenticate, and {kind} is it already ({})", first.at);
        return Err(auth.error(other, node.at.clone(), message).with_hint("keep one and remove the other"));
    }
    let section = auth.section(kind)?;
    match kind {
        "none" => Ok(None),
        "silly" => Ok(Some(Auth::Silly { realm: needed(&section, "realm")?, service: needed(&section, "service")? })),
        "htpasswd" => {
            let (realm, path) = (needed(&section, "realm")?, needed(&section, "path")?.into());
            Ok(Some(Auth::Htpasswd { realm, path }))
        }
        "token" => token(&section).map(|token| Some(Auth::Token(Box::new(token)))),
        _ => Err(auth.error(kind, first.at.clone(), "no such way to authenticate")),
    }
}

fn token(section: &Section<'_>) -> Result<Token, ConfigError> {
    let rootcertbundle = section.some("rootcertbundle")?;
    let jwks = section
        .parsed("jwks", |text| if text.contains("://") { published(text).map(Err) } else { Ok(Ok(text.to_owned())) })?;
    let (jwks, jwks_url) = match jwks {
        Some(Ok(path)) => (Some(path).filter(|path| !path.is_empty()), None),
        Some(Err(url)) => (None, Some(url)),
        None => (None, None),
    };
    if rootcertbundle.is_none() && jwks.is_none() && jwks_url.is_none() {
        let hint = "name the certificates of the token server, or its keys with jwks";
        return Err(section.missing("rootcertbundle").with_hint(hint));
    }
    let algorithm = |text: &str| Algorithm::named(text).ok_or_else(|| "is no algorithm of signatures".to_owned());
    let mut signing_algorithms = section.list("signingalgorithms", algorithm)?;
    if signing_algorithms.is_empty() {
        signing_algorithms = Algorithm::ALL.to_vec();
    }
    let autoredirect = section.boolean("autoredirect")?.unwrap_or_default();
    let path = section.parsed("autoredirectpath", |text| {
        if text.starts_with('/') { Ok(text.to_owned()) } else { Err("must begin with /".into()) }
    })?;
    Ok(Token {
        realm: needed(section, "realm")?,
        service: needed(section, "service")?,
        issuer: needed(section, "issuer")?,
        rootcertbundle: rootcertbundle.map(Into::into),
        jwks: jwks.map(Into::into),
        jwks_url,
        signing_algorithms,
        autoredirect: path.filter(|_| autoredirect),
    })
}

/// Where keys may be published: whoever could change them on their way could let in everybody.
fn published(text: &str) -> Result<Url, String> {
    let wrong = || "must be a file, an https URL, or an http URL of this machine".to_owned();
    let url: Url = text.parse().map_err(|_| wrong())?;
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => return Err(wrong()),
    };
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_here);
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if is_safe && is_plain { Ok(url) } else { Err(wrong()) }
}

fn needed(section: &Section<'_>, name: &str) -> Result<String, ConfigError> {
    section.some(name)?.ok_or_else(|| section.missing(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Document, Sources};
    use super::*;

    fn auth(text: &str) -> Result<Option<Auth>, String> {
        let text = format!("version: 0.1\nauth: {text}\n");
        let variables = BTreeMap::new();
        let sources =
            Sources { file: Some(("f", &text)), variables: &variables, address: None, root: None, home: None };
        let document = Document::read(sources).map_err(|faults| faults.to_string())?;
        document.auth().map_err(|fault| fault.to_string())
    }

    #[test]
    fn ways_to_authenticate() {
        for open in ["", "{}", "none", "{none: }", "{none: {}}"] {
            assert_eq!(auth(open), Ok(None), "{open}");
        }
        let (realm, service) = ("r".to_owned(), "s".to_owned());
        assert_eq!(
            auth("{htpasswd: {realm: r, path: /p}}"),
            Ok(Some(Auth::Htpasswd { realm: realm.clone(), path: "/p".into() }))
        );
        assert_eq!(
            auth("{silly: {realm: r, service: s}}"),
            Ok(Some(Auth::Silly { realm: realm.clone(), service: service.clone() }))
        );
        let Ok(Some(Auth::Token(token))) = auth("{token: {realm: r, service: s, issuer: i, rootcertbundle: /c}}")
        else {
            panic!("no token");
        };
        assert_eq!((token.realm, token.service, token.issuer), (realm, service, "i".to_owned()));
        assert_eq!((token.rootcertbundle, token.jwks, token.autoredirect), (Some("/c".into()), None, None));
        assert_eq!(token.signing_algorithms.len(), 13);
        let all = "{token: {realm: r, service: s, issuer: i, jwks: /k, signingalgorithms: [ES256], autoredirect: yes}}";
        let Ok(Some(Auth::Token(token))) = auth(all) else { panic!("no token") };
        assert_eq!((token.jwks, token.rootcertbundle), (Some("/k".into()), None));
        assert_eq!(token.signing_algorithms, [Algorithm::Es256]);
        assert_eq!(token.autoredirect.as_deref(), Some("/auth/token"));
        for url in ["https://k.example/keys?v=1", "http://127.0.0.1:8080/keys", "http://[::1]/", "http://localhost/k"] {
            let text = format!("{{token: {{realm: r, service: s, issuer: i, jwks: '{url}'}}}}");
            let Ok(Some(Auth::Token(token))) = auth(&text) else { panic!("no token") };
            assert_eq!((token.jwks, token.jwks_url.map(String::from)), (None, Some(url.to_owned())));
        }
    }

    #[test]
    fn what_does_not_close_the_door_is_a_fault() {
        for (text, fault) in [
            ("htpasswd", "f:2:7: auth.htpasswd.realm: is missing"),
            ("{htpasswd: {realm: r, path: }}", "f:2:18: auth.htpasswd.path: is missing"),
            ("{htpasswd: {realm: r, path: ''}}", "f:2:18: auth.htpasswd.path: is missing"),
            ("{htpasswd: {realm: r, pth: p}}", "f:2:29: auth.htpasswd.pth: is not known"),
            ("{ldap: {}}", "f:2:8: auth.ldap: is not known"),
            (
                "{none: , htpasswd: {realm: r, path: p}}",
                "f:2:26: auth.htpasswd: there is one way to authenticate, and none is it already (f:2:12)",
            ),
            ("{token: {realm: r, service: s, issuer: i}}", "f:2:15: auth.token.rootcertbundle: is missing"),
            ("{token: {realm: r, service: s, jwks: k}}", "f:2:15: auth.token.issuer: is missing"),
            (
                "{token: {realm: r, service: s, issuer: i, jwks: 'http://k.example/keys'}}",
                "f:2:55: auth.token.jwks: must be a file, an https URL, or an http URL of this machine, not \
                 \"http://k.example/keys\"",
            ),
            (
                "{token: {realm: r, service: s, issuer: i, jwks: 'https://u:p@k'}}",
                "f:2:55: auth.token.jwks: must be a file, an https URL, or an http URL of this machine, not \
                 \"https://***@k\"",
            ),
            (
                "{token: {realm: r, service: s, issuer: i, jwks: 'file:///etc/keys'}}",
                "f:2:55: auth.token.jwks: must be a file, an https URL, or an http URL of this machine, not \
                 \"file:///etc/keys\"",
            ),
            (
                "{token: {jwks: k, signingalgorithms: [none]}}",
                "f:2:45: auth.token.signingalgorithms: is no algorithm of signatures, not \"none\"",
            ),
        ] {
            assert_eq!(auth(text), Err(fault.to_owned()), "{text}");
        }
    }
}
