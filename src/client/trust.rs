//! Whom a registry may send us to: who sees credentials, and whose addresses are nobody's business outside.
//!
//! Challenges, redirects and sessions come from the registry; a hostile or broken one must not send a password, or a
//! request from inside of this network, to wherever it likes. Knows hosts and addresses as they are spelled: nothing is
//! looked up.

use std::net::IpAddr;

use url::{Host, Url};

/// Whether `url` is the registry at `base` itself: the same scheme, host and port (RFC 6454 §5). Only it gets the
/// registry's credentials, and only its challenges are answered.
pub(super) fn is_own(base: &Url, url: &Url) -> bool {
    base.origin() == url.origin()
}

/// Whether `realm`, named by the registry at `base`, may see credentials.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn check_realm(base: &Url, realm: &Url) -> Result<(), String> {
    match realm.scheme() {
        "https" => {}
        "http" if base.scheme() == "http" => {}
        "http" => return Err("the registry is reached over https, but its token server over http".into()),
        other => return Err(format!("{other} is no scheme of a token server")),
    }
    if !realm.username().is_empty() || realm.password().is_some() {
        return Err("a realm with a user name in it".into());
    }
    check_inner(base, realm)
}

/// Whether the registry at `base` may lead to `url`: into a network only from inside of it.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn check_inner(base: &Url, url: &Url) -> Result<(), String> {
    let same = url.host_str() == base.host_str();
    if same || !is_inner_address(url) || is_inner_address(base) || base.domain().is_some_and(is_inner_name) {
        return Ok(());
    }
    Err(format!("{} is an address of a private network", url.host_str().unwrap_or_default()))
}

/// Whether the host has a name that means the same everywhere.
pub(super) fn has_public_name(url: &Url) -> bool {
    url.domain().is_some_and(|name| !is_inner_name(name))
}

/// Whether the host is a literal address that only means something inside of a network, or this machine.
fn is_inner_address(url: &Url) -> bool {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4),
        Some(Host::Domain(name)) => return is_this_machine(name.trim_end_matches('.')),
        None => return false,
    };
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local() || v6.is_unique_local() || v6.is_unspecified(),
    }
}

/// Whether a name is given by a network to its own: one label, or a suffix that nobody registers (RFC 6761, RFC 6762,
/// ICANN's `.internal`).
fn is_inner_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    !name.contains('.') || is_this_machine(name) || name.ends_with(".local") || name.ends_with(".internal")
}

fn is_this_machine(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_stay_where_they_belong() {
        let allowed = |base: &str, realm: &str| {
            check_realm(&Url::parse(base).expect("url"), &Url::parse(realm).expect("url")).is_ok()
        };
        for (base, realm) in [
            ("https://registry-1.docker.io/", "https://auth.docker.io/token"),
            ("https://r.example/", "https://r.example:8443/token"),
            ("http://r.example/", "http://auth.example/token"),
            ("http://localhost:5000/", "http://127.0.0.1:5001/token"),
            ("http://127.0.0.1:5000/", "http://127.0.0.1:5001/token"),
            ("https://10.0.0.1/", "https://10.0.0.2/token"),
            ("https://r.example/", "https://8.8.8.8/token"),
            ("https://registry:5000/", "https://10.0.0.2/token"),
            ("https://registry.internal/", "https://10.0.0.2/token"),
            ("https://10.0.0.1/", "https://localhost/token"),
        ] {
            assert!(allowed(base, realm), "{base} {realm}");
        }
        for (base, realm) in [
            ("https://r.example/", "http://r.example/token"),
            ("https://r.example/", "https://127.0.0.1/token"),
            ("https://r.example/", "https://127.1/token"),
            ("https://r.example/", "https://2130706433/token"),
            ("https://r.example/", "https://localhost/token"),
            ("https://r.example/", "https://localhost./token"),
            ("https://r.example/", "https://a.localhost/token"),
            ("https://r.example/", "https://169.254.169.254/latest/meta-data"),
            ("https://r.example/", "https://10.1.2.3/token"),
            ("https://r.example/", "https://[::1]/token"),
            ("https://r.example/", "https://[::ffff:10.0.0.1]/token"),
            ("https://r.example/", "https://[fe80::1]/token"),
            ("https://r.example/", "https://user@auth.example/token"),
            ("https://r.example/", "ftp://auth.example/token"),
            ("https://r.example/", "file:///etc/passwd"),
        ] {
            assert!(!allowed(base, realm), "{base} {realm}");
        }
    }

    #[test]
    fn own_is_scheme_host_and_port() {
        let own = |base: &str, url: &str| is_own(&Url::parse(base).expect("url"), &Url::parse(url).expect("url"));
        for (base, url) in [
            ("https://r.example/", "https://r.example/v2/a/tags/list?last=x"),
            ("https://r.example/", "https://R.EXAMPLE:443/v2/"),
            ("http://r.example/", "http://r.example:80/v2/"),
            ("http://r.example:5000/", "http://r.example:5000/v2/"),
        ] {
            assert!(own(base, url), "{base} {url}");
        }
        for (base, url) in [
            ("https://r.example/", "https://upload.example/v2/"),
            ("https://r.example/", "https://a.r.example/v2/"),
            ("https://r.example/", "https://r.example.evil.example/v2/"),
            ("https://r.example/", "https://r.example@evil.example/v2/"),
            ("https://r.example/", "https://r.example:8443/v2/"),
            ("https://r.example/", "http://r.example/v2/"),
            ("http://r.example/", "https://r.example/v2/"),
            ("http://r.example:5000/", "http://r.example:5001/v2/"),
        ] {
            assert!(!own(base, url), "{base} {url}");
        }
    }

    #[test]
    fn names_that_mean_the_same_everywhere() {
        let public = |url: &str| has_public_name(&Url::parse(url).expect("url"));
        assert!(public("https://upload.example/") && public("https://a.b.example/"));
        for url in
            ["registry:5000", "r.local", "r.internal", "a.localhost", "localhost.", "10.0.0.1", "8.8.8.8", "[::1]"]
        {
            assert!(!public(&format!("https://{url}/")), "{url}");
        }
    }
}
