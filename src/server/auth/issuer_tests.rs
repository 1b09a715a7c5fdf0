//! What is signed is taken back, and nothing else: every forgery of a token of ours that is not one.

use jiff::{SignedDuration, Timestamp};

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn issuer(service: &str, secret: Option<&str>, clock: &Clock) -> Issuer {
    Issuer::new(service, Duration::from_secs(300), secret, clock.clone())
}

fn alice() -> Subject {
    Subject { user: Some("alice".into()), stamp: Some("s".into()), via: None }
}

fn scopes(text: &str) -> Scopes {
    text.parse().expect("scopes")
}

#[test]
fn what_is_signed_is_read_by_whoever_has_the_secret() {
    let clock = Clock::System;
    let access = scopes("registry:catalog:* repository:a/b:pull,push");
    let one = issuer("r", Some(SECRET), &clock);
    let (token, _) = one.sign(Purpose::Access, alice(), &access);
    assert_eq!(issuer("r", Some(SECRET), &clock).read(Purpose::Access, &token), Some((alice(), access)));
    let (nobody, _) = one.sign(Purpose::Access, Subject::default(), &Scopes::none());
    assert_eq!(one.read(Purpose::Access, &nobody), Some((Subject::default(), Scopes::none())));
    assert_ne!(nobody, one.sign(Purpose::Access, Subject::default(), &Scopes::none()).0, "no token is given twice");
    let (random, _) = issuer("r", None, &clock).sign(Purpose::Access, alice(), &Scopes::none());
    assert_eq!(issuer("r", None, &clock).read(Purpose::Access, &random), None, "each process has its own");
    assert!(one.is_lasting() && !issuer("r", None, &clock).is_lasting());
    assert_eq!(one.stamp("a", "x"), issuer("r", Some(SECRET), &clock).stamp("a", "x"));
    assert_ne!(one.stamp("a", "x"), one.stamp("a", "y"));
    assert_ne!(one.stamp("a", "x"), one.stamp("b", "x"));
}

#[test]
fn what_is_none_of_ours_is_refused() {
    let clock = Clock::System;
    let one = issuer("r", Some(SECRET), &clock);
    let access = scopes("repository:a:pull");
    let (token, _) = one.sign(Purpose::Access, alice(), &access);
    let (refresh, _) = one.sign(Purpose::Refresh, alice(), &Scopes::none());
    assert_eq!(one.read(Purpose::Access, &refresh), None, "what is for new tokens opens nothing");
    assert_eq!(one.read(Purpose::Refresh, &token), None, "and the other way around");
    assert_eq!(issuer("other", Some(SECRET), &clock).read(Purpose::Access, &token), None, "another service");
    assert_eq!(
        issuer("r", Some(&SECRET.replace('0', "1")), &clock).read(Purpose::Access, &token),
        None,
        "another secret"
    );
    let [header, claims, tag] = token.split('.').collect::<Vec<_>>()[..] else { panic!("no token") };
    let more = String::from_utf8(BASE64URL_NOPAD.decode(claims.as_bytes()).expect("base64")).expect("text");
    let more = BASE64URL_NOPAD.encode(more.replace("pull", "push").as_bytes());
    let none = BASE64URL_NOPAD.encode(br#"{"alg":"none","typ":"JWT"}"#);
    let hs512 = BASE64URL_NOPAD.encode(br#"{"alg":"HS512","typ":"JWT"}"#);
    // Signed rightly, under a header that is not ours: the signature is that of another message.
    let other_header = format!("{hs512}.{claims}");
    let other_tag = BASE64URL_NOPAD.encode(hmac::sign(&one.access, other_header.as_bytes()).as_ref());
    for forged in [
        format!("{header}.{more}.{tag}"),
        format!("{header}.{claims}."),
        format!("{header}.{claims}"),
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{tag}"),
        format!("{other_header}.{other_tag}"),
        format!("{header}.{claims}.{tag}="),
        format!("{header}.{claims}.{}", &tag[..tag.len() - 2]),
        format!("{header}.{claims}.{tag}.{tag}"),
        format!("{header}..{tag}"),
        "..".into(),
        String::new(),
        "é.é.é".into(),
        "a".repeat(TOKEN_BYTES_MAX + 1),
    ] {
        assert_eq!(one.read(Purpose::Access, &forged), None, "{forged}");
    }
}

#[test]
fn a_token_ends() {
    let start = Timestamp::from_second(1_700_000_000).expect("a time");
    let clock = Clock::manual(start);
    let one = issuer("r", Some(SECRET), &clock);
    let (token, made) = one.sign(Purpose::Access, alice(), &Scopes::none());
    assert_eq!(made, start);
    let holds = |purpose, token: &str| one.read(purpose, token).is_some();
    for (step, expected) in [(0, true), (360, true), (1, false)] {
        clock.advance(SignedDuration::from_secs(step));
        assert_eq!(holds(Purpose::Access, &token), expected, "after {step} more");
    }
    let behind = issuer("r", Some(SECRET), &Clock::manual(start - SignedDuration::from_secs(61)));
    assert_eq!(behind.read(Purpose::Access, &token), None, "not yet, by a clock that is so far behind");
    let (refresh, _) = one.sign(Purpose::Refresh, alice(), &Scopes::none());
    clock.advance(SignedDuration::from_hours(90 * 24));
    assert!(holds(Purpose::Refresh, &refresh));
    clock.advance(SignedDuration::from_secs(61));
    assert!(!holds(Purpose::Refresh, &refresh));
}

#[test]
fn nobody_gets_more_than_they_may() {
    let may = scopes("repository:a:pull,push repository:b:pull registry:catalog:*");
    for (asked, given) in [
        ("repository:a:pull,push,delete", "repository:a:pull,push"),
        ("repository:a:* repository:b:*", "repository:a:pull,push repository:b:pull"),
        ("repository(plugin):b:pull,push", "repository:b:pull"),
        ("registry:catalog:* registry:gc:*", "registry:catalog:*"),
        ("repository:c:pull other:a:pull", ""),
        ("", ""),
    ] {
        assert_eq!(granted(&scopes(asked), |one| may.covers(one)).to_string(), given, "{asked}");
    }
}
