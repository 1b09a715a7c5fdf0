//! The file driver passes the suite.

use std::fs::File;
use std::os::unix::fs::symlink;

use jiff::SignedDuration;

use super::*;
use crate::store::suite::{Subject, pattern, suite};
use crate::store::{Depth, Entry, Publication};

async fn store() -> Option<Subject> {
    let (directory, fs) = strict();
    Some(Subject { driver: Arc::new(fs), _keep: Box::new(directory) })
}
suite!(store);

mod on_the_disk_of_this_machine {
    use super::*;

    async fn store() -> Option<Subject> {
        let (directory, fs) = fresh();
        Some(Subject { driver: Arc::new(fs), _keep: Box::new(directory) })
    }
    suite!(store);
}

const BASE: &str = "docker/registry/v2";
const TEMPORARY: &str = "link.0f0e0d0c-0b0a-4908-8706-050403020100.tmp";

fn key(name: &str) -> Key {
    Prefix::registry().key(name)
}

fn fresh() -> (tempfile::TempDir, Fs) {
    let directory = tempfile::tempdir().expect("made");
    let fs = Fs::open(directory.path(), Clock::System).expect("opened");
    (directory, fs)
}

/// On a file system of which nothing is known, wherever the test runs.
fn strict() -> (tempfile::TempDir, Fs) {
    let directory = tempfile::tempdir().expect("made");
    let fs = Fs::open_on(directory.path(), Clock::System, |root| Ok(disk::Disk::unknown(root))).expect("opened");
    (directory, fs)
}

async fn names(fs: &Fs, depth: Depth) -> Vec<String> {
    let prefix = Prefix::registry();
    let query = ListQuery { prefix: &prefix, depth, start_after: None, limit: 10_000, with_stat: false };
    fs.list(&query).await.expect("listed").entries.into_iter().map(|entry| entry.name).collect()
}

/// What was synced and placed since the last call. Between two placings the order is the threads', so it is sorted away.
fn trace(fs: &Fs) -> Vec<String> {
    let events = std::mem::take(&mut *fs.0.trace.lock().expect("no panic"));
    let mut sorted = vec![];
    for run in events.chunk_by(|left, right| left.starts_with("sync") == right.starts_with("sync")) {
        let mut run = run.to_vec();
        run.sort_unstable();
        sorted.extend(run);
    }
    sorted.iter().map(|event| event.replace(BASE, "v2")).collect()
}

#[tokio::test]
async fn a_value_is_synced_before_its_name_and_its_directories_before_the_answer() {
    let (_directory, fs) = strict();
    fs.write(&key("a/link"), "x".into(), WriteMode::Create).await.expect("written");
    // The parents of `docker`, `registry`, `v2` and `a`, which are new.
    let parents = ["sync /", "sync a new file", "sync docker/", "sync docker/registry/", "sync v2/"];
    assert_eq!(trace(&fs), [&parents[..], &["place v2/a/link", "sync v2/a/"]].concat());
    fs.write(&key("a/link"), "y".into(), WriteMode::Replace).await.expect("written");
    assert_eq!(trace(&fs), ["sync a new file", "place v2/a/link", "sync v2/a/"]);
    fs.write(&key("a/b/link"), "y".into(), WriteMode::Replace).await.expect("written");
    assert_eq!(trace(&fs), ["sync a new file", "sync v2/a/", "place v2/a/b/link", "sync v2/a/b/"]);
    fs.delete(&[key("a/b/link"), key("a/link")]).await.expect("deleted");
    assert_eq!(trace(&fs), ["sync v2/"], "the lowest directory that stays, once");
}

#[tokio::test]
async fn an_upload_is_synced_where_it_stays() {
    let (_directory, fs) = strict();
    fs.write(&key("keep"), "x".into(), WriteMode::Create).await.expect("written");
    let session = key("app/_uploads/1/data");
    let mut stage = fs.stage(&session, StageMode::Create).await.expect("begun");
    stage.append("x".into()).await.expect("appended");
    trace(&fs);
    stage.save().await.expect("saved");
    let session_directories = ["sync v2/", "sync v2/app/", "sync v2/app/_uploads/", "sync v2/app/_uploads/1/"];
    assert_eq!(trace(&fs), [&["sync an upload"], &session_directories[..]].concat());
    let stage = fs.stage(&session, StageMode::Resume).await.expect("resumed");
    stage.publish(key("blobs/x/data").into()).await.expect("published");
    assert_eq!(
        trace(&fs),
        [
            "sync an upload",
            "sync v2/",
            "sync v2/blobs/",
            "place v2/blobs/x/data",
            "sync v2/app/_uploads/1/",
            "sync v2/blobs/x/"
        ]
    );
    assert!(
        fs.0.unsynced.debts(&[fs.0.root.join(BASE).join("app/_uploads/1")].into(), &fs.0.root).parents().is_empty()
    );
}

fn put(name: &str, value: &'static str) -> crate::store::Put {
    crate::store::Put { key: key(name), bytes: value.into() }
}

#[tokio::test]
async fn a_step_is_synced_before_the_next_one_is_placed() {
    let (_directory, fs) = strict();
    fs.write(&key("keep"), "x".into(), WriteMode::Create).await.expect("written");
    trace(&fs);
    fs.write_steps(vec![vec![put("a/link", "1")], vec![put("b/link", "2"), put("c/link", "3")]])
        .await
        .expect("written");
    let bytes = ["sync a new file", "sync a new file", "sync a new file", "sync v2/"];
    let steps = ["place v2/a/link", "sync v2/a/", "place v2/b/link", "place v2/c/link", "sync v2/b/", "sync v2/c/"];
    assert_eq!(trace(&fs), [&bytes[..], &steps].concat());
}

#[tokio::test]
async fn where_the_order_is_kept_all_steps_are_synced_at_their_end() {
    let (_directory, fs) = strict();
    fs.write(&key("keep"), "x".into(), WriteMode::Create).await.expect("written");
    let (directory, fs) =
        (_directory, Fs::open_on(fs.0.root.as_path(), Clock::System, disk::tests::ordered).expect("opened"));
    let mut stage = fs.stage(&key("app/_uploads/1/data"), StageMode::Create).await.expect("begun");
    stage.append("x".into()).await.expect("appended");
    let next = vec![vec![put("a/link", "1")], vec![put("b/link", "2")]];
    stage.publish(Publication { next, ..key("blobs/x/data").into() }).await.expect("published");
    let bytes = ["sync a new file", "sync a new file", "sync an upload"];
    let events = std::mem::take(&mut *fs.0.trace.lock().expect("no panic"));
    let events: Vec<_> = events.iter().map(|event| event.replace(BASE, "v2")).collect();
    let (before, rest) = events.split_at(3);
    let mut before = before.to_vec();
    before.sort_unstable();
    assert_eq!(before, bytes);
    let (names, after) = rest.split_at(3);
    assert_eq!(names, ["place v2/blobs/x/data", "place v2/a/link", "place v2/b/link"], "in order");
    for directory in ["v2/", "v2/blobs/", "v2/blobs/x/", "v2/a/", "v2/b/"] {
        assert!(after.contains(&format!("sync {directory}")), "{directory} in {after:?}");
    }
    drop(directory);
}

#[tokio::test]
async fn who_puts_a_value_into_a_new_directory_of_another_syncs_its_parent() {
    let (_directory, fs) = strict();
    fs.write(&key("keep"), "x".into(), WriteMode::Create).await.expect("written");
    // Made, and not saved: nobody has synced `v2/app` and what is in it.
    let stage = fs.stage(&key("app/_uploads/1/data"), StageMode::Create).await.expect("begun");
    trace(&fs);
    fs.write(&key("app/link"), "x".into(), WriteMode::Create).await.expect("written");
    assert_eq!(trace(&fs), ["sync a new file", "sync v2/", "place v2/app/link", "sync v2/app/"]);
    fs.write(&key("app/link"), "x".into(), WriteMode::Replace).await.expect("written");
    assert_eq!(trace(&fs), ["sync a new file", "place v2/app/link", "sync v2/app/"], "once is enough");
    drop(stage);
    let stage = fs.stage(&key("app/_uploads/1/data"), StageMode::Resume).await.expect("resumed");
    trace(&fs);
    stage.save().await.expect("saved");
    assert_eq!(trace(&fs), ["sync an upload", "sync v2/app/", "sync v2/app/_uploads/", "sync v2/app/_uploads/1/"]);
}

#[tokio::test]
async fn roots() {
    let (directory, _) = fresh();
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("real")).expect("made");
    symlink(at("real"), at("alias")).expect("linked");
    symlink(at("nowhere"), at("dangling")).expect("linked");
    fs::write(at("file"), "").expect("written");
    let here = std::env::current_dir().expect("somewhere");
    let up: PathBuf = here.components().filter(|part| matches!(part, Component::Normal(_))).map(|_| "..").collect();
    let relative = up.join(at("real").strip_prefix("/").expect("absolute"));
    assert!(relative.is_relative());
    for root in [at("alias"), at("missing/deep"), relative] {
        let fs = Fs::open(&root, Clock::System).expect("opened");
        fs.check_writable().expect("writable");
        fs.write(&key("link"), "x".into(), WriteMode::Create).await.expect("written");
        fs.delete(&[key("link")]).await.expect("deleted");
        let base = root.join(BASE);
        assert_eq!(fs::read_dir(&base).expect("it stays").count(), 0, "{}", root.display());
    }
    for root in [at("dangling"), at("file"), at("file/below")] {
        let error = Fs::open(&root, Clock::System).expect_err("no directory");
        assert!(matches!(&error, Error::Io { key, .. } if Path::new(key) == root), "{error:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_root_without_rights_is_denied() {
    // Nobody may create anything in there, not even root.
    let error = Fs::open(Path::new("/sys/reg-test"), Clock::System).expect_err("denied");
    assert!(matches!(error, Error::Denied { .. }), "{error:?}");
    let fs = Fs::open(Path::new("/sys"), Clock::System).expect("a store to read from");
    assert!(matches!(fs.check_writable(), Err(Error::Denied { .. })));
    let written = fs.write(&key("a/link"), "x".into(), WriteMode::Replace).await;
    assert!(matches!(written, Err(Error::Denied { .. })), "{written:?}");
    assert!(matches!(fs.stage(&key("a/data"), StageMode::Create).await.err(), Some(Error::Denied { .. })));
}

#[tokio::test]
async fn a_root_that_went_away_is_no_reason_to_write_elsewhere() {
    let (directory, _) = fresh();
    let fs = Fs::open(&directory.path().join("disk/store"), Clock::System).expect("opened");
    fs::remove_dir_all(directory.path().join("disk")).expect("removed");
    let written = fs.write(&key("a/link"), "x".into(), WriteMode::Create).await;
    assert!(matches!(written, Err(Error::Io { .. })), "{written:?}");
    assert!(fs.stat(&key("a/link")).await.expect_err("gone").is_not_found());
    assert_eq!(names(&fs, Depth::All).await, [""; 0]);
    assert!(!directory.path().join("disk").exists());
}

#[tokio::test]
async fn a_root_that_is_gone_is_not_made_again() {
    let (directory, _) = fresh();
    let root = directory.path().join("store");
    let fs = Fs::open(&root, Clock::System).expect("opened");
    fs::rename(&root, directory.path().join("away")).expect("renamed");
    let written = fs.write(&key("a/link"), "x".into(), WriteMode::Create).await;
    assert!(matches!(written, Err(Error::Io { .. })), "{written:?}");
    assert!(fs.stage(&key("a/data"), StageMode::Create).await.is_err());
    assert!(!root.exists());
}

#[tokio::test]
async fn links_to_directories_above_are_no_way_down() {
    let (directory, fs) = fresh();
    let base = directory.path().join(BASE);
    fs::create_dir_all(base.join("x")).expect("made");
    fs::create_dir_all(base.join("y")).expect("made");
    fs::write(base.join("x/link"), "").expect("written");
    fs::write(base.join("y/link"), "").expect("written");
    symlink(".", base.join("a")).expect("linked");
    symlink(&base, base.join("b")).expect("linked");
    symlink("../y", base.join("x/y")).expect("linked");
    symlink("../x", base.join("y/x")).expect("linked");
    assert_eq!(names(&fs, Depth::All).await, ["x/link", "x/y/link", "y/link", "y/x/link"]);
    assert_eq!(names(&fs, Depth::Children).await, ["x/", "y/"]);
}

#[test]
fn errors_by_meaning() {
    use rustix::io::Errno;
    let of = |errno: Errno| (read_error("k", errno.into()), write_error("k", errno.into()));
    for errno in [Errno::NOENT, Errno::NOTDIR, Errno::ISDIR, Errno::NAMETOOLONG] {
        assert!(matches!(of(errno), (Error::NotFound { .. }, Error::Io { .. })), "{errno}");
    }
    for errno in [Errno::NOSPC, Errno::DQUOT] {
        assert!(matches!(of(errno).1, Error::OutOfSpace { .. }), "{errno}");
    }
    for errno in [Errno::ACCESS, Errno::PERM, Errno::ROFS] {
        assert!(matches!(of(errno).1, Error::Denied { .. }), "{errno}");
    }
    for errno in [Errno::MFILE, Errno::NFILE] {
        assert!(matches!(of(errno), (Error::Exhausted { .. }, Error::Exhausted { .. })), "{errno}");
    }
    assert!(matches!(of(Errno::LOOP), (Error::NotFound { .. }, Error::Io { .. })));
    for errno in [Errno::IO, Errno::STALE] {
        assert!(matches!(of(errno), (Error::Io { .. }, Error::Io { .. })), "{errno}");
    }
}

#[tokio::test]
async fn directories_are_no_values() {
    let (directory, fs) = fresh();
    fs::create_dir_all(directory.path().join(BASE).join("a/link/x")).expect("made");
    let key = key("a/link");
    assert!(fs.stat(&key).await.expect_err("no value").is_not_found());
    assert!(fs.read(&key, None).await.expect_err("no value").is_not_found());
    assert!(fs.stage(&key, StageMode::Resume).await.err().expect("no session").is_not_found());
    assert!(matches!(fs.write(&key, "x".into(), WriteMode::Replace).await, Err(Error::Io { .. })));
    let stage = fs.stage(&self::key("s/data"), StageMode::Create).await.expect("begun");
    assert!(matches!(stage.publish(key.clone().into()).await, Err(Error::Io { .. })));
    fs.delete(&[key]).await.expect("no value to delete");
    assert_eq!(names(&fs, Depth::All).await, ["s/data"], "no temporary file is left, and the session is");
}

#[tokio::test]
async fn keys_stay_below_the_root() {
    let (directory, _) = fresh();
    fs::write(directory.path().join("secret"), "x").expect("written");
    let fs = Fs::open(&directory.path().join("root"), Clock::System).expect("opened");
    for name in ["../../../../secret", "a/../../../../../secret", "..", "a\0b"] {
        let key = key(name);
        assert!(matches!(fs.read(&key, None).await, Err(Error::Io { .. })), "{name:?}");
        assert!(matches!(fs.write(&key, "y".into(), WriteMode::Replace).await, Err(Error::Io { .. })), "{name:?}");
        assert!(fs.delete(&[key]).await.is_err(), "{name:?}");
    }
    assert_eq!(fs::read_to_string(directory.path().join("secret")).expect("untouched"), "x");
}

#[tokio::test]
async fn small_values_come_in_memory_and_large_ones_as_files() {
    let (_directory, fs) = fresh();
    let key = key("data");
    fs.write(&key, pattern(65_537), WriteMode::Create).await.expect("written");
    let part = |start, end| Some(ByteRange { start, end });
    assert!(matches!(fs.read(&key, None).await.expect("opened").data, Data::File(_)));
    assert!(matches!(fs.read(&key, part(0, 65_537)).await.expect("opened").data, Data::File(_)));
    assert!(matches!(fs.read(&key, part(1, 65_537)).await.expect("opened").data, Data::Memory(_)));
}

#[tokio::test]
async fn listings_see_what_others_left() {
    let (directory, fs) = fresh();
    let base = directory.path().join(BASE);
    let put = |name: &str| {
        let path = base.join(name);
        fs::create_dir_all(path.parent().expect("below")).expect("made");
        fs::write(path, "").expect("written");
    };
    put("a/link");
    put(&format!("a/{TEMPORARY}"));
    put("a/notes.tmp");
    // A tag may be called like a temporary file.
    put(&format!("{TEMPORARY}/link"));
    symlink(base.join("a"), base.join("linked")).expect("linked");
    symlink(base.join("nowhere"), base.join("dangling")).expect("linked");
    let odd = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff\xfe");
    fs::write(base.join(odd), "").expect("written");
    rustix::fs::mkfifoat(rustix::fs::CWD, base.join("pipe"), rustix::fs::Mode::RWXU).expect("made");
    let tag = format!("{TEMPORARY}/link");
    let expected = ["a/link", "a/notes.tmp", tag.as_str(), "linked/link", "linked/notes.tmp"];
    assert_eq!(names(&fs, Depth::All).await, expected);
    assert_eq!(names(&fs, Depth::Children).await, ["a/", &format!("{TEMPORARY}/"), "linked/"]);
}

#[tokio::test]
async fn a_pipe_in_the_place_of_a_value_is_none() {
    let (directory, fs) = fresh();
    let base = directory.path().join(BASE);
    fs::create_dir_all(&base).expect("made");
    rustix::fs::mkfifoat(rustix::fs::CWD, base.join("link"), rustix::fs::Mode::RWXU).expect("made");
    assert!(matches!(fs.stat(&key("link")).await, Err(Error::NotFound { .. })));
    assert!(matches!(fs.read(&key("link"), None).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn temporary_files_of_the_dead_are_removed() {
    let directory = tempfile::tempdir().expect("made");
    let clock = Clock::manual(Timestamp::now());
    let fs = Fs::open(directory.path(), clock.clone()).expect("opened");
    let left = directory.path().join(BASE).join("tags/v1/current").join(TEMPORARY);
    fs::create_dir_all(left.parent().expect("below")).expect("made");
    fs::write(&left, "half").expect("written");
    assert_eq!(names(&fs, Depth::All).await, [""; 0]);
    assert!(left.exists(), "its writer may live");
    clock.advance(SignedDuration::from_hours(2));
    assert_eq!(names(&fs, Depth::All).await, [""; 0]);
    assert!(!left.exists());
    assert_eq!(names(&fs, Depth::Children).await, [""; 0], "the directories went with it");
}

#[tokio::test]
async fn long_directories() {
    let (directory, fs) = fresh();
    let base = directory.path().join(BASE);
    fs::create_dir_all(&base).expect("made");
    for len in [INLINE - 1, INLINE, INLINE + 1, INLINE + 2, 2 * INLINE] {
        for at in fs::read_dir(&base).expect("listed").count()..len {
            fs::write(base.join(format!("{at:05}")), "").expect("written");
        }
        let expected: Vec<_> = (0..len).map(|at| format!("{at:05}")).collect();
        assert_eq!(names(&fs, Depth::Children).await, expected);
    }
    let prefix = Prefix::registry();
    let query =
        ListQuery { prefix: &prefix, depth: Depth::Children, start_after: Some("00700"), limit: 2, with_stat: true };
    let page = fs.list(&query).await.expect("listed");
    assert!(page.more);
    let names: Vec<_> = page.entries.iter().map(|Entry { name, stat }| (name.as_str(), stat.map(|s| s.size))).collect();
    assert_eq!(names, [("00701", Some(0)), ("00702", Some(0))]);
}
const INLINE: usize = 1000;

#[tokio::test]
async fn the_version_of_a_directory_follows_its_entries() {
    let directory = tempfile::tempdir().expect("made");
    let clock = Clock::manual(Timestamp::now());
    let fs = Fs::open(directory.path(), clock.clone()).expect("opened");
    let prefix = Prefix::registry().child("tags");
    let mut versions = std::collections::BTreeSet::new();
    let mut version = async || {
        clock.advance(SignedDuration::from_secs(60));
        let version = fs.children_version(&prefix).await.expect("answered");
        assert_eq!(fs.children_version(&prefix).await.expect("answered"), version);
        versions.insert(version.expect("long ago"))
    };
    assert!(version().await, "nothing there");
    for name in ["tags/a/link", "tags/b/link"] {
        fs.write(&key(name), "x".into(), WriteMode::Create).await.expect("written");
        assert!(version().await, "{name} added");
    }
    fs.write(&key("tags/a/link"), "y".into(), WriteMode::Replace).await.expect("written");
    assert!(!version().await, "no name was added");
    fs.delete(&[key("tags/b/link")]).await.expect("deleted");
    assert!(version().await, "a name was removed");
    // Just changed: a second change might leave the same time.
    let fs = Fs::open(directory.path(), Clock::System).expect("opened");
    fs.write(&key("tags/c/link"), "x".into(), WriteMode::Create).await.expect("written");
    let changed = fs::metadata(directory.path().join(BASE).join("tags")).expect("there").modified().expect("known");
    if changed.elapsed().is_ok_and(|age| age.as_millis() < 20) {
        assert_eq!(fs.children_version(&prefix).await.expect("answered"), None);
    }
}

#[tokio::test]
async fn nobody_resumes_what_was_published_meanwhile() {
    let (directory, fs) = fresh();
    let session = key("s/data");
    fs.stage(&session, StageMode::Create).await.expect("begun").save().await.expect("saved");
    let path = directory.path().join(session.as_str());
    let file = File::open(&path).expect("opened");
    stage::still_there(&path, &file).expect("there");
    fs::rename(&path, directory.path().join("published")).expect("renamed");
    assert!(stage::still_there(&path, &file).is_err(), "the name is gone");
    fs::write(&path, "another").expect("written");
    assert!(stage::still_there(&path, &file).is_err(), "the name is another's");
}

#[tokio::test]
async fn a_lock_of_another_process_counts() {
    let (directory, fs) = fresh();
    let session = key("s/data");
    fs.stage(&session, StageMode::Create).await.expect("begun").save().await.expect("saved");
    let file = File::open(directory.path().join(session.as_str())).expect("opened");
    file.lock().expect("locked");
    assert!(matches!(fs.stage(&session, StageMode::Resume).await.err(), Some(Error::Busy { .. })));
    drop(file);
    fs.stage(&session, StageMode::Resume).await.expect("free").discard().await.expect("discarded");
}
