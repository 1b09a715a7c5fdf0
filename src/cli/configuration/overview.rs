//! What a server would be, a few words a line: what holds always, then what is switched on.

use std::fmt::Write as _;
use std::time::Duration;

use humansize::{BINARY, format_size};

use crate::registry::Quota;
use crate::server::Trusted;
use crate::server::auth::rules::Rules;
use crate::server::config::{
    Auth, Certificates, Check, CheckKind, Config, Debug, Demand, Limits, Notifications, OwnTokens, Storage, Tls,
    TlsVersion,
};
use crate::spec::inert::one_line;
use crate::spec::without_secrets;
use crate::store::Prospect;

const PROXY: &str = "none: nothing is fetched from remoteurl, and nobody can push";

pub(super) fn of(config: &Config, root: Option<&Prospect>) -> String {
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let options = &config.options;
    let lines = [
        ("address", Some(config.door.to_string())),
        ("tls", config.tls.as_ref().map(tls)),
        ("proxies", proxies(&config.trusted)),
        ("storage", Some(storage(&config.storage, root))),
        ("deletes", Some(yes(options.delete_enabled))),
        ("read-only", Some(yes(options.read_only))),
        ("proxy", config.proxy.as_ref().map(|_| PROXY.to_owned())),
        ("auth", Some(auth(config.auth.as_ref()))),
        ("access", config.access.as_ref().map(access)),
        ("tokens", tokens(&config.tokens)),
        ("limits", limits(&config.limits, options.blob_bytes_max)),
        ("quotas", quotas(config)),
        ("notifications", config.notifications.as_ref().map(notifications)),
        ("health", health(&config.health)),
        ("debug", config.debug.as_ref().map(debug)),
    ];
    let mut text = String::new();
    for (name, says) in lines.into_iter().filter_map(|(name, says)| Some((name, says?))) {
        let _ = writeln!(text, "{name:<13}  {}", one_line(&says));
    }
    text
}

fn proxies(trusted: &Trusted) -> Option<String> {
    let networks = trusted.0.len();
    (networks > 0).then(|| format!("those of {} say who their clients are", count(networks, "network")))
}

fn storage(storage: &Storage, root: Option<&Prospect>) -> String {
    match storage {
        Storage::Filesystem { root: path } => {
            let new = matches!(root, Some(Prospect::New { .. }));
            format!("directory {}{}", path.display(), if new { ", which will be made" } else { "" })
        }
        Storage::Memory => "memory only".to_owned(),
        Storage::S3(s3) => format!("bucket {}", s3.bucket),
    }
}

fn tls(tls: &Tls) -> String {
    let mut says = match &tls.certificates {
        Certificates::Files { certificate, .. } => format!("certificate {}", certificate.display()),
        Certificates::LetsEncrypt(acme) => format!("certificates by ACME for {}", acme.hosts.join(", ")),
    };
    if tls.minimum == TlsVersion::V1_3 {
        says.push_str(", TLS 1.3 only");
    }
    if let Some(clients) = &tls.clients {
        let files: Vec<_> = clients.authorities.iter().map(|path| path.display().to_string()).collect();
        let demand = match clients.demand {
            Demand::Request => "asked for, and not verified",
            Demand::RequireAny => "needed, and not verified",
            Demand::VerifyIfGiven => "verified if given",
            Demand::RequireAndVerify => "needed",
        };
        let _ = write!(says, "; certificates of clients are {demand}: {}", files.join(", "));
    }
    says
}

fn auth(auth: Option<&Auth>) -> String {
    match auth {
        None => "none".to_owned(),
        Some(auth @ Auth::Htpasswd { path, .. }) => format!("{}, users of {}", auth.name(), path.display()),
        Some(auth @ Auth::Token(token)) => {
            let files = [&token.rootcertbundle, &token.jwks].into_iter().flatten();
            let mut keys: Vec<String> = files.map(|path| path.display().to_string()).collect();
            keys.extend(token.jwks_url.as_ref().map(|url| without_secrets(url.as_str())));
            let realm = without_secrets(&token.realm);
            format!("{}, given out at {realm}, signed with keys of {}", auth.name(), keys.join(", "))
        }
        Some(auth @ Auth::Silly { .. }) => format!("{}: whoever sends any Authorization is let in", auth.name()),
    }
}

fn access(rules: &Rules) -> String {
    let strangers = match rules.admit_strangers() {
        true => "strangers are let in for some of it",
        false => "nobody without a name",
    };
    format!("{}, {strangers}", count(rules.rules.len(), "rule"))
}

fn tokens(tokens: &OwnTokens) -> Option<String> {
    let bearer = tokens.bearer.as_ref().map(|bearer| {
        let lasting = if bearer.secret.is_some() { "" } else { ", which end with the process (no http.secret)" };
        format!("bearer tokens for {} at /token{lasting}", length(bearer.lifetime))
    });
    let api = tokens.file.as_ref().map(|file| format!("API tokens of {}", file.display()));
    joined("; ", [bearer, api])
}

fn limits(limits: &Limits, blob_bytes_max: Option<u64>) -> Option<String> {
    let rates = limits.requests.len();
    joined(
        ", ",
        [
            (rates > 0).then(|| count(rates, "rate")),
            limits.connections.map(|most| count(most, "connection")),
            limits.connections_per_address.map(|most| format!("{most} of one address")),
            blob_bytes_max.map(|most| format!("blobs up to {}", format_size(most, BINARY))),
        ],
    )
}

fn quotas(config: &Config) -> Option<String> {
    let rules = &config.options.quotas;
    let one = |rule: &Quota| {
        let prefix = if rule.prefix.is_empty() { "everything" } else { &rule.prefix };
        format!("{prefix} {}", format_size(rule.bytes_max, BINARY))
    };
    let all: Vec<_> = rules.iter().map(one).collect();
    (!all.is_empty()).then(|| format!("{}; counted every {}", all.join(", "), length(config.quota_interval)))
}

fn notifications(notifications: &Notifications) -> String {
    let names: Vec<_> = notifications.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
    format!("to {}; events wait in {}", names.join(", "), notifications.directory.display())
}

fn health(checks: &[Check]) -> Option<String> {
    let one = |check: &Check| match &check.kind {
        CheckKind::Storage => "the storage".to_owned(),
        CheckKind::File(path) => format!("file {}", path.display()),
        CheckKind::Http { url, .. } => format!("http {}", url.host_str().unwrap_or_default()),
        CheckKind::Tcp { address, .. } => format!("tcp {address}"),
    };
    let all: Vec<_> = checks.iter().map(|check| format!("{} every {}", one(check), length(check.interval))).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn debug(debug: &Debug) -> String {
    let metrics = debug.metrics.as_ref().map_or_else(String::new, |path| format!(", metrics at {path}"));
    format!("{}{metrics}", debug.address)
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn joined<const N: usize>(between: &str, parts: [Option<String>; N]) -> Option<String> {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(between))
}

/// A length of time as the configuration writes it.
fn length(time: Duration) -> String {
    match (time.as_secs(), time.subsec_nanos()) {
        (seconds, 0) if seconds > 0 && seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        (seconds, 0) if seconds > 0 && seconds % 60 == 0 => format!("{}m", seconds / 60),
        _ => format!("{time:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::Token;

    #[test]
    fn whose_tokens_are_taken() {
        let token = Token {
            realm: "https://auth.example/token".into(),
            service: "registry".into(),
            issuer: "auth".into(),
            rootcertbundle: Some("/etc/auth.pem".into()),
            jwks: None,
            jwks_url: Some("https://auth.example/keys".parse().expect("a URL")),
            signing_algorithms: vec![],
            autoredirect: None,
        };
        let says = auth(Some(&Auth::Token(Box::new(token))));
        let keys = "/etc/auth.pem, https://auth.example/keys";
        assert_eq!(says, format!("token, given out at https://auth.example/token, signed with keys of {keys}"));
    }

    #[test]
    fn lengths_of_time() {
        for (seconds, text) in [(0, "0ns"), (1, "1s"), (60, "1m"), (90, "90s"), (3600, "1h"), (5400, "90m")] {
            assert_eq!(length(Duration::from_secs(seconds)), text);
        }
        assert_eq!(length(Duration::from_millis(60_500)), "60.5s");
    }
}
