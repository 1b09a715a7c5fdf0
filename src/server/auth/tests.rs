//! What stands in answers to those who are not let in.

use super::*;

const PEER: Peer = Peer::Local;

async fn admit(door: Door, authorization: &[&str]) -> Result<Option<User>, Refusal> {
    admit_by(&Guard::new(door, None), authorization).await
}

async fn admit_by(guard: &Guard, authorization: &[&str]) -> Result<Option<User>, Refusal> {
    let mut request = http::Request::get("/v2/");
    for value in authorization {
        request = request.header(AUTHORIZATION, *value);
    }
    let (head, ()) = request.body(()).expect("a request").into_parts();
    let route = crate::spec::Route::parse("/v2/_catalog", None).expect("a route");
    guard.admit(&head, PEER, &Needed::of(&head.method, &route)).await.map(|pass| pass.user)
}

fn unauthenticated(challenge: &str) -> Result<Option<User>, Refusal> {
    Err(Refusal::Unauthenticated { challenge: challenge.into(), needed: Scopes::none() })
}

#[tokio::test]
async fn an_open_door_and_a_silly_one() {
    assert_eq!(admit(Door::Open, &[]).await, Ok(None));
    assert_eq!(admit(Door::Open, &["Basic !"]).await, Ok(None), "nobody looks");
    let silly = || Door::Silly { realm: "r \"q\"\\\n".into(), service: "s".into() };
    assert_eq!(admit(silly(), &[]).await, unauthenticated(r#"Bearer realm="r \"q\"\\",service="s""#));
    assert_eq!(admit(silly(), &["x"]).await, Ok(Some(User("silly".into()))));
}

#[tokio::test]
async fn users_of_a_file() {
    let directory = tempfile::tempdir().expect("made");
    let path = directory.path().join("htpasswd");
    std::fs::write(&path, format!("alice:{}\n", bcrypt::hash("secret", 4).expect("hashed"))).expect("written");
    let passwords = Passwords::open(&path, crate::sys::Clock::System).expect("opened");
    let guard =
        Guard::new(Door::Htpasswd(Box::new(Users::new("basic-realm", passwords, crate::sys::Clock::System))), None);
    // alice:secret
    let right = admit_by(&guard, &["Basic YWxpY2U6c2VjcmV0"]).await;
    assert_eq!(right, Ok(Some(User("alice".into()))));
    // alice:wrong
    for wrong in
        [&[][..], &["Basic YWxpY2U6d3Jvbmc="], &["Bearer x"], &["Basic YWxpY2U6c2VjcmV0", "Basic YWxpY2U6c2VjcmV0"]]
    {
        assert_eq!(admit_by(&guard, wrong).await, unauthenticated(r#"Basic realm="basic-realm""#), "{wrong:?}");
    }
}
