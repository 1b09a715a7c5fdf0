//! Which challenge is answered.

use super::*;

fn picked(headers: &[&str]) -> Option<String> {
    let challenges: Vec<Challenge> = headers.iter().flat_map(|header| Challenge::parse_all(header)).collect();
    let url = Url::parse("https://r.example/v2/a/tags/list").expect("url");
    pick(&challenges, &url).map(|(scheme, named)| match scheme {
        Scheme::Basic => "Basic".into(),
        Scheme::Bearer { realm, service } => format!("{realm} {} [{named}]", service.unwrap_or_default()),
    })
}

#[test]
fn bearer_before_basic_and_nothing_unknown() {
    let bearer = r#"Bearer realm="https://a/t",service="s",scope="repository:x:pull""#;
    for headers in [
        &[bearer][..],
        &["Negotiate", bearer],
        &["Basic realm=\"x\"", bearer],
        &["Basic realm=\"x\", Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull\""],
    ] {
        assert_eq!(picked(headers).as_deref(), Some("https://a/t s [repository:x:pull]"), "{headers:?}");
    }
    assert_eq!(picked(&["Negotiate", r#"BASIC realm="x""#]).as_deref(), Some("Basic"));
    assert_eq!(picked(&[r#"Bearer service="s""#, r#"Basic realm="x""#]).as_deref(), Some("Basic"));
    assert_eq!(picked(&["Negotiate", "Digest realm=\"x\""]), None);
    assert_eq!(picked(&[]), None);
}

#[test]
fn realms_as_they_come() {
    assert_eq!(picked(&[r#"bearer realm="/token""#]).as_deref(), Some("https://r.example/token  []"));
    assert_eq!(picked(&[r#"Bearer realm="https://a/t?x=1""#]).as_deref(), Some("https://a/t?x=1  []"));
}

#[test]
fn the_repository_written_to_counts() {
    let scopes: Scopes = "repository:a:pull repository:b:pull,push registry:catalog:*".parse().expect("scopes");
    assert_eq!(repository_of(&scopes).expect("one").as_str(), "b");
    assert_eq!(repository_of(&"repository:a:pull".parse().expect("scopes")).expect("one").as_str(), "a");
    assert_eq!(repository_of(&Scopes::catalog()), None);
}
