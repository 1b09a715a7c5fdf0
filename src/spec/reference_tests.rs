//! References: the table of CLI.md "Names".

use proptest::prelude::*;

use super::*;

const D: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn parse(text: &str) -> Result<Reference, ReferenceError> {
    Reference::parse(text, &"localhost:5000".parse().expect("valid"))
}

#[test]
fn hosts_are_told_from_repositories() {
    for (text, printed) in [
        ("app", "localhost:5000/app"),
        ("team/app:v1", "localhost:5000/team/app:v1"),
        ("localhost/app", "localhost/app"),
        ("host:80/app", "host:80/app"),
        ("r.example/app:v1", "r.example/app:v1"),
        ("MyHost/app", "MYHOST/app"),
        ("[::1]:5000/a/b:t", "[::1]:5000/a/b:t"),
        ("docker.io/alpine", "docker.io/library/alpine"),
        ("index.docker.io/a/b", "docker.io/a/b"),
        ("app:1", "localhost:5000/app:1"),
    ] {
        assert_eq!(parse(text).expect(text).to_string(), printed);
    }
    let both = parse(&format!("app:v1@{D}")).expect("valid");
    assert_eq!(both.tag.as_ref().expect("tag").as_str(), "v1");
    assert_eq!(both.locator().expect("locator").to_string(), D);
}

#[test]
fn refuses() {
    for text in [
        "",
        ":",
        "@",
        "/",
        "app:",
        "app@",
        "app@v1",
        "App",
        "a//b",
        "host:80/",
        "host:80/:v1",
        "h_st..x/a",
        "[::1/a",
        "[zz]:1/a",
        "host:0/a",
        "host:99999/a",
        "app:v 1",
        "-x.y/a",
        "http://h/a",
        "app:v1:v2",
    ] {
        assert!(parse(text).is_err(), "{text:?} gave {:?}", parse(text));
    }
}

#[test]
fn loopback() {
    for (host, expected) in [
        ("localhost:5000", true),
        ("a.localhost", true),
        ("127.0.0.9:1", true),
        ("[::1]:5000", true),
        ("10.0.0.1", false),
        ("example.com", false),
        ("notlocalhost", false),
        ("localhost.example", false),
    ] {
        assert_eq!(host.parse::<Host>().expect(host).is_loopback(), expected, "{host}");
    }
}

/// Printed as `linux/arm64`, it would be a repository of the default registry.
#[test]
fn a_host_without_a_dot_stays_a_host() {
    let reference = parse("liNux/arm64:v8").expect("a host by its upper case");
    assert_eq!(reference.host, "linux".parse().expect("a host"));
    assert_eq!(reference.to_string(), "LINUX/arm64:v8");
    assert_eq!(parse(&reference.to_string()), Ok(reference));
    assert_eq!(parse("LocalHost/a").expect("valid").to_string(), "localhost/a");
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC{0,120}") {
        let _ = parse(&text);
        let _ = text.parse::<Host>();
    }

    #[test]
    fn what_is_printed_parses_to_the_same(text in "([a-z]{1,4}\\.[a-z]{2}(:[1-9][0-9]{0,3})?/)?[a-z0-9]{1,5}(/[a-z]{1,3}){0,2}(:[a-z0-9][a-z0-9.]{0,5})?") {
        let reference = parse(&text).expect("well formed");
        prop_assert_eq!(parse(&reference.to_string()), Ok(reference));
    }
}
