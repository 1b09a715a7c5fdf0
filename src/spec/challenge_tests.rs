//! What registries, proxies and token servers write into `WWW-Authenticate`, and what we read from it.

use proptest::prelude::*;

use super::*;

/// `scheme{name=value|…}` for each challenge: one line a header.
fn read(value: &str) -> String {
    let one = |challenge: &Challenge| {
        let parameters: Vec<String> =
            challenge.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let token68 = challenge.token68.as_ref().map(|token| format!("<{token}>")).unwrap_or_default();
        format!("{}{token68}{{{}}}", challenge.scheme, parameters.join("|"))
    };
    Challenge::parse_all(value).iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_registries_write() {
    for (header, expected) in [
        (
            r#"Bearer realm="https://a/t",service="s",scope="repository:x:pull,push""#,
            "Bearer{realm=https://a/t|service=s|scope=repository:x:pull,push}",
        ),
        (
            r#"Bearer realm="https://a/t", service="s", error="insufficient_scope""#,
            "Bearer{realm=https://a/t|service=s|error=insufficient_scope}",
        ),
        (r#"BASIC realm="Sonatype Nexus Repository Manager""#, "BASIC{realm=Sonatype Nexus Repository Manager}"),
        (r#"bearer Realm="https://a",SERVICE=s"#, "bearer{realm=https://a|service=s}"),
        (
            r#"Basic realm="x", Bearer realm="https://a/t",service="s""#,
            "Basic{realm=x} Bearer{realm=https://a/t|service=s}",
        ),
        (r#"Negotiate, Basic realm="x""#, "Negotiate{} Basic{realm=x}"),
        (r#"Negotiate TlRMTVNT/+==, Basic realm="x""#, "Negotiate<TlRMTVNT/+==>{} Basic{realm=x}"),
        ("NTLM TlRMTVNTUAAB", "NTLM<TlRMTVNTUAAB>{}"),
        ("Negotiate", "Negotiate{}"),
        (r#"Bearer realm="/token",service="s""#, "Bearer{realm=/token|service=s}"),
        (r#"Bearer realm="https://a/t?x=1&y=2""#, "Bearer{realm=https://a/t?x=1&y=2}"),
        ("Bearer realm=https://a/t,service=s", "Bearer{realm=https://a/t|service=s}"),
        (r#"Bearer scope="a:b:pull c:d:push",realm="r""#, "Bearer{scope=a:b:pull c:d:push|realm=r}"),
        (r#"Basic realm="say \"hi\" \\ there""#, r#"Basic{realm=say "hi" \ there}"#),
        (r#"Bearer realm = "r" , service = "s""#, "Bearer{realm=r|service=s}"),
        (r#"Bearer realm="r",,service="s","#, "Bearer{realm=r|service=s}"),
        (r#"Bearer realm="a, b = c, Basic realm=x""#, "Bearer{realm=a, b = c, Basic realm=x}"),
        (r#"Bearer realm="unclosed,service=s"#, "Bearer{realm=unclosed,service=s}"),
        (r#"realm="nobody's""#, ""),
        (r#"@@@, Basic realm="x""#, "Basic{realm=x}"),
        ("", ""),
        (" , ,", ""),
    ] {
        assert_eq!(read(header), expected, "{header}");
    }
}

#[test]
fn empty_parameters_count_as_absent() {
    let challenges = Challenge::parse_all(r#"Bearer realm="r",scope="",scope="repository:a:pull""#);
    assert_eq!(challenges[0].parameter("scope"), Some("repository:a:pull"));
    assert_eq!(challenges[0].parameter("service"), None);
    assert!(challenges[0].is("bearer") && !challenges[0].is("basic"));
}

#[test]
fn written_in_one_exact_form() {
    let scopes: Scopes = "repository:a/b:push,pull".parse().expect("scopes");
    assert_eq!(
        Challenge::bearer("https://r/token", "s", &scopes, None).to_string(),
        r#"Bearer realm="https://r/token",service="s",scope="repository:a/b:pull,push""#,
    );
    assert_eq!(
        Challenge::bearer("https://r/token", "s", &scopes, Some("invalid_token")).to_string(),
        r#"Bearer realm="https://r/token",service="s",scope="repository:a/b:pull,push",error="invalid_token""#,
    );
    assert_eq!(
        Challenge::bearer("https://r/token", "s", &Scopes::none(), None).to_string(),
        r#"Bearer realm="https://r/token",service="s""#,
    );
    assert_eq!(Challenge::basic(r#"a "b""#).to_string(), r#"Basic realm="a \"b\"""#);
}

proptest! {
    #[test]
    fn reads_what_it_writes(parameters in prop::collection::vec(("[a-z_]{1,8}", "[ -~]{0,20}"), 1..5)) {
        let challenge = Challenge { scheme: "Bearer".into(), token68: None, parameters };
        prop_assert_eq!(Challenge::parse_all(&challenge.to_string()), [challenge]);
    }

    #[test]
    fn never_panics_and_ends(value in "\\PC{0,120}") {
        let _ = Challenge::parse_all(&value);
    }

    #[test]
    fn pieces_in_any_order(value in r#"((Bearer|Basic|realm|=|"|,| |\\|x|==){0,20})"#) {
        let _ = Challenge::parse_all(&value);
    }
}
