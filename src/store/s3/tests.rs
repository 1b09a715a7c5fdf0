//! Against a real server: `REG_TEST_S3_ENDPOINT` (`http://127.0.0.1:9000`), `REG_TEST_S3_BUCKET` (an existing one),
//! `REG_TEST_S3_ACCESS_KEY`, `REG_TEST_S3_SECRET_KEY`. Without the first these tests say `SKIPPED` and test nothing, unless
//! `REG_TEST_PEERS` is `required`: then they fail.

use super::*;
use crate::store::Prefix;
use crate::store::suite::{Subject, pattern, suite};
use crate::sys::upload_id;

/// The settings of the server under test, with a root of its own for each test.
fn settings() -> Option<S3Config> {
    let variable = |name: &str| std::env::var_os(format!("REG_TEST_{name}")).and_then(|value| value.into_string().ok());
    let Some(regionendpoint) = variable("S3_ENDPOINT") else {
        assert_ne!(variable("PEERS").as_deref(), Some("required"), "REG_TEST_S3_ENDPOINT is not set");
        // Through the handle, so that the test harness captures nothing.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"SKIPPED: no REG_TEST_S3_ENDPOINT\n");
        return None;
    };
    let setting = |name: &str| variable(name).unwrap_or_else(|| panic!("REG_TEST_{name} is not set"));
    Some(S3Config {
        regionendpoint,
        bucket: setting("S3_BUCKET"),
        accesskey: setting("S3_ACCESS_KEY"),
        secretkey: setting("S3_SECRET_KEY"),
        rootdirectory: format!("/tests/{}", upload_id()),
        chunksize: CHUNK_BYTES_MIN,
        ..S3Config::default()
    })
}

async fn store() -> Option<Subject> {
    let driver = Arc::new(S3::new(settings()?).expect("sensible"));
    Some(Subject { driver, _keep: Box::new(()) })
}
suite!(store);

fn key(name: &str) -> Key {
    Prefix::registry().key(name)
}

fn session() -> Key {
    key("repositories/app/_uploads/1/data")
}

async fn bytes_of(store: &S3, key: &Key) -> Bytes {
    store.read(key, None).await.expect("opened").bytes(key).await.expect("read")
}

#[tokio::test]
async fn another_process_resumes_a_session() {
    let Some(config) = settings() else { return };
    let bytes = pattern(13 << 20);
    // Every step in a store of its own, as after a restart.
    let store = || S3::new(config.clone()).expect("sensible");
    let mut stage = store().stage(&session(), StageMode::Create).await.expect("begun");
    stage.append(bytes.slice(..6 << 20)).await.expect("appended");
    stage.save().await.expect("saved");
    let mut stage = store().stage(&session(), StageMode::Resume).await.expect("resumed");
    assert_eq!(stage.size(), 6 << 20);
    stage.append(bytes.slice(6 << 20..)).await.expect("appended");
    stage.save().await.expect("saved");
    let stage = store().stage(&session(), StageMode::Resume).await.expect("resumed");
    assert_eq!(stage.size(), 13 << 20);
    stage.publish(key("blobs/x/data").into()).await.expect("published");
    assert!(bytes_of(&store(), &key("blobs/x/data")).await == bytes);
}

#[tokio::test]
async fn a_session_that_was_completed_and_not_published_goes_on() {
    let Some(config) = settings() else { return };
    let bytes = pattern(12 << 20);
    let store = || S3::new(config.clone()).expect("sensible");
    let mut stage = store().stage(&session(), StageMode::Create).await.expect("begun");
    stage.append(bytes.slice(..6 << 20)).await.expect("appended");
    stage.save().await.expect("saved");
    // Twice somebody reads it again, which completes the upload, and dies.
    for end in [7 << 20, (7 << 20) + 5] {
        let mut stage = store().stage(&session(), StageMode::Resume).await.expect("resumed");
        stage.append(bytes.slice(stage.size() as usize..end)).await.expect("appended");
        drop(stage.reread().await.expect("opened"));
        drop(stage);
    }
    let stage = store().stage(&session(), StageMode::Resume).await.expect("resumed");
    assert_eq!(stage.size(), (7 << 20) + 5);
    stage.save().await.expect("saved");
    let mut stage = store().stage(&session(), StageMode::Resume).await.expect("resumed");
    stage.append(bytes.slice(stage.size() as usize..(8 << 20))).await.expect("appended");
    stage.save().await.expect("saved");
    // The saved object grows under the saved state.
    let mut stage = store().stage(&session(), StageMode::Resume).await.expect("resumed");
    stage.append(bytes.slice(8 << 20..)).await.expect("appended");
    drop(stage.reread().await.expect("opened"));
    drop(stage);
    let stage = store().stage(&session(), StageMode::Resume).await.expect("resumed");
    assert_eq!(stage.size(), 12 << 20);
    stage.publish(key("blobs/x/data").into()).await.expect("published");
    assert!(bytes_of(&store(), &key("blobs/x/data")).await == bytes);
}

#[tokio::test]
async fn keys_are_distributions() {
    let Some(config) = settings() else { return };
    let bare = S3Config { rootdirectory: String::new(), ..config.clone() };
    let (store, bare) = (S3::new(config.clone()).expect("sensible"), S3::new(bare).expect("sensible"));
    store.write(&key("a/link"), "x".into(), WriteMode::Create).await.expect("written");
    let root = config.rootdirectory.trim_start_matches('/');
    let path = Path::from(format!("{root}/docker/registry/v2/a/link"));
    assert_eq!(bare.0.client.head(&path).await.expect("there").size, 1);
}

#[tokio::test]
async fn a_state_that_is_none_is_told() {
    let Some(config) = settings() else { return };
    let store = S3::new(config).expect("sensible");
    store.write(&session().upload_state(), "rubbish".into(), WriteMode::Create).await.expect("written");
    let error = store.stage(&session(), StageMode::Resume).await.err().expect("refused");
    assert!(matches!(error, Error::Corrupt { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_ignores_conditions_is_worked_around() {
    let Some(config) = settings() else { return };
    let store = S3::new(config).expect("sensible");
    store.0.creates.set(false).expect("not asked yet");
    crate::store::suite::create_if_absent(&store).await;
}

#[tokio::test]
async fn wrong_settings_are_told() {
    let Some(config) = settings() else { return };
    S3::new(config.clone()).expect("sensible").check().await.expect("all is well");
    let bucket = S3Config { bucket: "there-is-none-such".to_owned(), ..config.clone() };
    let error = S3::new(bucket).expect("sensible").check().await.expect_err("no such bucket");
    assert!(matches!(&error, Unusable::Missing(_)), "{error:?}");
    let secret = S3Config { secretkey: "wrong".to_owned(), ..config.clone() };
    let error = S3::new(secret).expect("sensible").check().await.expect_err("wrong secret");
    assert!(matches!(error, Unusable::Denied(_)), "{error:?}");
}

#[test]
fn versions_follow_the_tag() {
    let meta = |tag: Option<&str>, seconds: i64| ObjectMeta {
        location: Path::default(),
        last_modified: std::time::SystemTime::UNIX_EPOCH
            .checked_add(std::time::Duration::from_secs(seconds.unsigned_abs()))
            .expect("in range")
            .into(),
        size: 3,
        e_tag: tag.map(str::to_owned),
        version: None,
    };
    assert_eq!(stat_of(&meta(Some("\"a\""), 1)).version, stat_of(&meta(Some("a"), 2)).version);
    assert_ne!(stat_of(&meta(Some("a"), 1)).version, stat_of(&meta(Some("b"), 1)).version);
    assert_ne!(stat_of(&meta(None, 1)).version, stat_of(&meta(None, 2)).version);
    assert_eq!(stat_of(&meta(None, 7)).changed, Timestamp::from_second(7).expect("in range"));
}
