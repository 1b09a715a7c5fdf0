//! What every driver must do with upload sessions.

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;

use super::*;

pub(crate) async fn publishes(store: &dyn Driver) {
    for size in [0, 1, 70_000] {
        let (session, target) = (upload("1"), key(&format!("blobs/{size}/data")));
        let mut stage = begin(store, &session).await;
        assert_eq!(stage.size(), 0);
        for chunk in pattern(size).chunks(9_999) {
            stage.append(Bytes::copy_from_slice(chunk)).await.expect("appended");
        }
        assert_eq!(stage.size(), size as u64);
        assert!(refused(store.stat(&target).await).is_not_found(), "not there before it is published");
        stage.publish(target.clone().into()).await.expect("published");
        assert_eq!(store.stat(&target).await.expect("there").size, size as u64);
        assert_eq!(get(store, &target).await, pattern(size));
        assert!(refused(store.stage(&session, StageMode::Resume).await).is_not_found(), "the session is over");
    }
    assert_eq!(all(store).await, ["blobs/0/data", "blobs/1/data", "blobs/70000/data"]);
}

pub(crate) async fn publishes_with_more(store: &dyn Driver) {
    let (session, target) = (upload("1"), key("blobs/x/data"));
    put(store, &key("a/link"), b"old").await;
    put(store, &key("s/link"), b"left over").await;
    let mut stage = begin(store, &session).await;
    stage.append("bytes".into()).await.expect("appended");
    let next = vec![vec![new("a/link", "new"), new("b/link", "b")], vec![], vec![new("c/d/link", "")]];
    stage.publish(Publication { key: target, next, leftovers: vec![key("s/link")] }).await.expect("published");
    assert_eq!(all(store).await, ["a/link", "b/link", "blobs/x/data", "c/d/link"]);
    for (name, value) in [("a/link", "new"), ("b/link", "b"), ("blobs/x/data", "bytes"), ("c/d/link", "")] {
        assert_eq!(get(store, &key(name)).await, value, "{name}");
    }
}

pub(crate) async fn resumes_and_saves(store: &dyn Driver) {
    let (session, target) = (upload("1"), key("blobs/x/data"));
    let bytes = pattern(1000);
    begin(store, &session).await.save().await.expect("saved without a byte");
    for (at, chunk) in bytes.chunks(300).enumerate() {
        let mut stage = resume(store, &session).await;
        assert_eq!(stage.size(), 300 * at as u64);
        stage.append(Bytes::copy_from_slice(chunk)).await.expect("appended");
        stage.append(Bytes::new()).await.expect("appended nothing");
        stage.save().await.expect("saved");
    }
    let stage = resume(store, &session).await;
    assert_eq!(stage.size(), 1000);
    stage.save().await.expect("saved without a change");
    resume(store, &session).await.publish(target.clone().into()).await.expect("published");
    assert_eq!(get(store, &target).await, bytes);
}

pub(crate) async fn staged_bytes(store: &dyn Driver) {
    let session = upload("1");
    let staged = async || store.staged(&session).await.expect("seen");
    assert_eq!(staged().await, 0);
    begin(store, &session).await.save().await.expect("saved without a byte");
    assert_eq!(staged().await, 0);
    // Less than a part of a bucket, and more.
    for size in [1000, 1000 + (6 << 20)] {
        let mut stage = resume(store, &session).await;
        stage.append(pattern(size - stage.size() as usize)).await.expect("appended");
        stage.save().await.expect("saved");
        assert_eq!(staged().await, size as u64);
    }
    let held = resume(store, &session).await;
    assert!(staged().await <= 1000 + (6 << 20), "and it is no holder");
    held.discard().await.expect("discarded");
    assert_eq!(staged().await, 0);
}

pub(crate) async fn stage_modes(store: &dyn Driver) {
    let session = upload("1");
    assert!(refused(store.stage(&session, StageMode::Resume).await).is_not_found());
    let mut stage = begin(store, &session).await;
    stage.append("kept".into()).await.expect("appended");
    stage.save().await.expect("saved");
    assert!(matches!(refused(store.stage(&session, StageMode::Create).await), Error::Exists { .. }));
    let stage = resume(store, &session).await;
    assert_eq!(stage.size(), 4, "the refused one harmed nothing");
    stage.discard().await.expect("discarded");
    begin(store, &session).await.discard().await.expect("discarded");
}

pub(crate) async fn one_holder(store: &dyn Driver) {
    let session = upload("1");
    let stage = begin(store, &session).await;
    assert!(matches!(refused(store.stage(&session, StageMode::Resume).await), Error::Busy { .. }));
    stage.save().await.expect("saved");
    let stage = resume(store, &session).await;
    assert!(matches!(refused(store.stage(&session, StageMode::Resume).await), Error::Busy { .. }));
    let other = begin(store, &upload("2")).await;
    other.discard().await.expect("another session is another matter");
    stage.publish(key("blobs/x/data").into()).await.expect("published");
    begin(store, &session).await.discard().await.expect("free again");
}

pub(crate) async fn dropped_stages(store: &dyn Driver) {
    let session = upload("1");
    let mut stage = begin(store, &session).await;
    stage.append("saved".into()).await.expect("appended");
    stage.save().await.expect("saved");
    let mut stage = resume(store, &session).await;
    stage.append(" and not".into()).await.expect("appended");
    drop(stage);
    let mut stage = resume(store, &session).await;
    let there: BytesMut = stage.reread().await.expect("opened").try_collect().await.expect("read");
    assert_eq!(there.len() as u64, stage.size());
    assert!(b"saved and not".starts_with(&there) && there.starts_with(b"saved"), "{there:?}");
}

pub(crate) async fn reverts(store: &dyn Driver) {
    let session = upload("1");
    // Less than a part of a bucket, and more than the thread of a file gathers.
    for size in [0, 1000, 6 << 20] {
        let mut stage = begin(store, &session).await;
        stage.append(pattern(size)).await.expect("appended");
        assert!(stage.revert().await.expect("reverted"), "a new one can be begun again");
        assert_eq!(store.staged(&session).await.expect("seen"), 0);
    }
    let mut stage = begin(store, &session).await;
    stage.append(pattern(1000)).await.expect("appended");
    stage.save().await.expect("saved");
    for more in [0, 1, 1 << 20] {
        let mut stage = resume(store, &session).await;
        stage.append(pattern(more)).await.expect("appended");
        assert!(stage.revert().await.expect("reverted"), "{more} bytes are taken back");
        let mut stage = resume(store, &session).await;
        assert_eq!(stage.size(), 1000, "{more}");
        let there: BytesMut = stage.reread().await.expect("opened").try_collect().await.expect("read");
        assert_eq!(there, pattern(1000));
        drop(stage);
    }
    // However much it is, nothing of it is left: neither in the session nor of it.
    let mut stage = resume(store, &session).await;
    stage.append(pattern(13 << 20)).await.expect("appended");
    let goes_on = stage.revert().await.expect("reverted");
    assert_eq!(store.staged(&session).await.expect("seen"), if goes_on { 1000 } else { 0 });
    let mut stage =
        store.stage(&session, if goes_on { StageMode::Resume } else { StageMode::Create }).await.expect("free");
    stage.append(pattern(7 << 20)).await.expect("appended");
    stage.save().await.expect("saved");
    // The same for one that a bucket keeps in parts.
    let before = store.staged(&session).await.expect("seen");
    for more in [0, 13 << 20] {
        let mut stage = resume(store, &session).await;
        stage.append(pattern(more)).await.expect("appended");
        let goes_on = stage.revert().await.expect("reverted");
        assert_eq!(store.staged(&session).await.expect("seen"), if goes_on { before } else { 0 }, "{more}");
        if !goes_on {
            assert!(more > 0, "nothing was to be taken back");
            assert!(refused(store.stage(&session, StageMode::Resume).await).is_not_found());
            return;
        }
    }
    resume(store, &session).await.discard().await.expect("discarded");
    assert_eq!(all(store).await, [""; 0], "nothing is left of it");
}

pub(crate) async fn discards(store: &dyn Driver) {
    for saved in [false, true] {
        for size in [0, 1000, 6 << 20] {
            let session = upload("1");
            let mut stage = begin(store, &session).await;
            stage.append(pattern(size)).await.expect("appended");
            if saved {
                stage.save().await.expect("saved");
                stage = resume(store, &session).await;
            }
            stage.discard().await.expect("discarded");
            assert!(refused(store.stage(&session, StageMode::Resume).await).is_not_found());
            assert_eq!(all(store).await, [""; 0], "nothing is left of it");
        }
    }
}

pub(crate) async fn rereads(store: &dyn Driver) {
    let (session, target) = (upload("1"), key("blobs/x/data"));
    let bytes = pattern(12 << 20);
    let mut stage = begin(store, &session).await;
    for (at, chunk) in [0..10, 10..(6 << 20), (6 << 20)..(6 << 20) + 1, (6 << 20) + 1..12 << 20].into_iter().enumerate()
    {
        let end = chunk.end;
        stage.append(bytes.slice(chunk)).await.expect("appended");
        let there: BytesMut = stage.reread().await.expect("opened").try_collect().await.expect("read");
        assert!(there == bytes[..end], "what was appended up to {end}");
        assert_eq!(stage.size(), end as u64);
        if at == 1 {
            stage.save().await.expect("saved");
            stage = resume(store, &session).await;
            assert_eq!(stage.size(), end as u64);
        }
    }
    stage.publish(target.clone().into()).await.expect("published");
    assert!(get(store, &target).await == bytes);
    assert_eq!(all(store).await, ["blobs/x/data"]);
}

pub(crate) async fn publish_replaces(store: &dyn Driver) {
    let (session, target) = (upload("1"), key("blobs/x/data"));
    put(store, &target, b"truncat").await;
    let before = store.stat(&target).await.expect("there");
    let mut stage = begin(store, &session).await;
    stage.append("truncated no more".into()).await.expect("appended");
    stage.publish(target.clone().into()).await.expect("published");
    assert_eq!(get(store, &target).await, "truncated no more");
    assert_ne!(store.stat(&target).await.expect("there").version, before.version);
}

pub(crate) async fn big_uploads(store: &dyn Driver) {
    const PART: usize = 5 << 20;
    let target = key("blobs/x/data");
    // Around the sizes in which drivers write, in chunks that divide nothing, with and without a save between.
    for size in [PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 7] {
        for chunk in [60_001, size] {
            let (session, bytes) = (upload("1"), pattern(size));
            let mut stage = begin(store, &session).await;
            for (at, chunk) in bytes.chunks(chunk).enumerate() {
                stage.append(bytes.slice_ref(chunk)).await.expect("appended");
                if at % 50 == 49 {
                    stage.save().await.expect("saved");
                    stage = resume(store, &session).await;
                }
            }
            stage.publish(target.clone().into()).await.expect("published");
            assert!(get(store, &target).await == bytes, "{size} bytes in chunks of {chunk}");
            assert_eq!(all(store).await, ["blobs/x/data"]);
        }
    }
}
