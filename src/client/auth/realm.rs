//! Where credentials may be sent: a challenge comes from the registry, and a hostile or broken one must not send a
//! password to wherever it likes.

use std::net::IpAddr;

use url::{Host, Url};

/// Whether `realm`, named by the registry at `base`, may see credentials.
///
/// # Errors
/// What is wrong with it, in words.
pub(in crate::client) fn check(base: &Url, realm: &Url) -> Result<(), String> {
    match realm.scheme() {
        "https" => {}
        "http" if base.scheme() == "http" => {}
        "http" => return Err("the registry is reached over https, but its token server over http".into()),
        other => return Err(format!("{other} is no scheme of a token server")),
    }
    if !realm.username().is_empty() || realm.password().is_some() {
        return Err("a realm with a user name in it".into());
    }
    let Some(address) = inner_address(realm) else { return Ok(()) };
    let same = realm.host_str() == base.host_str();
    let base_is_inner = inner_address(base).is_some() || is_localhost(base);
    if same || base_is_inner { Ok(()) } else { Err(format!("{address} is an address of a private network")) }
}

/// The address in a URL, if it is a literal one that only means something inside of a network.
fn inner_address(url: &Url) -> Option<IpAddr> {
    let address = match url.host()? {
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4),
        Host::Domain(_) => return None,
    };
    let inner = match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local() || v6.is_unique_local() || v6.is_unspecified(),
    };
    inner.then_some(address)
}

fn is_localhost(url: &Url) -> bool {
    url.host_str().is_some_and(|name| name == "localhost" || name.ends_with(".localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_stay_where_they_belong() {
        let allowed =
            |base: &str, realm: &str| check(&Url::parse(base).expect("url"), &Url::parse(realm).expect("url")).is_ok();
        for (base, realm) in [
            ("https://registry-1.docker.io/", "https://auth.docker.io/token"),
            ("https://r.example/", "https://r.example:8443/token"),
            ("http://r.example/", "http://auth.example/token"),
            ("http://localhost:5000/", "http://127.0.0.1:5001/token"),
            ("http://127.0.0.1:5000/", "http://127.0.0.1:5001/token"),
            ("https://10.0.0.1/", "https://10.0.0.2/token"),
            ("https://r.example/", "https://8.8.8.8/token"),
        ] {
            assert!(allowed(base, realm), "{base} {realm}");
        }
        for (base, realm) in [
            ("https://r.example/", "http://r.example/token"),
            ("https://r.example/", "https://127.0.0.1/token"),
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
}
