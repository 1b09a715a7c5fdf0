//! What every driver must do, as tests that each of them runs: `suite!(maker)` in a test module of the driver.
//!
//! The maker gives a fresh, empty store, or none where the server it needs is not there.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;

use super::{
    Depth, Driver, Entry, Error, Key, ListQuery, Listing, Prefix, Publication, Put, Stage, StageMode, WriteMode,
};
use crate::spec::{ByteRange, Digest, Repository, Tag, UploadId};

/// A store under test, and what has to outlive it.
pub(crate) struct Subject {
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) _keep: Box<dyn Any + Send>,
}

/// Makes one test of each case.
macro_rules! suite {
    ($maker:path) => {
        $crate::store::suite::cases! { $maker:
            create_if_absent replace steps reads reads_beyond_the_end every_byte missing
            lists_like_a_sorted_set lists_with_stat deletes deletes_leave_no_prefix discarded_values
            publishes publishes_with_more resumes_and_saves staged_bytes stage_modes one_holder dropped_stages reverts discards rereads publish_replaces big_uploads
            one_creator_wins readers_see_whole_values writers_race_deleters longest_names
        }
    };
}
macro_rules! cases {
    ($maker:path: $($case:ident)*) => {$(
        #[tokio::test]
        async fn $case() {
            if let Some(subject) = $maker().await {
                $crate::store::suite::$case(&*subject.driver).await;
            }
        }
    )*};
}
pub(crate) use sessions::{
    big_uploads, discards, dropped_stages, one_holder, publish_replaces, publishes, publishes_with_more, rereads,
    resumes_and_saves, reverts, stage_modes, staged_bytes,
};
pub(crate) use {cases, suite};

#[path = "suite_sessions_tests.rs"]
mod sessions;

fn key(name: &str) -> Key {
    Prefix::registry().key(name)
}

fn upload(name: &str) -> Key {
    Prefix::registry().key(&format!("repositories/app/_uploads/{name}/data"))
}

/// `len` bytes that repeat at no power of two, so that a misplaced block shows.
pub(crate) fn pattern(len: usize) -> Bytes {
    (0..len).map(|at| (at % 251) as u8).collect()
}

async fn put(store: &dyn Driver, key: &Key, value: &'static [u8]) {
    store.write(key, Bytes::from_static(value), WriteMode::Replace).await.expect("written");
}

async fn get(store: &dyn Driver, key: &Key) -> Bytes {
    store.read(key, None).await.expect("opened").bytes(key).await.expect("read")
}

async fn all(store: &dyn Driver) -> Vec<String> {
    let prefix = Prefix::registry();
    let query = ListQuery { prefix: &prefix, depth: Depth::All, start_after: None, limit: 1000, with_stat: false };
    store.list(&query).await.expect("listed").entries.into_iter().map(|entry| entry.name).collect()
}

async fn begin(store: &dyn Driver, key: &Key) -> Box<dyn Stage> {
    store.stage(key, StageMode::Create).await.expect("begun")
}

async fn resume(store: &dyn Driver, key: &Key) -> Box<dyn Stage> {
    store.stage(key, StageMode::Resume).await.expect("resumed")
}

fn refused<T>(result: Result<T, Error>) -> Error {
    result.err().expect("refused")
}

pub(crate) async fn create_if_absent(store: &dyn Driver) {
    let key = key("a/link");
    store.write(&key, "one".into(), WriteMode::Create).await.expect("created");
    let second = store.write(&key, "two".into(), WriteMode::Create).await;
    assert!(matches!(refused(second), Error::Exists { key: text } if text == key.as_str()));
    assert_eq!(get(store, &key).await, "one");
    store.delete(std::slice::from_ref(&key)).await.expect("deleted");
    store.write(&key, "three".into(), WriteMode::Create).await.expect("created again");
    assert_eq!(get(store, &key).await, "three");
}

pub(crate) async fn replace(store: &dyn Driver) {
    let key = key("a/link");
    let mut versions = BTreeSet::new();
    let mut before = None;
    // The sizes are equal on purpose: a link is replaced by one of the same length.
    for value in ["aaa", "bbb", "ccc", "ddd"] {
        store.write(&key, value.into(), WriteMode::Replace).await.expect("written");
        let stat = store.stat(&key).await.expect("there");
        assert_eq!(get(store, &key).await, value);
        assert_eq!(stat.size, 3);
        assert!(before <= Some(stat.changed), "{before:?} {stat:?}");
        before = Some(stat.changed);
        assert!(versions.insert(stat.version), "{value} has a version of its own");
        assert_eq!(store.stat(&key).await.expect("there"), stat, "nothing changed");
        assert_eq!(store.read(&key, None).await.expect("opened").stat, stat);
    }
}

fn new(name: &str, value: &'static str) -> Put {
    Put { key: key(name), bytes: value.into() }
}

pub(crate) async fn steps(store: &dyn Driver) {
    store.write_steps(vec![]).await.expect("nothing to do");
    store.write_steps(vec![vec![], vec![]]).await.expect("nothing to do");
    store
        .write_steps(vec![vec![new("a/link", "1")], vec![new("a/b/link", "2"), new("c/link", "3")]])
        .await
        .expect("written");
    store.write_steps(vec![vec![new("c/link", "4")], vec![new("c/link", "5")]]).await.expect("written twice, in order");
    for (name, value) in [("a/link", "1"), ("a/b/link", "2"), ("c/link", "5")] {
        assert_eq!(get(store, &key(name)).await, value, "{name}");
    }
    assert_eq!(all(store).await, ["a/b/link", "a/link", "c/link"]);
}

pub(crate) async fn reads(store: &dyn Driver) {
    let parts = |size: u64| {
        let last = size.saturating_sub(1);
        [(0, size), (0, size.min(1)), (last, size), (size / 3, size / 3 + size / 2), (0, 0), (size, size), (0, last)]
    };
    for size in [0, 1, 3, 65_535, 65_536, 65_537, 300_000] {
        let (key, value) = (key(&format!("{size}/data")), pattern(size));
        store.write(&key, value.clone(), WriteMode::Create).await.expect("written");
        let whole = store.read(&key, None).await.expect("opened");
        assert_eq!(whole.stat.size, size as u64);
        assert_eq!(whole.range, ByteRange { start: 0, end: size as u64 });
        assert_eq!(whole.bytes(&key).await.expect("read"), value);
        for (start, end) in parts(size as u64) {
            let range = ByteRange { start, end };
            let object = store.read(&key, Some(range)).await.expect("opened");
            assert_eq!((object.range, object.stat.size), (range, size as u64));
            let expected = value.slice(start as usize..end as usize);
            assert_eq!(object.bytes(&key).await.expect("read"), expected, "{range:?} of {size}");
        }
    }
}

pub(crate) async fn reads_beyond_the_end(store: &dyn Driver) {
    let key = key("a/data");
    put(store, &key, b"0123456789").await;
    for (start, end) in [(0, 11), (10, 11), (11, 12), (5, u64::MAX), (6, 5)] {
        let error = refused(store.read(&key, Some(ByteRange { start, end })).await);
        assert!(matches!(error, Error::Corrupt { .. }), "{start}..{end}: {error:?}");
    }
}

pub(crate) async fn every_byte(store: &dyn Driver) {
    let value: Bytes = (0..=255).collect();
    // Every character of a repository name, a tag, an algorithm or our own names.
    let names = "abcdefghijklmnopqrstuvwxyz/ABCDEFGHIJKLMNOPQRSTUVWXYZ/0123456789/_manifests/a.b/a_b/a__b/a---b/._-";
    let key = key(names);
    store.write(&key, value.clone(), WriteMode::Create).await.expect("written");
    assert_eq!(get(store, &key).await, value);
    assert_eq!(all(store).await, [names]);
}

pub(crate) async fn missing(store: &dyn Driver) {
    put(store, &key("a/b/link"), b"x").await;
    for name in ["none", "a", "a/b", "a/b/link/deeper", "a/b/lin", "a/b/link2", "A/b/link"] {
        let key = key(name);
        assert!(refused(store.stat(&key).await).is_not_found(), "stat {name}");
        assert!(refused(store.read(&key, None).await).is_not_found(), "read {name}");
        let part = Some(ByteRange { start: 0, end: 1 });
        assert!(refused(store.read(&key, part).await).is_not_found(), "read a part of {name}");
        store.delete(&[key]).await.expect("nothing to delete");
    }
    store.delete(&[]).await.expect("nothing to delete");
    assert_eq!(get(store, &key("a/b/link")).await, "x");
    let nowhere = Prefix::registry().child("nowhere");
    for depth in [Depth::Children, Depth::All] {
        let query = ListQuery { prefix: &nowhere, depth, start_after: None, limit: 10, with_stat: true };
        assert_eq!(store.list(&query).await.expect("listed"), Listing { entries: vec![], more: false });
    }
}

/// The answer of a list, from a plain set of names.
fn listed(names: &BTreeSet<&str>, depth: Depth, start_after: Option<&str>, limit: usize) -> (Vec<String>, bool) {
    let mut all: BTreeSet<String> = BTreeSet::new();
    for name in names {
        let child = name.split_once('/').filter(|_| depth == Depth::Children).map(|(child, _)| format!("{child}/"));
        all.insert(child.unwrap_or_else(|| (*name).to_owned()));
    }
    let rest: Vec<_> = all.into_iter().filter(|name| start_after.is_none_or(|after| name.as_str() > after)).collect();
    (rest.iter().take(limit).cloned().collect(), rest.len() > limit)
}

pub(crate) async fn lists_like_a_sorted_set(store: &dyn Driver) {
    // `-` and `.` come before `/`, digits and `_` behind it: a directory is not sorted by its bare name.
    let names = BTreeSet::from([
        "a-b/x",
        "a.b/x",
        "a/b/c",
        "a/b-c",
        "a/c",
        "a0/x",
        "a_b/y",
        "aa",
        "b-",
        "b/-/z",
        "b/z",
        "c",
        "z/1/2/3/4",
    ]);
    let prefix = Prefix::registry().child("list");
    for name in &names {
        put(store, &prefix.key(name), b"v").await;
    }
    put(store, &key("lisu/other"), b"v").await;
    put(store, &key("list-/other"), b"v").await;
    let elsewhere = ["", "a", "a/", "a/b", "a/b/", "a/b/c/d", "a/zz", "a-b/", "b/", "b/-/", "zz", "z/1/2", "0"];
    let starts = names.iter().copied().chain(elsewhere).map(Some).chain([None]);
    for start_after in starts {
        for depth in [Depth::Children, Depth::All] {
            for limit in [0, 1, 2, 3, 5, 8, 13, 100] {
                let query = ListQuery { prefix: &prefix, depth, start_after, limit, with_stat: false };
                let Listing { entries, more } = store.list(&query).await.expect("listed");
                let entries: Vec<_> = entries.into_iter().map(|entry| entry.name).collect();
                let expected = listed(&names, depth, start_after, limit);
                assert_eq!((entries, more), expected, "{start_after:?} {depth:?} {limit}");
            }
        }
    }
}

pub(crate) async fn lists_with_stat(store: &dyn Driver) {
    let prefix = Prefix::registry().child("s");
    put(store, &prefix.key("a"), b"1").await;
    put(store, &prefix.key("b/c"), b"22").await;
    for depth in [Depth::Children, Depth::All] {
        let query = ListQuery { prefix: &prefix, depth, start_after: None, limit: 10, with_stat: true };
        let Listing { entries, .. } = store.list(&query).await.expect("listed");
        assert_eq!(entries.len(), 2);
        for Entry { name, stat } in entries {
            let expected = if name.ends_with('/') { None } else { store.stat(&prefix.key(&name)).await.ok() };
            // Listings of a bucket know the time to a fraction that its other answers round.
            let rounded = |stat: crate::store::Stat| (stat.size, stat.changed.as_second(), stat.version);
            assert_eq!(stat.map(rounded), expected.map(rounded), "{name}");
        }
    }
}

pub(crate) async fn deletes(store: &dyn Driver) {
    let keys = ["a/link", "a/b/link", "c/link"].map(key);
    for key in &keys {
        put(store, key, b"x").await;
    }
    store.delete(&keys[..1]).await.expect("deleted");
    assert_eq!(all(store).await, ["a/b/link", "c/link"]);
    store.delete(&keys[..1]).await.expect("deleted again");
    let both = [key("none/link"), keys[1].clone(), keys[2].clone(), keys[2].clone()];
    store.delete(&both).await.expect("deleted");
    assert_eq!(all(store).await, [""; 0]);
    // What is a prefix to others is no value to delete.
    put(store, &keys[1], b"x").await;
    store.delete(&[key("a"), key("a/b")]).await.expect("no such value");
    assert_eq!(all(store).await, ["a/b/link"]);
}

pub(crate) async fn deletes_leave_no_prefix(store: &dyn Driver) {
    let prefix = Prefix::registry();
    let children = async || {
        let query =
            ListQuery { prefix: &prefix, depth: Depth::Children, start_after: None, limit: 9, with_stat: false };
        store.list(&query).await.expect("listed").entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>()
    };
    put(store, &key("a/b/c/link"), b"x").await;
    put(store, &key("a/b/d/link"), b"x").await;
    put(store, &key("e/link"), b"x").await;
    store.delete(&[key("a/b/c/link")]).await.expect("deleted");
    assert_eq!(children().await, ["a/", "e/"]);
    store.delete(&[key("a/b/d/link"), key("e/link")]).await.expect("deleted");
    assert_eq!(children().await, [""; 0]);
    put(store, &key("a/b/c/link"), b"again").await;
    assert_eq!(get(store, &key("a/b/c/link")).await, "again");
}

pub(crate) async fn discarded_values(store: &dyn Driver) {
    store.write(&key("a/b/link"), "x".into(), WriteMode::Fresh).await.expect("written");
    assert_eq!(get(store, &key("a/b/link")).await, "x");
    store.discard(&[key("a/b/link"), key("a/none")]).await.expect("discarded");
    assert_eq!(all(store).await, [""; 0]);
    store.write(&key("a/b/link"), "y".into(), WriteMode::Fresh).await.expect("fresh again");
    assert_eq!(get(store, &key("a/b/link")).await, "y");
}

pub(crate) async fn one_creator_wins(store: &dyn Driver) {
    for round in 0..5 {
        let key = key(&format!("race/{round}/link"));
        let names: Vec<_> = (0..12).map(|writer| format!("writer {writer}")).collect();
        let writes = names.iter().map(|name| store.write(&key, name.clone().into(), WriteMode::Create));
        let results = join_all(writes).await;
        let winners: Vec<_> = names.iter().zip(&results).filter(|(_, result)| result.is_ok()).collect();
        assert_eq!(winners.len(), 1, "{results:?}");
        assert_eq!(get(store, &key).await, winners[0].0.as_bytes());
        assert!(results.iter().filter_map(|result| result.as_ref().err()).all(|e| matches!(e, Error::Exists { .. })));
    }
}

pub(crate) async fn readers_see_whole_values(store: &dyn Driver) {
    let key = key("a/link");
    put(store, &key, b"").await;
    let value = |letter: u8| Bytes::from(vec![letter; 1000 * usize::from(letter - b'a' + 1)]);
    let writer = async {
        for letter in b'a'..=b'h' {
            store.write(&key, value(letter), WriteMode::Replace).await.expect("written");
        }
    };
    let reader = async {
        let mut last = 0;
        while last != b'h' {
            let object = store.read(&key, None).await.expect("there all the time");
            let size = object.stat.size;
            let bytes = object.bytes(&key).await.expect("read");
            assert_eq!(size, bytes.len() as u64);
            if let Some(&letter) = bytes.first() {
                assert!(bytes == value(letter) && letter >= last, "{letter}");
                last = letter;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(writer, reader);
}

pub(crate) async fn writers_race_deleters(store: &dyn Driver) {
    let deep = ["d/e/f/one", "d/e/f/two", "d/e/three"].map(key);
    let turns = deep.iter().map(|key| async move {
        for _ in 0..25 {
            store.write(key, "x".into(), WriteMode::Create).await.expect("created");
            assert_eq!(get(store, key).await, "x");
            store.delete(std::slice::from_ref(key)).await.expect("deleted");
        }
    });
    join_all(turns).await;
    assert_eq!(all(store).await, [""; 0]);
}

pub(crate) async fn longest_names(store: &dyn Driver) {
    let hex = "f".repeat(128);
    let digest: Digest = format!("sha512:{hex}").parse().expect("valid");
    let tag: Tag = "t".repeat(128).parse().expect("valid");
    let names = ["r".repeat(255), vec!["r"; 128].join("/"), format!("{}/{}", "r".repeat(127), "s".repeat(127))];
    for name in names {
        let repository: Repository = name.parse().expect("valid");
        let id = UploadId::from_random([0xff; 16]);
        let keys = [
            Key::tag_index(&repository, &tag, &digest),
            Key::tag_current(&repository, &tag),
            Key::layer_link(&repository, &digest),
            Key::referrer(&repository, &digest, &digest),
            Key::upload_started(&repository, &id),
        ];
        for key in &keys {
            put(store, key, b"x").await;
            assert_eq!(get(store, key).await, "x");
        }
        begin(store, &Key::upload_data(&repository, &id)).await.discard().await.expect("discarded");
        store.delete(&keys).await.expect("deleted");
    }
    assert_eq!(all(store).await, [""; 0]);
}
