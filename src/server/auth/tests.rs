//! What stands in answers to those who are not let in.

use super::*;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

async fn admit(guard: &Guard, authorization: &[&str]) -> Result<Option<User>, Refusal> {
    let mut request = http::Request::get("/v2/");
    for value in authorization {
        request = request.header(AUTHORIZATION, *value);
    }
    let (head, ()) = request.body(()).expect("a request").into_parts();
    guard.admit(&head, PEER, &Scopes::catalog()).await
}

fn unauthenticated(challenge: &str) -> Result<Option<User>, Refusal> {
    Err(Refusal::Unauthenticated { challenge: challenge.into(), needed: Scopes::none() })
}

#[tokio::test]
async fn an_open_door_and_a_silly_one() {
    assert_eq!(admit(&Guard::Open, &[]).await, Ok(None));
    assert_eq!(admit(&Guard::Open, &["Basic !"]).await, Ok(None), "nobody looks");
    let silly = Guard::Silly { realm: "r \"q\"\\\n".into(), service: "s".into() };
    assert_eq!(admit(&silly, &[]).await, unauthenticated(r#"Bearer realm="r \"q\"\\",service="s""#));
    assert_eq!(admit(&silly, &["x"]).await, Ok(Some(User("silly".into()))));
}

#[tokio::test]
async fn users_of_a_file() {
    let directory = tempfile::tempdir().expect("made");
    let path = directory.path().join("htpasswd");
    std::fs::write(&path, format!("alice:{}\n", bcrypt::hash("secret", 4).expect("hashed"))).expect("written");
    let passwords = Passwords::open(&path, crate::sys::Clock::System).expect("opened");
    let guard = Guard::Htpasswd { realm: "basic-realm".into(), passwords: Box::new(passwords) };
    // alice:secret
    let right = admit(&guard, &["Basic YWxpY2U6c2VjcmV0"]).await;
    assert_eq!(right, Ok(Some(User("alice".into()))));
    // alice:wrong
    for wrong in
        [&[][..], &["Basic YWxpY2U6d3Jvbmc="], &["Bearer x"], &["Basic YWxpY2U6c2VjcmV0", "Basic YWxpY2U6c2VjcmV0"]]
    {
        assert_eq!(admit(&guard, wrong).await, unauthenticated(r#"Basic realm="basic-realm""#), "{wrong:?}");
    }
}
