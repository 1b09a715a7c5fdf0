//! Secrets that are made, shown, mistyped and revoked; files that may mean more than is known.

use jiff::SignedDuration;

use super::*;
use crate::spec::Repository;

fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).expect("a time")
}

fn name(text: &str) -> Repository {
    text.parse().expect("a repository")
}

fn make(tokens: &mut ApiTokens, scopes: &[&str], expires: Option<Timestamp>) -> (String, String) {
    let scopes: Vec<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
    let draft = Draft { name: Some("ci"), owner: "alice", scopes: &scopes, created: now(), expires };
    let (token, secret) = tokens.create(draft).expect("scopes");
    (token.id.clone(), secret)
}

#[test]
fn a_secret_is_shown_once_and_stands_for_its_owner() {
    let mut tokens = ApiTokens::default();
    let expires = now() + SignedDuration::from_hours(1);
    let (id, secret) = make(&mut tokens, &["team/**:push", "a:delete"], Some(expires));
    let (other, _) = make(&mut tokens, &["**:*"], None);
    assert_ne!(id, other);
    assert_eq!(secret.len(), 60);
    assert!(secret.starts_with(&format!("reg_{id}")) && !tokens.text().contains(&secret[12..52]));
    let again = ApiTokens::parse(&tokens.text()).expect("own text");
    assert_eq!(again, tokens);
    let shown = Shown::read(&secret).expect("a secret");
    let holder = again.holder(&shown, now()).expect("a holder");
    assert_eq!((holder.id.as_str(), holder.owner.as_str()), (id.as_str(), "alice"));
    let allows = |action, repository: &str| holder.grants.iter().any(|grant| grant.allows(action, &name(repository)));
    assert!(allows(Action::Pull, "team/x") && allows(Action::Push, "team/x/y") && allows(Action::Delete, "a"));
    assert!(!allows(Action::Delete, "team/x") && !allows(Action::Pull, "a") && !allows(Action::Pull, "team"));
    assert!(again.holder(&shown, expires).is_none(), "it has expired");
    assert!(again.holder_by_id(&id, expires).is_none() && again.holder_by_id(&other, expires).is_some());
    assert!(tokens.revoke(&id) && !tokens.revoke(&id));
    assert!(tokens.holder(&shown, now()).is_none() && tokens.find(&other).is_some());
}

#[test]
fn what_is_no_secret_is_told_without_the_file() {
    let mut tokens = ApiTokens::default();
    let (id, secret) = make(&mut tokens, &["**:pull"], None);
    let flipped = |at: usize| {
        let mut bytes = secret.clone().into_bytes();
        bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
        String::from_utf8(bytes).expect("text")
    };
    for text in [
        flipped(4),
        flipped(20),
        flipped(59),
        secret.to_uppercase(),
        secret[..59].into(),
        format!("{secret}a"),
        "reg_".into(),
        String::new(),
        format!("reg_{}", "é".repeat(28)),
    ] {
        assert!(Shown::read(&text).is_none(), "{text}");
    }
    // The right name and checksum, another secret.
    let body = format!("reg_{id}{}", "a".repeat(40));
    let guess = format!("{body}{}", checksum(&body));
    assert!(tokens.holder(&Shown::read(&guess).expect("a form"), now()).is_none());
    assert_eq!(checksum("reg_aaaaaaaa"), "zz42vqqr");
}

#[test]
fn scopes() {
    for text in ["team/**:pull", "**:*", "a:pull,push,delete", "{a,b}/*:push"] {
        assert!(read_scope(text).is_ok(), "{text}");
    }
    for text in
        ["", "team/**", "team/**:", "team/**:fly", "team/**:pull,", ":pull", "Team:pull", "a**:pull", "a:pull,*"]
    {
        assert_eq!(read_scope(text), Err(ScopeError(text.into())), "{text}");
    }
}

#[test]
fn files_that_may_mean_more_are_not_read() {
    let token =
        r#"{"id":"aaaaaaaa","owner":"a","scopes":["**:pull"],"created":"2026-01-01T00:00:00Z","sha256":"HASH"}"#
            .replace("HASH", &"0".repeat(64));
    let file = |tokens: &str| format!(r#"{{"version":1,"tokens":[{tokens}]}}"#);
    assert_eq!(ApiTokens::parse(&file(&token)).expect("a file").iter().count(), 1);
    for text in [
        String::new(),
        file(&token).replace(r#""version":1"#, r#""version":2"#),
        file(&token).replace(r#""version":1,"#, ""),
        file(&format!("{token},{token}")),
        file(&token.replace(r#""owner":"a""#, r#""owner":"a","networks":[]"#)),
        file(&token.replace("**:pull", "**:fly")),
        file(&token.replace("aaaaaaaa", "../a")),
        file(&token.replace(r#""owner":"a""#, r#""owner":"a:b""#)),
        file(&token.replace("00000000", "0000000")),
        file(&token.replace("2026-01-01T00:00:00Z", "yesterday")),
    ] {
        assert!(ApiTokens::parse(&text).is_err(), "{text}");
    }
}
