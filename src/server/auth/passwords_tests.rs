//! Files that change under a server, and passwords that are tried.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;

use jiff::{SignedDuration, Timestamp};

use super::*;

const PEER: Peer = Peer::Local;

fn line(user: &str, password: &str) -> String {
    format!("{user}:{}\n", bcrypt::hash(password, 4).expect("hashed"))
}

fn users(text: &str) -> (tempfile::TempDir, Passwords, Clock) {
    let directory = tempfile::tempdir().expect("made");
    let path = directory.path().join("htpasswd");
    fs::write(&path, text).expect("written");
    let clock = Clock::manual(Timestamp::UNIX_EPOCH);
    let passwords = Passwords::open(&path, clock.clone()).expect("opened");
    (directory, passwords, clock)
}

#[tokio::test]
async fn who_is_let_in() {
    let (_directory, passwords, _) = users(&(line("alice", "secret") + &line("bob", "p\u{e4}ss:") + "carol:plain\n"));
    for (user, password, is_right) in [
        ("alice", "secret", true),
        ("alice", "secret", true),
        ("alice", "Secret", false),
        ("alice", "", false),
        ("Alice", "secret", false),
        ("bob", "p\u{e4}ss:", true),
        ("bob", "secret", false),
        ("carol", "plain", false),
        ("alice", "secret\0secret", false),
        ("nobody", "secret", false),
    ] {
        assert_eq!(passwords.verify(user, password.as_bytes(), PEER).await, Ok(is_right), "{user} {password}");
    }
    assert_eq!(passwords.verified.len(), 2, "what is right is remembered, once");
}

#[tokio::test]
async fn a_changed_file_counts_from_the_next_request() {
    let (directory, passwords, _) = users(&line("alice", "old"));
    assert_eq!(passwords.verify("alice", b"old", PEER).await, Ok(true));
    let path = directory.path().join("htpasswd");
    let replace = |text: &str| {
        fs::write(directory.path().join("new"), text).expect("written");
        fs::rename(directory.path().join("new"), &path).expect("renamed");
    };
    replace(&line("alice", "new"));
    assert_eq!(passwords.verify("alice", b"old", PEER).await, Ok(false), "not even what was remembered");
    assert_eq!(passwords.verify("alice", b"new", PEER).await, Ok(true));
    replace("no htpasswd at all");
    assert_eq!(passwords.verify("alice", b"new", PEER).await, Ok(true), "a broken file changes nothing");
    fs::remove_file(&path).expect("removed");
    assert_eq!(passwords.verify("alice", b"new", PEER).await, Ok(true), "nor does none");
    replace(&line("bob", "b"));
    assert_eq!(passwords.verify("alice", b"new", PEER).await, Ok(false));
    assert_eq!(passwords.verify("bob", b"b", PEER).await, Ok(true));
}

#[tokio::test]
async fn who_guesses_is_not_listened_to_not_even_with_what_was_verified() {
    let (_directory, passwords, clock) = users(&(line("alice", "secret") + &line("bob", "b")));
    assert_eq!(passwords.verify("alice", b"secret", PEER).await, Ok(true));
    for _ in 0..10 {
        assert_eq!(passwords.verify("carol", b"guess", PEER).await, Ok(false));
    }
    assert_eq!(passwords.verify("carol", b"guess", PEER).await, Err(Duration::from_secs(60)));
    for _ in 0..60 {
        assert_eq!(passwords.verify("alice", b"guess", PEER).await, Ok(false), "is known here");
    }
    assert_eq!(passwords.verify("alice", b"guess", PEER).await, Err(Duration::from_secs(60)));
    // Or whoever is right now would learn it from that, as fast as they ask.
    assert_eq!(passwords.verify("alice", b"secret", PEER).await, Err(Duration::from_secs(60)));
    let elsewhere = Peer::Forwarded([192, 0, 2, 1].into());
    assert_eq!(
        passwords.verify("alice", b"secret", elsewhere).await,
        Ok(true),
        "a proxy says that it is another client"
    );
    assert_eq!(passwords.verify("bob", b"b", PEER).await, Ok(true), "is somebody else");
    clock.advance(SignedDuration::from_secs(60));
    assert_eq!(passwords.verify("alice", b"secret", PEER).await, Ok(true));
    assert_eq!(passwords.verify("alice", b"guess", PEER).await, Ok(false), "heard again");
}

#[tokio::test]
async fn many_requests_at_once_cost_one_hash() {
    let (_directory, passwords, _) = users(&line("alice", "secret"));
    let all = (0..100).map(|_| passwords.verify("alice", b"secret", PEER));
    let all = futures_util::future::join_all(all).await;
    assert!(all.into_iter().all(|verified| verified == Ok(true)), "more than may fail");
}

#[tokio::test]
async fn so_many_wait_and_no_more() {
    let (_directory, passwords, _) = users(&line("alice", "secret"));
    let names: Vec<String> = (0..70).map(|number| format!("user{number}")).collect();
    let turns = u32::try_from(passwords.hashing.available_permits()).expect("a few");
    let turns = passwords.hashing.acquire_many(turns).await.expect("open");
    let all = futures_util::future::join_all(names.iter().map(|name| passwords.verify(name, b"guess", PEER)));
    let mut all = std::pin::pin!(all);
    for _ in 0..names.len() {
        assert!(futures_util::poll!(&mut all).is_pending(), "nobody has their turn before all have come");
    }
    drop(turns);
    let all = all.await;
    assert_eq!(all.iter().filter(|verified| **verified == Ok(false)).count(), 64);
    assert_eq!(all.iter().filter(|verified| **verified == Err(BUSY)).count(), 6);
    assert_eq!(passwords.verify("alice", b"secret", PEER).await, Ok(true), "there is room again");
}

#[test]
fn somebody_unknown_costs_what_somebody_known_does() {
    NOBODY.parse::<bcrypt::HashParts>().expect("a hash that takes its time");
    let (_directory, passwords, _) = users(&(line("alice", "a") + &line("bob", "b") + "carol:plain\n"));
    let entries = &passwords.entries.current().value;
    let all: BTreeSet<&str> = (0..100).map(|number| passwords.another(entries, &format!("user{number}"))).collect();
    assert_eq!(all, entries.all_bcrypt().into_iter().collect(), "any of them, and each now and then");
    assert_eq!(passwords.another(entries, "x"), passwords.another(entries, "x"), "asked twice it does not differ");
    assert_eq!(passwords.another(&Entries::default(), "x"), NOBODY);
}

#[tokio::test]
async fn a_missing_file_is_made_with_a_password_nobody_knows() {
    let directory = tempfile::tempdir().expect("made");
    let path = directory.path().join("auth/htpasswd");
    let passwords = Passwords::open(&path, Clock::System).expect("made");
    let text = fs::read_to_string(&path).expect("there");
    assert!(text.starts_with("docker:$2") && text.lines().count() == 1, "{text}");
    assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o600);
    assert_eq!(passwords.verify("docker", b"", PEER).await, Ok(false));
}

#[test]
fn files_that_cannot_be_used() {
    let directory = tempfile::tempdir().expect("made");
    let path = directory.path().join("htpasswd");
    fs::write(&path, "alice\n").expect("written");
    let error = Passwords::open(&path, Clock::System).expect_err("no colon");
    assert!(matches!(&error, OpenError::Parse { source, .. } if source.line == 1), "{error:?}");
    fs::write(&path, b"alice:\xff\n").expect("written");
    assert!(matches!(Passwords::open(&path, Clock::System), Err(OpenError::Io { .. })), "no text");
    assert!(matches!(Passwords::open(directory.path(), Clock::System), Err(OpenError::Io { .. })), "a directory");
    let below = path.join("htpasswd");
    assert!(matches!(Passwords::open(&below, Clock::System), Err(OpenError::Io { .. })), "below a file");
}
