//! Tokens that `tests/fixtures/tokens/make.py` made with PyJWT: what counts, what does not, and what is answered.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::*;

const ISSUER: &str = "issuer.example";
const SERVICE: &str = "registry.example";
/// Every good token counts then.
const NOW: i64 = 2_000_000_000;

#[derive(Deserialize)]
struct Fixtures {
    good: BTreeMap<String, String>,
    bad: BTreeMap<String, String>,
}

fn fixtures() -> Fixtures {
    serde_json::from_str(include_str!("../../../tests/fixtures/tokens/tokens.json")).expect("tokens")
}

fn good(name: &str) -> String {
    fixtures().good.remove(name).expect("a token")
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokens").join(name)
}

fn config() -> Config {
    Config {
        realm: "https://auth.example/token".into(),
        service: SERVICE.into(),
        issuer: ISSUER.into(),
        rootcertbundle: Some(file("bundle.pem")),
        jwks: Some(file("jwks.json")),
        jwks_url: None,
        signing_algorithms: Algorithm::ALL.to_vec(),
        autoredirect: None,
    }
}

fn clock() -> Clock {
    Clock::manual(Timestamp::from_second(NOW).expect("a time"))
}

fn tokens(config: &Config) -> Tokens {
    Tokens::open(config, clock()).expect("keys")
}

fn said(tokens: &Tokens, token: &str) -> String {
    tokens.verify(token).map_or_else(|reason| Chain(&reason).to_string(), |_| "counts".into())
}

#[test]
fn what_others_sign_counts() {
    let (tokens, fixtures) = (tokens(&config()), fixtures());
    assert!(fixtures.good.len() > 35);
    for (name, token) in &fixtures.good {
        assert_eq!(said(&tokens, token), "counts", "{name}");
        assert_eq!(said(&tokens, token), "counts", "{name}, remembered");
    }
}

#[test]
fn what_is_wrong_does_not() {
    let (tokens, mut fixtures) = (tokens(&config()), fixtures());
    let chain = |cause: &str| format!("x5c does not lead to auth.token.rootcertbundle: {cause}");
    let jwk = "the key in jwk is neither known nor that of its x5c";
    for (names, reason) in [
        ("expired", "it has expired"),
        ("not yet valid", "it is not valid yet"),
        ("no expiry", "it never expires"),
        ("other service; no service; service in other case", "it is not for auth.token.service"),
        ("other issuer", r#"it is from "other.example", not from auth.token.issuer"#),
        ("no issuer", r#"it is from "", not from auth.token.issuer"#),
        ("unsigned", r#"its algorithm "none" is not among auth.token.signingalgorithms"#),
        ("unsigned in other case", r#"its algorithm "nOnE" is not among auth.token.signingalgorithms"#),
        ("no signature; signature cut; signature as DER; signature of zeros; other claims", "the signature is wrong"),
        ("another key of the same id", "the signature is wrong"),
        ("another kind of key of the same id", "its key is not for its algorithm"),
        ("algorithm the key is not for; short secret", "its key is not for its algorithm"),
        ("confused by PEM; confused by PEM without a line end", "its key is not for its algorithm"),
        ("confused by DER; confused by modulus; confused by a point", "its key is not for its algorithm"),
        ("confused by a certificate", "its key is not for its algorithm"),
        ("no key id", "its header names no key: kid, x5c or jwk"),
        ("unknown key id", r#"its key "other" is not known"#),
        ("key that encrypts", r#"its key "encryption" is not known"#),
        ("critical", "its header names an extension that must be understood (crit)"),
        ("jwk of an unknown key; jwk with the chain of another; jwk that is a secret", jwk),
        ("x5c of another authority; x5c of another, with a known key id", &chain("InvalidSignatureForPublicKey")),
        ("x5c without its middle", &chain("UnknownIssuer")),
        ("x5c signed by no authority", &chain("EndEntityUsedAsCa")),
        ("x5c of another key", "the signature is wrong"),
        ("x5c too long; x5c empty", "x5c has no certificate, or too many"),
        ("x5c that is none", "x5c is no base64"),
        ("padded; four parts; two parts; no base64; a word; encrypted", "it is not three parts of base64url"),
    ] {
        for name in names.split("; ") {
            let token = fixtures.bad.remove(name).expect(name);
            assert_eq!(said(&tokens, &token), reason, "{name}");
            assert_eq!(said(&tokens, &token), reason, "{name}, again");
        }
    }
    for (name, beginning) in [
        ("x5c that is over", &*chain("CertExpired")),
        ("no JSON", "its header cannot be read: "),
        ("dots", "its header cannot be read: "),
        ("access is no list", "its claims cannot be read: "),
        ("expiry as text", "its claims cannot be read: "),
        ("subject is no text", "its claims cannot be read: "),
        ("claims are no object", "its claims cannot be read: "),
        ("a claim twice", "its claims cannot be read: duplicate field `iss`"),
    ] {
        let token = fixtures.bad.remove(name).expect(name);
        let found = said(&tokens, &token);
        assert!(found.starts_with(beginning), "{name}: {found}");
    }
    assert_eq!(fixtures.bad, BTreeMap::new(), "each of them is looked at");
    assert_eq!(said(&tokens, &"a".repeat(TOKEN_BYTES_MAX + 1)), "it is longer than 49152 bytes");
}

#[test]
fn no_character_of_a_token_can_be_another() {
    let tokens = tokens(&config());
    for name in ["ES256", "RS256", "HS256", "EdDSA"] {
        let token = good(name);
        assert_eq!(said(&tokens, &token), "counts");
        for at in 0..token.len() {
            for other in ["A", "B", "."] {
                let mut changed = token.clone();
                changed.replace_range(at..=at, other);
                assert!(changed == token || tokens.verify(&changed).is_err(), "{name} with {other} at {at}");
            }
        }
    }
}

#[test]
fn keys_count_as_far_as_they_are_configured() {
    let only = |algorithm| Config { signing_algorithms: vec![algorithm], ..config() };
    let not_among = |name| format!("its algorithm {name:?} is not among auth.token.signingalgorithms");
    assert_eq!(said(&tokens(&only(Algorithm::Es256)), &good("ES256")), "counts");
    assert_eq!(said(&tokens(&only(Algorithm::Es256)), &good("RS256")), not_among("RS256"));
    assert_eq!(said(&tokens(&only(Algorithm::Ps256)), &good("x5c")), not_among("ES256"));
    let no_keys = tokens(&Config { jwks: None, ..config() });
    assert_eq!(said(&no_keys, &good("ES256")), r#"its key "p256" is not known"#);
    assert_eq!(said(&no_keys, &good("libtrust")), "counts");
    let no_bundle = tokens(&Config { rootcertbundle: None, ..config() });
    assert_eq!(said(&no_bundle, &good("HS384")), "counts");
    assert!(said(&no_bundle, &good("x5c")).ends_with("UnknownIssuer"));
    let other = tokens(&Config { rootcertbundle: Some(file("other-bundle.pem")), ..config() });
    assert!(said(&other, &good("x5c")).starts_with("x5c does not lead to auth.token.rootcertbundle: "));
    assert!(said(&other, &good("x5c of the bundle itself")).starts_with("x5c does not lead to"));
}

#[test]
fn a_token_counts_in_its_time_with_a_minute_for_clocks() {
    let clock = clock();
    let tokens = Tokens::open(&config(), clock.clone()).expect("keys");
    // From NOW for 300 seconds.
    let token = good("short life");
    for (step, expected) in [
        (-60, "counts"),
        (-1, "it is not valid yet"),
        (61, "counts"),
        (360, "counts"),
        (1, "it has expired"),
        (-500, "it is not valid yet"),
    ] {
        clock.advance(SignedDuration::from_secs(step));
        assert_eq!(said(&tokens, &token), expected, "{}", clock.now());
    }
}

#[test]
fn what_is_remembered_goes_with_the_keys() {
    let directory = tempfile::tempdir().expect("made");
    let (bundle, jwks) = (directory.path().join("bundle.pem"), directory.path().join("jwks.json"));
    std::fs::copy(file("bundle.pem"), &bundle).expect("copied");
    std::fs::copy(file("jwks.json"), &jwks).expect("copied");
    let tokens = tokens(&Config { rootcertbundle: Some(bundle.clone()), jwks: Some(jwks.clone()), ..config() });
    let (by_key, by_chain) = (good("ES256"), good("x5c"));
    for token in [&by_key, &by_chain] {
        assert_eq!(said(&tokens, token), "counts");
    }
    assert_eq!(tokens.trust.current().value.verified.len(), 2);
    let put = |name: &Path, text: &str| {
        std::fs::write(directory.path().join("new"), text).expect("written");
        std::fs::rename(directory.path().join("new"), name).expect("renamed");
    };
    put(&jwks, r#"{"keys":[{"kty":"oct","kid":"p256","k":"AQ"}]}"#);
    assert_eq!(said(&tokens, &by_key), "its key is not for its algorithm");
    assert_eq!(said(&tokens, &by_chain), "counts");
    put(&bundle, &std::fs::read_to_string(file("other-bundle.pem")).expect("read"));
    assert!(said(&tokens, &by_chain).starts_with("x5c does not lead"));
    put(&jwks, "broken");
    assert_eq!(said(&tokens, &by_key), "its key is not for its algorithm", "what was in force stays");
}

#[test]
fn files_that_hold_no_keys() {
    let directory = tempfile::tempdir().expect("made");
    let path = directory.path().join("file");
    let at = path.display();
    for (text, certificates, keys) in [
        ("", format!("there is no certificate in {at}"), format!("{at} is no JSON Web Key Set: EOF while parsing")),
        (
            "{}",
            format!("there is no certificate in {at}"),
            format!("{at} is no JSON Web Key Set: missing field `keys`"),
        ),
        (
            r#"{"keys":[{"kty":"PQ"}]}"#,
            format!("there is no certificate in {at}"),
            format!("there is no key in {at} that a token can be signed with"),
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            format!("a certificate in {at} cannot be read: TrailingData(SignedData)"),
            format!("{at} is no JSON Web Key Set: "),
        ),
    ] {
        std::fs::write(&path, text).expect("written");
        for (config, expected) in [
            (Config { rootcertbundle: Some(path.clone()), ..config() }, certificates),
            (Config { jwks: Some(path.clone()), ..config() }, keys),
        ] {
            let error = Tokens::open(&config, clock()).expect_err(text);
            let said = Chain(&error).to_string();
            assert!(said.starts_with(&expected), "{text}: {said}");
        }
    }
    let many = format!(r#"{{"keys":[{}]}}"#, vec![r#"{"kty":"oct","k":"AQ"}"#; 1001].join(","));
    std::fs::write(&path, many).expect("written");
    let error = Tokens::open(&Config { jwks: Some(path.clone()), ..config() }, clock()).expect_err("too many");
    assert_eq!(error.to_string(), format!("{at} holds more than 1000 keys"));
    std::fs::remove_file(&path).expect("removed");
    let error = Tokens::open(&Config { jwks: Some(path.clone()), ..config() }, clock()).expect_err("no file");
    assert_eq!(error.to_string(), format!("cannot read {at}"));
}

/// What is answered to a request for `/v2/` with these headers that needs these scopes.
fn answer(config: &Config, headers: &[(&str, &str)], needed: &str) -> Result<Option<User>, String> {
    let mut request = http::Request::get(format!("/v2/?access_token={0}&token={0}", good("all")));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).expect("a request").into_parts();
    let needed: Scopes = needed.parse().expect("scopes");
    tokens(config).admit(&head, &needed).map_err(|refusal| match refusal {
        Refusal::Unauthenticated { challenge, needed: told } if told == needed => challenge,
        other => panic!("{other:?}"),
    })
}

#[test]
fn challenges_to_the_letter() {
    const BARE: &str = r#"Bearer realm="https://auth.example/token",service="registry.example""#;
    const PULL: &str =
        r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:team/app:pull""#;
    let ask = |authorization: &[&str], needed: &str| {
        let headers: Vec<_> = authorization.iter().map(|value| ("authorization", *value)).collect();
        answer(&config(), &headers, needed)
    };
    let (pull, needed) = (format!("Bearer {}", good("pull")), "repository:team/app:pull");
    assert_eq!(ask(&[], ""), Err(BARE.into()), "tokens in the query are not looked at");
    assert_eq!(ask(&[], needed), Err(PULL.into()));
    for none in ["Basic YWxpY2U6c2VjcmV0", "Bearer", "Bearer ", "Bearer a b", "Token x", "Bearer\tx"] {
        assert_eq!(ask(&[none], needed), Err(PULL.into()), "{none}");
    }
    assert_eq!(ask(&[&pull, &pull], needed), Err(PULL.into()), "two, of which a proxy may have looked at either");
    assert_eq!(ask(&["Bearer x"], needed), Err(format!(r#"{PULL},error="invalid_token""#)));
    assert_eq!(ask(&["bearer ..."], ""), Err(format!(r#"{BARE},error="invalid_token""#)));
    assert_eq!(ask(&[&pull], needed), Ok(Some(User("alice".into()))));
    assert_eq!(ask(&[&pull.replace("Bearer ", "bEARER  ")], ""), Ok(Some(User("alice".into()))));
    assert_eq!(
        ask(&[&pull], "repository:team/app:pull,push repository:base:pull"),
        Err(format!(r#"{BARE},scope="repository:base:pull repository:team/app:pull,push",error="insufficient_scope""#))
    );
    for nobody in ["nobody", "no subject"] {
        assert_eq!(ask(&[&format!("Bearer {}", good(nobody))], needed), Ok(None), "{nobody}");
    }
    let odd = Config { realm: "a\"b\\c\r\nX: y".into(), ..config() };
    assert_eq!(answer(&odd, &[], ""), Err(r#"Bearer realm="a\"b\\cX: y",service="registry.example""#.into()));
}

#[test]
fn a_realm_on_the_host_that_was_named() {
    let redirecting = Config { autoredirect: Some("/auth/token".into()), ..config() };
    for (headers, realm) in [
        (&[("host", "r.example:5000")][..], "https://r.example:5000/auth/token"),
        (&[("host", "r"), ("x-forwarded-proto", "http")], "http://r/auth/token"),
        (&[("host", "in"), ("forwarded", "proto=https;host=out")], "https://out/auth/token"),
        (&[("host", "in"), ("x-forwarded-host", "a\",x=\"b")], "https://auth.example/token"),
        (&[], "https://auth.example/token"),
    ] {
        let expected = format!(r#"Bearer realm="{realm}",service="registry.example""#);
        assert_eq!(answer(&redirecting, headers, ""), Err(expected), "{headers:?}");
    }
}

#[test]
fn what_a_token_allows() {
    let tokens = tokens(&config());
    for (name, allowed, not) in [
        ("pull", "repository:team/app:pull", "repository:team/app:push"),
        ("pull", "", "repository:team:pull"),
        ("pull", "", "repository:team/app/x:pull"),
        ("push", "repository:team/app:push", "repository:team/app:pull,push"),
        ("delete", "repository:team/app:delete", "repository:team/app:pull"),
        ("all", "repository:team/app:delete,pull,push", "repository:team:pull"),
        ("all", "", "registry:catalog:*"),
        ("catalog", "registry:catalog:*", "repository:catalog:pull"),
        ("two", "repository:team/app:pull,push repository:base:pull", "repository:base:push"),
        ("two", "", "repository:team/app:pull repository:other:pull"),
        ("split", "repository:team/app:pull,push", "repository:team/app:delete"),
        ("class", "repository:team/app:pull", "repository:team/app:push"),
        ("class in the type", "repository:team/app:pull", "repository:team/app:push"),
        ("prefix", "repository:team:pull", "repository:team/app:pull"),
        ("registry type", "", "repository:team/app:pull"),
        ("nothing", "", "repository:team/app:pull"),
        ("null access", "", "registry:catalog:*"),
    ] {
        let claims = tokens.verify(&good(name)).expect("counts");
        let covers = |text: &str| claims.scopes.covers(&text.parse().expect("scopes"));
        assert!(covers(allowed), "{name}: {allowed}");
        assert!(!covers(not), "{name}: {not}");
    }
}
