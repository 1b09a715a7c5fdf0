//! The `http.tls` section: certificates, and who may connect.

use std::path::PathBuf;

use super::check::{Warning, What};
use super::section::{self, ConfigError, Section};
use super::tree::{Node, Value};

/// How connections are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) certificates: Certificates,
    pub(crate) minimum: TlsVersion,
    /// Go's names. Empty for all that are sound; of no meaning for TLS 1.3.
    pub(crate) cipher_suites: Vec<String>,
    pub(crate) clients: Option<Clients>,
    /// Whether HTTP/2 is offered.
    pub(crate) http2: bool,
}

/// What the server shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Certificates {
    /// Two files in PEM.
    Files {
        certificate: PathBuf,
        key: PathBuf,
    },
    LetsEncrypt(Box<LetsEncrypt>),
}

/// Certificates by ACME (RFC 8555).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LetsEncrypt {
    /// Where certificates and keys are kept.
    pub(crate) cache: PathBuf,
    pub(crate) email: Option<String>,
    /// Names to get certificates for.
    pub(crate) hosts: Vec<String>,
    /// URL of another authority.
    pub(crate) directory: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TlsVersion {
    V1_2,
    V1_3,
}

/// Who may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clients {
    /// Files of certificates (PEM) that sign those of clients.
    pub(crate) authorities: Vec<PathBuf>,
    pub(crate) demand: Demand,
}

/// What is asked of a client, by Go's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// `request-client-cert`: asked for, not needed, not verified.
    Request,
    /// `require-any-client-cert`: needed, not verified.
    RequireAny,
    /// `verify-client-cert-if-given`
    VerifyIfGiven,
    /// `require-and-verify-client-cert`
    RequireAndVerify,
}

/// What the section says. Nothing in it: no TLS.
pub(super) fn read(http: &Section<'_>) -> Result<Option<Tls>, ConfigError> {
    let tls = http.section("tls")?;
    if tls.is_empty() {
        return Ok(None);
    }
    let authorities: Vec<PathBuf> = tls.list("clientcas", |text| Ok(text.into()))?;
    let demand = tls.parsed("clientauth", demand)?;
    if demand.is_some() && authorities.is_empty() {
        let hint = "name the authorities that sign the certificates of clients: clientcas: [ca.pem]";
        return Err(tls.missing("clientcas").with_hint(hint));
    }
    Ok(Some(Tls {
        certificates: certificates(&tls)?,
        minimum: tls.parsed("minimumtls", version)?.unwrap_or(TlsVersion::V1_2),
        cipher_suites: tls.list("ciphersuites", cipher_suite)?,
        http2: !http.section("http2")?.boolean("disabled")?.unwrap_or_default(),
        clients: (!authorities.is_empty())
            .then(|| Clients { authorities, demand: demand.unwrap_or(Demand::RequireAndVerify) }),
    }))
}

fn certificates(tls: &Section<'_>) -> Result<Certificates, ConfigError> {
    let acme = tls.section("letsencrypt")?;
    match (tls.some("certificate")?, tls.some("key")?) {
        (Some(certificate), Some(key)) if acme.is_empty() => {
            Ok(Certificates::Files { certificate: certificate.into(), key: key.into() })
        }
        (None, None) if !acme.is_empty() => Ok(Certificates::LetsEncrypt(Box::new(LetsEncrypt {
            cache: acme.some("cachefile")?.ok_or_else(|| acme.missing("cachefile"))?.into(),
            email: acme.some("email")?,
            hosts: hosts(&acme)?,
            directory: acme.some("directoryurl")?,
        }))),
        (Some(_), None) => Err(tls.missing("key")),
        (None, _) => Err(tls.missing("certificate")),
        (Some(_), Some(_)) => Err(tls
            .error("letsencrypt", acme.origin(), "there is a certificate already")
            .with_hint("keep certificate and key, or letsencrypt")),
    }
}

/// Without any, registry:2 asks for a certificate for whatever name a stranger connects with.
fn hosts(acme: &Section<'_>) -> Result<Vec<String>, ConfigError> {
    let hosts = acme.list("hosts", |text| match rustls::pki_types::DnsName::try_from(text) {
        Ok(_) => Ok(text.to_ascii_lowercase()),
        Err(_) => Err("must be the name of a host".into()),
    })?;
    if hosts.is_empty() {
        let hint = "name the hosts to get certificates for: hosts: [registry.example]";
        return Err(acme.missing("hosts").with_hint(hint));
    }
    Ok(hosts)
}

fn demand(text: &str) -> Result<Demand, String> {
    match text {
        "request-client-cert" => Ok(Demand::Request),
        "require-any-client-cert" => Ok(Demand::RequireAny),
        "verify-client-cert-if-given" => Ok(Demand::VerifyIfGiven),
        "require-and-verify-client-cert" => Ok(Demand::RequireAndVerify),
        _ => Err("must be request-client-cert, require-any-client-cert, verify-client-cert-if-given or \
                  require-and-verify-client-cert"
            .into()),
    }
}

/// What is older than 1.2 is not spoken: who allows it gets the oldest that is.
fn version(text: &str) -> Result<TlsVersion, String> {
    match text {
        "" | "tls1.0" | "tls1.1" | "tls1.2" => Ok(TlsVersion::V1_2),
        "tls1.3" => Ok(TlsVersion::V1_3),
        _ => Err("must be tls1.2 or tls1.3".into()),
    }
}

/// What is taken, because registry:2 takes it, and is not done: it is not sound.
pub(super) fn warnings(document: &Node) -> Vec<Warning> {
    let Some(tls) = document.get("http").and_then(|http| http.get("tls")) else { return Vec::new() };
    let mut warnings = Vec::new();
    let mut warn = |node: &Node, name: &str, what: String| {
        warnings.push(Warning { at: node.at.clone(), path: format!("http.tls.{name}"), what: What::NotSo(what) });
    };
    if let Some(node @ Node { value: Value::Scalar(text), .. }) = tls.get("minimumtls")
        && matches!(text.as_str(), "tls1.0" | "tls1.1")
    {
        warn(node, "minimumtls", format!("is tls1.2: {text} is not sound, and not spoken"));
    }
    if let Some(Node { value: Value::List(suites), .. }) = tls.get("ciphersuites") {
        for node in suites {
            if let Value::Scalar(name) = &node.value
                && !is_offered(name)
            {
                warn(
                    node,
                    "ciphersuites",
                    format!("names {}, which is not sound, and not offered", section::shown(name)),
                );
            }
        }
    }
    warnings
}

/// Whether a cipher suite gives forward secrecy and authenticates what it encrypts.
fn is_offered(name: &str) -> bool {
    let is_authenticated = name.contains("_GCM_") || name.contains("_CHACHA20_");
    is_authenticated && (name.starts_with("TLS_ECDHE_") || !name.contains("_WITH_"))
}

/// Every name that distribution takes, of 2.8 and 3.x, follows one pattern.
fn cipher_suite(text: &str) -> Result<String, String> {
    const CIPHERS: [&str; 10] = [
        "RC4_128_SHA",
        "3DES_EDE_CBC_SHA",
        "AES_128_CBC_SHA",
        "AES_256_CBC_SHA",
        "AES_128_CBC_SHA256",
        "AES_128_GCM_SHA256",
        "AES_256_GCM_SHA384",
        "CHACHA20_POLY1305",
        "CHACHA20_POLY1305_SHA256",
        "AES_256_CBC_SHA256",
    ];
    let known = text.strip_prefix("TLS_").is_some_and(|rest| {
        let keys = ["RSA_WITH_", "ECDHE_RSA_WITH_", "ECDHE_ECDSA_WITH_"];
        CIPHERS.contains(&keys.iter().find_map(|key| rest.strip_prefix(key)).unwrap_or(rest))
    });
    if known { Ok(text.to_owned()) } else { Err("is no cipher suite".into()) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Document, Sources};
    use super::*;

    fn tls(text: &str) -> Result<Option<Tls>, String> {
        let text = format!("version: 0.1\nhttp: {{tls: {text}}}\n");
        let variables = BTreeMap::new();
        let sources =
            Sources { file: Some(("f", &text)), variables: &variables, address: None, root: None, home: None };
        let document = Document::read(sources).map_err(|faults| faults.to_string())?;
        document.tls().map_err(|fault| fault.to_string())
    }

    #[test]
    fn nothing_in_it_is_no_tls() {
        for none in ["", "{}", "{certificate: , key: }", "{letsencrypt: }", "{letsencrypt: {hosts: []}}", "{key: ''}"] {
            assert_eq!(tls(none), Ok(None), "{none}");
        }
    }

    #[test]
    fn certificates_and_clients() {
        let plain = tls("{certificate: /c, key: /k}").expect("valid").expect("tls");
        assert_eq!(plain.certificates, Certificates::Files { certificate: "/c".into(), key: "/k".into() });
        assert_eq!((plain.minimum, plain.cipher_suites.len(), plain.clients), (TlsVersion::V1_2, 0, None));
        let all = "{certificate: /c, key: /k, clientcas: [/a, /b], clientauth: verify-client-cert-if-given, \
                   minimumtls: tls1.3, ciphersuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}";
        let all = tls(all).expect("valid").expect("tls");
        assert_eq!(
            all.clients,
            Some(Clients { authorities: vec!["/a".into(), "/b".into()], demand: Demand::VerifyIfGiven })
        );
        assert_eq!(all.minimum, TlsVersion::V1_3);
        assert_eq!(all.cipher_suites, ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]);
        let acme = tls("{letsencrypt: {cachefile: /d, email: a@b, hosts: [r.example]}}").expect("valid").expect("tls");
        assert_eq!(
            acme.certificates,
            Certificates::LetsEncrypt(Box::new(LetsEncrypt {
                cache: "/d".into(),
                email: Some("a@b".into()),
                hosts: vec!["r.example".into()],
                directory: None,
            }))
        );
    }

    #[test]
    fn what_is_not_sound_is_said() {
        let text = "version: 0.1\nhttp: {tls: {minimumtls: tls1.0, ciphersuites: [TLS_RSA_WITH_AES_128_GCM_SHA256, \
                    TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, \
                    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305, TLS_AES_128_GCM_SHA256]}}\n";
        let variables = BTreeMap::new();
        let sources = Sources { file: Some(("f", text)), variables: &variables, address: None, root: None, home: None };
        let said: Vec<_> = Document::read(sources).expect("valid").warnings().iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "f:2:26: http.tls.minimumtls is tls1.2: tls1.0 is not sound, and not spoken",
                "f:2:49: http.tls.ciphersuites names TLS_RSA_WITH_AES_128_GCM_SHA256, which is not sound, and not offered",
                "f:2:82: http.tls.ciphersuites names TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, which is not sound, and not \
                 offered",
            ]
        );
    }

    #[test]
    fn what_is_not_whole_is_a_fault() {
        for (text, fault) in [
            ("{certificate: c}", "f:2:13: http.tls.key: is missing"),
            ("{key: k}", "f:2:13: http.tls.certificate: is missing"),
            ("{minimumtls: tls1.2}", "f:2:13: http.tls.certificate: is missing"),
            (
                "{certificate: c, key: k, minimumtls: ssl3}",
                "f:2:50: http.tls.minimumtls: must be tls1.2 or tls1.3, not \"ssl3\"",
            ),
            (
                "{certificate: c, key: k, ciphersuites: [AES]}",
                "f:2:53: http.tls.ciphersuites: is no cipher suite, not \"AES\"",
            ),
            ("{certificate: c, key: k, clientauth: request-client-cert}", "f:2:13: http.tls.clientcas: is missing"),
            (
                "{certificate: c, key: k, letsencrypt: {cachefile: d}}",
                "f:2:51: http.tls.letsencrypt: there is a certificate already",
            ),
            ("{letsencrypt: {cachefile: d}}", "f:2:27: http.tls.letsencrypt.hosts: is missing"),
            (
                "{letsencrypt: {cachefile: d, hosts: ['*.h']}}",
                "f:2:50: http.tls.letsencrypt.hosts: must be the name of a host, not \"*.h\"",
            ),
            ("{letsencrypt: {hosts: [h]}}", "f:2:27: http.tls.letsencrypt.cachefile: is missing"),
        ] {
            assert_eq!(tls(text), Err(fault.to_owned()), "{text}");
        }
    }
}
