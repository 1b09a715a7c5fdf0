//! What stands in answers to those who are not let in.

use super::*;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn headers(authorization: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in authorization {
        headers.append(AUTHORIZATION, value.parse().expect("a value"));
    }
    headers
}

#[tokio::test]
async fn an_open_door_and_a_silly_one() {
    assert_eq!(Guard::Open.admit(&headers(&[]), PEER).await, Ok(None));
    assert_eq!(Guard::Open.admit(&headers(&["Basic !"]), PEER).await, Ok(None), "nobody looks");
    let silly = Guard::Silly { realm: "r \"q\"\\\n".into(), service: "s".into() };
    let challenge = r#"Bearer realm="r \"q\"\\",service="s""#.to_owned();
    assert_eq!(silly.admit(&headers(&[]), PEER).await, Err(Refusal::Unauthenticated { challenge }));
    assert_eq!(silly.admit(&headers(&["x"]), PEER).await, Ok(Some(User("silly".into()))));
}

#[tokio::test]
async fn users_of_a_file() {
    let directory = tempfile::tempdir().expect("made");
    let path = directory.path().join("htpasswd");
    std::fs::write(&path, format!("alice:{}\n", bcrypt::hash("secret", 4).expect("hashed"))).expect("written");
    let passwords = Passwords::open(&path, crate::sys::Clock::System).expect("opened");
    let guard = Guard::Htpasswd { realm: "basic-realm".into(), passwords: Box::new(passwords) };
    // alice:secret
    let right = guard.admit(&headers(&["Basic YWxpY2U6c2VjcmV0"]), PEER).await;
    assert_eq!(right, Ok(Some(User("alice".into()))));
    let refused = || Err(Refusal::Unauthenticated { challenge: r#"Basic realm="basic-realm""#.into() });
    // alice:wrong
    for wrong in
        [&[][..], &["Basic YWxpY2U6d3Jvbmc="], &["Bearer x"], &["Basic YWxpY2U6c2VjcmV0", "Basic YWxpY2U6c2VjcmV0"]]
    {
        assert_eq!(guard.admit(&headers(wrong), PEER).await, refused(), "{wrong:?}");
    }
}
