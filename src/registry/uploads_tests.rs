//! Sessions: what comes in pieces, is cut, resumed, refused and cancelled.

use std::pin::pin;
use std::sync::Arc;

use crate::registry::testing::{OPTIONS, World, begin, body, on_every_store, push_blob, repository, sha512};
use crate::registry::{Error, Options, Registry, Started};
use crate::spec::route::UploadStart;
use crate::spec::{Algorithm, ByteRange, Digest, Hasher, UploadId};
use crate::store::Key;
use crate::store::faulty::{Faults, Faulty};

on_every_store! {
    a_whole_blob_in_one_request pieces_make_a_blob nothing_makes_the_empty_blob
    a_wrong_digest_ends_the_session a_cut_body_is_kept ranges_have_to_fit
    one_request_at_a_time cancelled_sessions_are_gone unknown_sessions
    another_process_goes_on_from_the_saved_state without_a_state_the_bytes_are_read_again
    sessions_of_distribution_are_continued sha512_is_linked_under_both_names sha512_may_be_announced_or_not
    mounts read_only_takes_nothing a_cut_whole_blob_leaves_nothing a_failed_whole_blob_leaves_no_session
    a_repeated_blob_heals
}

const LARGE: usize = (1 << 20) + 12_345;

fn large() -> Vec<u8> {
    (0..LARGE).map(|at| (at % 251) as u8).collect()
}

async fn append(registry: &Registry, id: &UploadId, range: Option<(u64, u64)>, bytes: &[u8]) -> Result<u64, Error> {
    let range = range.map(|(start, end)| ByteRange { start, end });
    registry.append_upload(&repository("app"), id, range, pin!(body([Some(bytes)]))).await
}

async fn finish(registry: &Registry, id: &UploadId, bytes: &[u8], digest: Digest) -> Result<u64, Error> {
    registry.finish_upload(&repository("app"), id, None, &digest, pin!(body([Some(bytes)]))).await
}

async fn read(registry: &Registry, name: &str, digest: Digest) -> Vec<u8> {
    let object = registry.open_blob(&repository(name), &digest, None).await.expect("there");
    object.bytes(&Key::blob(&digest)).await.expect("read").to_vec()
}

async fn a_whole_blob_in_one_request(world: World) {
    let digest = Digest::sha256(b"layer");
    let started = push_blob(&world.registry, "app", b"layer", digest).await.expect("pushed");
    assert_eq!(started, Started::Stored { digest, size: 5 });
    assert_eq!(read(&world.registry, "app", digest).await, b"layer");
    let hex = digest.hex();
    assert_eq!(
        world.keys().await,
        [format!("blobs/sha256/{}/{hex}/data", &hex[..2]), format!("repositories/app/_layers/sha256/{hex}/link"),]
    );
    assert_eq!(world.text(&Key::layer_link(&repository("app"), &digest)).await, Some(digest.to_string()));
}

async fn pieces_make_a_blob(world: World) {
    let id = begin(&world.registry, "app").await;
    let started = world.text(&Key::upload_started(&repository("app"), &id)).await;
    assert_eq!(started.as_deref(), Some("2026-01-02T03:04:05Z"));
    assert_eq!(world.registry.stat_upload(&repository("app"), &id).await.expect("there"), 0);
    assert_eq!(append(&world.registry, &id, Some((0, 3)), b"abc").await.expect("appended"), 3);
    assert_eq!(append(&world.registry, &id, None, b"").await.expect("appended"), 3);
    assert_eq!(append(&world.registry, &id, Some((3, 5)), b"de").await.expect("appended"), 5);
    assert_eq!(world.registry.stat_upload(&repository("app"), &id).await.expect("there"), 5);
    let digest = Digest::sha256(b"abcdef");
    finish(&world.registry, &id, b"f", digest).await.expect("finished");
    assert_eq!(read(&world.registry, "app", digest).await, b"abcdef");
    assert!(!world.keys().await.iter().any(|key| key.contains("_uploads")), "the session is gone");
    assert!(matches!(finish(&world.registry, &id, b"", digest).await, Err(Error::UploadUnknown)));
}

async fn nothing_makes_the_empty_blob(world: World) {
    let id = begin(&world.registry, "app").await;
    let digest = Digest::sha256(b"");
    finish(&world.registry, &id, b"", digest).await.expect("finished");
    assert_eq!(world.registry.stat_blob(&repository("app"), &digest).await.expect("there").size, 0);
}

async fn a_wrong_digest_ends_the_session(world: World) {
    let id = begin(&world.registry, "app").await;
    append(&world.registry, &id, None, b"abc").await.expect("appended");
    let expected = Digest::sha256(b"other");
    let error = finish(&world.registry, &id, b"", expected).await.expect_err("refused");
    let Error::DigestMismatch { expected: named, actual } = error else { panic!("{error:?}") };
    assert_eq!((named, actual), (expected, Digest::sha256(b"abc")));
    assert_eq!(world.keys().await, Vec::<String>::new());
    let missing = world.registry.stat_blob(&repository("app"), &expected).await;
    assert!(matches!(missing, Err(Error::BlobUnknown(_))));
}

async fn a_cut_body_is_kept(world: World) {
    let id = begin(&world.registry, "app").await;
    let app = repository("app");
    let cut = world.registry.append_upload(&app, &id, None, pin!(body([Some(b"abc"), None, Some(b"xyz")]))).await;
    assert!(matches!(cut, Err(Error::Body(_))), "{cut:?}");
    assert_eq!(world.registry.stat_upload(&app, &id).await.expect("there"), 3);
    let digest = Digest::sha256(b"abcdef");
    let cut = world.registry.finish_upload(&app, &id, None, &digest, pin!(body([Some(b"d"), None]))).await;
    assert!(matches!(cut, Err(Error::Body(_))), "{cut:?}");
    assert_eq!(world.registry.stat_upload(&app, &id).await.expect("there"), 4);
    assert_eq!(finish(&world.registry, &id, b"ef", digest).await.expect("finished"), 6);
    assert_eq!(read(&world.registry, "app", digest).await, b"abcdef");
}

async fn ranges_have_to_fit(world: World) {
    let id = begin(&world.registry, "app").await;
    append(&world.registry, &id, Some((0, 3)), b"abc").await.expect("appended");
    for start in [0, 2, 4] {
        let error = append(&world.registry, &id, Some((start, start + 1)), b"x").await.expect_err("refused");
        assert!(matches!(error, Error::OutOfOrder { expected: 3, actual } if actual == start), "{error:?}");
    }
    let long = append(&world.registry, &id, Some((3, 4)), b"de").await.expect_err("refused");
    assert!(matches!(long, Error::SizeMismatch { expected: 1, actual: 2 }), "{long:?}");
    assert_eq!(world.registry.stat_upload(&repository("app"), &id).await.expect("there"), 3, "none of it was taken");
    let short = append(&world.registry, &id, Some((3, 9)), b"de").await.expect_err("refused");
    assert!(matches!(short, Error::SizeMismatch { expected: 6, actual: 2 }), "{short:?}");
    assert_eq!(world.registry.stat_upload(&repository("app"), &id).await.expect("there"), 5, "what came is kept");
    let digest = Digest::sha256(b"abcde");
    let range = Some(ByteRange { start: 4, end: 5 });
    let late = world.registry.finish_upload(&repository("app"), &id, range, &digest, pin!(body([Some(b"e")]))).await;
    assert!(matches!(late, Err(Error::OutOfOrder { expected: 5, actual: 4 })), "{late:?}");
    finish(&world.registry, &id, b"", digest).await.expect("finished");
}

async fn one_request_at_a_time(world: World) {
    let id = begin(&world.registry, "app").await;
    append(&world.registry, &id, None, b"abc").await.expect("appended");
    let (sender, receiver) = tokio::sync::mpsc::channel::<std::io::Result<bytes::Bytes>>(1);
    let open = futures_util::stream::unfold(receiver, |mut r| async { r.recv().await.map(|item| (item, r)) });
    let (registry, held) = (world.registry.clone(), id.clone());
    let slow = tokio::spawn(async move { registry.append_upload(&repository("app"), &held, None, pin!(open)).await });
    sender.send(Ok("d".into())).await.expect("listening");
    // The second is taken from the channel only after the first was appended: the session is held from then on.
    sender.send(Ok("e".into())).await.expect("listening");
    sender.reserve().await.expect("listening");
    let second = append(&world.registry, &id, None, b"x").await;
    assert!(matches!(second, Err(Error::UploadBusy)), "{second:?}");
    let cancelled = world.registry.cancel_upload(&repository("app"), &id).await;
    assert!(matches!(cancelled, Err(Error::UploadBusy)), "{cancelled:?}");
    drop(sender);
    assert_eq!(slow.await.expect("no panic").expect("appended"), 5);
    finish(&world.registry, &id, b"", Digest::sha256(b"abcde")).await.expect("finished");
}

async fn cancelled_sessions_are_gone(world: World) {
    for bytes in [&b""[..], b"abc"] {
        let id = begin(&world.registry, "app").await;
        append(&world.registry, &id, None, bytes).await.expect("appended");
        world.registry.cancel_upload(&repository("app"), &id).await.expect("cancelled");
        assert_eq!(world.keys().await, Vec::<String>::new());
        let gone = world.registry.stat_upload(&repository("app"), &id).await;
        assert!(matches!(gone, Err(Error::UploadUnknown)), "{gone:?}");
    }
    let fresh = begin(&world.registry, "app").await;
    world.registry.cancel_upload(&repository("app"), &fresh).await.expect("cancelled");
    assert_eq!(world.keys().await, Vec::<String>::new());
}

async fn unknown_sessions(world: World) {
    let id = begin(&world.registry, "other").await;
    let app = repository("app");
    assert!(matches!(append(&world.registry, &id, None, b"x").await, Err(Error::UploadUnknown)));
    assert!(matches!(finish(&world.registry, &id, b"", Digest::sha256(b"")).await, Err(Error::UploadUnknown)));
    assert!(matches!(world.registry.stat_upload(&app, &id).await, Err(Error::UploadUnknown)));
    assert!(matches!(world.registry.cancel_upload(&app, &id).await, Err(Error::UploadUnknown)));
}

async fn another_process_goes_on_from_the_saved_state(world: World) {
    let (id, large) = (begin(&world.registry, "app").await, large());
    let size = LARGE as u64;
    append(&world.registry, &id, None, &large).await.expect("appended");
    let state = Key::upload_hash_state(&repository("app"), &id, Algorithm::Sha256, size);
    let saved = world.driver.stat(&state).await.expect("saved");
    assert_eq!(saved.size, 108);
    // A state that the bytes do not have shows that the state was used, and the bytes were not read again.
    let mut other = Hasher::new(Algorithm::Sha256);
    other.update(&vec![7; LARGE]);
    world.plant(&state, super::super::hash_state::save(&other, size)).await;
    let another = world.another(OPTIONS);
    other.update(b"end");
    assert_eq!(append(&another, &id, None, b"end").await.expect("appended"), size + 3);
    assert!(world.driver.stat(&state).await.expect_err("removed").is_not_found());
    let error = finish(&another, &id, b"", Digest::sha256(b"")).await.expect_err("refused");
    assert!(matches!(error, Error::DigestMismatch { actual, .. } if actual == other.finish()), "{error:?}");
}

async fn without_a_state_the_bytes_are_read_again(world: World) {
    let (id, large) = (begin(&world.registry, "app").await, large());
    let size = LARGE as u64;
    append(&world.registry, &id, None, &large).await.expect("appended");
    let state = Key::upload_hash_state(&repository("app"), &id, Algorithm::Sha256, size);
    for damaged in [None, Some(""), Some("not a state")] {
        match damaged {
            None => world.driver.delete(std::slice::from_ref(&state)).await.expect("deleted"),
            Some(text) => world.plant(&state, text).await,
        }
        assert_eq!(append(&world.registry, &id, None, b"").await.expect("appended"), size);
    }
    let digest = Digest::sha256(&[&large[..], b"end"].concat());
    finish(&world.registry, &id, b"end", digest).await.expect("finished");
    assert_eq!(read(&world.registry, "app", digest).await.len(), LARGE + 3);
}

async fn sessions_of_distribution_are_continued(world: World) {
    let id = begin(&world.registry, "app").await;
    append(&world.registry, &id, None, b"abc").await.expect("appended");
    // As registry:2 leaves it: a state for each request, of however few bytes.
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let state = |offset| Key::upload_hash_state(&repository("app"), &id, Algorithm::Sha256, offset);
    world.plant(&state(0), super::super::hash_state::save(&hasher, 0)).await;
    hasher.update(b"abc");
    world.plant(&state(3), super::super::hash_state::save(&hasher, 3)).await;
    let digest = Digest::sha256(b"abcdef");
    finish(&world.registry, &id, b"def", digest).await.expect("finished");
    assert_eq!(read(&world.registry, "app", digest).await, b"abcdef");
    assert!(!world.keys().await.iter().any(|key| key.contains("_uploads")), "all of the session is gone");
}

async fn sha512_is_linked_under_both_names(world: World) {
    let (long, short) = (sha512(b"layer"), Digest::sha256(b"layer"));
    push_blob(&world.registry, "app", b"layer", long).await.expect("pushed");
    let app = repository("app");
    for digest in [long, short] {
        assert_eq!(world.text(&Key::layer_link(&app, &digest)).await, Some(short.to_string()));
        assert_eq!(world.registry.stat_blob(&app, &digest).await.expect("there").size, 5);
    }
    world.registry.delete_blob(&app, &long).await.expect("deleted");
    for digest in [long, short] {
        assert!(world.registry.stat_blob(&app, &digest).await.is_err(), "{digest}");
    }
}

async fn sha512_may_be_announced_or_not(world: World) {
    let large = large();
    for announced in [true, false] {
        let algorithm = announced.then_some(Algorithm::Sha512);
        let start = UploadStart { algorithm, ..UploadStart::default() };
        let app = repository("app");
        let Ok(Started::Session(id)) = world.registry.start_upload(&app, &start, pin!(body([]))).await else {
            panic!("no session")
        };
        append(&world.registry, &id, None, &large).await.expect("appended");
        let state = Key::upload_hash_state(&app, &id, Algorithm::Sha512, LARGE as u64);
        assert_eq!(world.driver.stat(&state).await.is_ok(), announced);
        finish(&world.registry, &id, b"end", sha512(&[&large[..], b"end"].concat())).await.expect("finished");
    }
    assert!(!world.keys().await.iter().any(|key| key.contains("_uploads")), "the sessions are gone");
}

async fn mount(registry: &Registry, digest: Digest, from: Option<&str>) -> Started {
    let start = UploadStart { mount: Some(digest), from: from.map(repository), ..UploadStart::default() };
    registry.start_upload(&repository("app"), &start, pin!(body([]))).await.expect("answered")
}

async fn mounts(world: World) {
    let digest = world.blob("base", b"layer").await;
    let registry = &world.registry;
    assert!(matches!(mount(registry, digest, Some("empty")).await, Started::Session(_)), "not there");
    assert!(matches!(mount(registry, Digest::sha256(b"no"), None).await, Started::Session(_)), "nowhere");
    assert!(registry.stat_blob(&repository("app"), &digest).await.is_err(), "not yet mounted");
    assert_eq!(mount(registry, digest, Some("base")).await, Started::Mounted { digest, size: 5 });
    assert_eq!(read(registry, "app", digest).await, b"layer");

    registry.delete_blob(&repository("app"), &digest).await.expect("deleted");
    assert_eq!(mount(registry, digest, None).await, Started::Mounted { digest, size: 5 });
    assert_eq!(read(registry, "app", digest).await, b"layer");

    let long = sha512(b"other");
    push_blob(registry, "base", b"other", long).await.expect("pushed");
    assert_eq!(mount(registry, long, Some("base")).await, Started::Mounted { digest: long, size: 5 });
    assert_eq!(registry.stat_blob(&repository("app"), &long).await.expect("mounted").size, 5);
    registry.delete_blob(&repository("app"), &long).await.expect("deleted");
    assert_eq!(mount(registry, long, None).await, Started::Mounted { digest: long, size: 5 });
    assert_eq!(read(registry, "app", long).await, b"other");
}

async fn read_only_takes_nothing(world: World) {
    let id = begin(&world.registry, "app").await;
    let registry = world.another(Options { read_only: true, ..OPTIONS });
    let digest = Digest::sha256(b"x");
    assert!(matches!(push_blob(&registry, "app", b"x", digest).await, Err(Error::ReadOnly)));
    assert!(matches!(append(&registry, &id, None, b"x").await, Err(Error::ReadOnly)));
    assert!(matches!(finish(&registry, &id, b"x", digest).await, Err(Error::ReadOnly)));
    assert!(matches!(registry.cancel_upload(&repository("app"), &id).await, Err(Error::ReadOnly)));
    assert_eq!(registry.stat_upload(&repository("app"), &id).await.expect("readable"), 0);
}

async fn a_cut_whole_blob_leaves_nothing(world: World) {
    let start = UploadStart { digest: Some(Digest::sha256(b"abcdef")), ..UploadStart::default() };
    let cut = world.registry.start_upload(&repository("app"), &start, pin!(body([Some(b"abc"), None]))).await;
    assert!(matches!(cut, Err(Error::Body(_))), "{cut:?}");
    let wrong = world.registry.start_upload(&repository("app"), &start, pin!(body([Some(b"abc")]))).await;
    assert!(matches!(wrong, Err(Error::DigestMismatch { .. })), "{wrong:?}");
    assert_eq!(world.keys().await, Vec::<String>::new());
}

/// Least of all on a full disk: nobody knows the id, so nobody could end the session.
async fn a_failed_whole_blob_leaves_no_session(world: World) {
    for (seed, fail_at) in (0..8).flat_map(|seed| (1..20).map(move |fail_at| (seed, fail_at))) {
        let faults = Faults { fail_at: Some(fail_at), ..Faults::default() };
        let driver = Arc::new(Faulty::new(Arc::clone(&world.driver), seed, faults));
        let registry = Registry::new(driver, world.clock.clone(), OPTIONS);
        let bytes = format!("{seed} {fail_at}");
        let digest = Digest::sha256(bytes.as_bytes());
        let done = push_blob(&registry, "app", bytes.as_bytes(), digest).await;
        assert!(fail_at > 1 || matches!(done, Err(Error::Store(_))), "{done:?}");
        let left: Vec<String> = world.keys().await.into_iter().filter(|key| key.contains("_uploads")).collect();
        assert_eq!(left, Vec::<String>::new(), "change {fail_at} failed: {done:?}");
    }
}

async fn a_repeated_blob_heals(world: World) {
    let digest = world.blob("app", b"layer").await;
    for damage in ["", "LAYER"] {
        world.plant(&Key::blob(&digest), damage).await;
        world.blob("app", b"layer").await;
        assert_eq!(read(&world.registry, "app", digest).await, b"layer");
    }
    world.plant(&Key::layer_link(&repository("app"), &digest), "").await;
    assert!(world.registry.stat_blob(&repository("app"), &digest).await.is_err(), "an empty link holds nothing");
    world.blob("app", b"layer").await;
    assert_eq!(read(&world.registry, "app", digest).await, b"layer");
}
