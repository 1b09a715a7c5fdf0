//! What proxies write, what clients write in front of it, and what nobody should.

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

fn headers(all: &[(&'static str, &[u8])]) -> HeaderMap {
    let value = |bytes: &[u8]| HeaderValue::from_bytes(bytes).expect("a value");
    all.iter().map(|(name, bytes)| (HeaderName::from_static(name), value(bytes))).collect()
}

/// Addresses as text, `-` for what is hidden.
fn shown(headers: &HeaderMap) -> Vec<String> {
    let shown = |hop| match hop {
        Hop::At(ip) => format!("{ip}"),
        Hop::Hidden => "-".into(),
    };
    hops(headers).map(shown).collect()
}

#[test]
fn the_nearest_is_the_last() {
    for (name, values, expected) in [
        ("x-forwarded-for", &["192.0.2.1"][..], &["192.0.2.1"][..]),
        ("x-forwarded-for", &["192.0.2.1,192.0.2.2 ,\t192.0.2.3"], &["192.0.2.3", "192.0.2.2", "192.0.2.1"]),
        ("x-forwarded-for", &["192.0.2.1, 192.0.2.2", "192.0.2.3"], &["192.0.2.3", "192.0.2.2", "192.0.2.1"]),
        ("x-forwarded-for", &["", " , ,192.0.2.1, ,"], &["192.0.2.1"]),
        (
            "x-forwarded-for",
            &["192.0.2.1:80, [2001:db8::1]:443, [2001:db8::2], 2001:db8::3"],
            &["2001:db8::3", "2001:db8::2", "2001:db8::1", "192.0.2.1"],
        ),
        ("x-forwarded-for", &["::ffff:192.0.2.1, [::ffff:192.0.2.2]:1"], &["192.0.2.2", "192.0.2.1"]),
        (
            "forwarded",
            &["for=192.0.2.1;proto=https;host=\"a,b;for=c\", For=\"[2001:db8::1]:4711\""],
            &["2001:db8::1", "192.0.2.1"],
        ),
        ("forwarded", &["by=_x;for=192.0.2.1", ";for=\"192.0.2.2:_p\"; "], &["192.0.2.2", "192.0.2.1"]),
    ] {
        let all: Vec<_> = values.iter().map(|value| (name, value.as_bytes())).collect();
        assert_eq!(shown(&headers(&all)), expected, "{name}: {values:?}");
    }
    assert_eq!(shown(&HeaderMap::new()), [""; 0]);
}

#[test]
fn what_is_no_address_is_hidden() {
    for text in [
        "unknown",
        "_hidden",
        "_SEVKISEK",
        "x",
        "192.0.2",
        "192.0.2.1.1",
        "192.0.2.256",
        "0300.0.2.1",
        "192.0.2.1:",
        "192.0.2.1:123456",
        "192.0.2.1:8o",
        "192.0.2.1 192.0.2.2",
        "192.0.2.1/24",
        "[192.0.2.1]",
        "[2001:db8::1",
        "2001:db8::1]",
        "[2001:db8::1]80",
        "[2001:db8::1]:",
        "[2001:db8::1]:_",
        "[fe80::1%eth0]",
        "fe80::1%1",
        "[]",
        "\"192.0.2.1\"",
        "for=192.0.2.1",
        "localhost",
        "2001:db8::1::2",
    ] {
        assert_eq!(shown(&headers(&[("x-forwarded-for", text.as_bytes())])), ["-"], "{text}");
    }
    for text in [
        "for=unknown",
        "for=_x",
        "for=",
        "for=\"\"",
        "for=\"192.0.2.1",
        "for=192.0.2.1\"",
        "for=\"192.0.2.1\"x",
        "for=192.0.2.1;for=192.0.2.2",
        "for=192.0.2.1;FOR=192.0.2.1",
        "for = 192.0.2.1",
        "proto=https",
        "192.0.2.1",
        "for",
        "for=\"192.0.2\\.1\"",
        "x=\"for=192.0.2.1\"",
        "host=\"a;for=192.0.2.1;",
    ] {
        assert_eq!(shown(&headers(&[("forwarded", text.as_bytes())])), ["-"], "{text}");
    }
}

#[test]
fn what_a_client_writes_hides_nothing_that_a_proxy_wrote_behind_it() {
    for (name, proxy) in [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")] {
        for client in
            [&b"\""[..], b"for=\"", b"a\\", b"\xff\xfe", b";;;", b"for=\"a, b", b"\"\"\"", b"for=1.1.1.1;x=\"\\"]
        {
            let joined = [client, b", ", proxy.as_bytes()].concat();
            assert_eq!(hops(&headers(&[(name, &joined)])).next(), Some(Hop::At([192, 0, 2, 1].into())), "{client:?}");
            let apart = headers(&[(name, client), (name, proxy.as_bytes())]);
            assert_eq!(hops(&apart).next(), Some(Hop::At([192, 0, 2, 1].into())), "{client:?}");
        }
    }
    let both = headers(&[("forwarded", b"for=198.51.100.1"), ("x-forwarded-for", b"192.0.2.1")]);
    assert_eq!(shown(&both), ["192.0.2.1"]);
    let emptied = headers(&[("forwarded", b"for=198.51.100.1"), ("x-forwarded-for", b"")]);
    assert_eq!(shown(&emptied), [""; 0], "what is emptied says nothing");
}

#[test]
fn a_list_without_end_has_one() {
    let long = "192.0.2.1, ".repeat(10_000);
    assert_eq!(hops(&headers(&[("x-forwarded-for", long.as_bytes())])).count(), 32);
    let quotes = "\"".repeat(100_000);
    assert_eq!(shown(&headers(&[("forwarded", quotes.as_bytes())])), ["-"]);
}

proptest! {
    #[test]
    fn every_address_reads_as_itself(ip: IpAddr, port in proptest::option::of(any::<u16>()), prefix in "[ -~]{0,40}") {
        let (bare, bracketed) = match ip {
            IpAddr::V4(ip) => (ip.to_string(), ip.to_string()),
            IpAddr::V6(ip) => (ip.to_string(), format!("[{ip}]")),
        };
        let node = port.map_or(bare, |port| format!("{bracketed}:{port}"));
        let quoted = port.map_or(bracketed.clone(), |port| format!("{bracketed}:{port}"));
        for (name, element) in [("x-forwarded-for", node), ("forwarded", format!("for=\"{quoted}\""))] {
            let value = format!("{prefix},{element}");
            let first = hops(&headers(&[(name, value.as_bytes())])).next();
            prop_assert_eq!(first, Some(Hop::At(ip.to_canonical())), "{}", value);
        }
    }

    #[test]
    fn anything_is_read(value in proptest::collection::vec(32_u8..=255, 0..200)) {
        let value: Vec<u8> = value.into_iter().filter(|&byte| byte != 127).collect();
        for name in ["x-forwarded-for", "forwarded"] {
            prop_assert!(hops(&headers(&[(name, &value)])).count() <= HOPS_MAX);
        }
    }
}
