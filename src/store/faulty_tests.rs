//! Simulation of a store that fails: random work, a crash at every change in turn, and errors at random. What was answered
//! `Ok` is there; what was not is there whole or not at all.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt;

use super::*;
use crate::store::suite::{Subject, suite};
use crate::store::{Depth, Fs, Memory};
use crate::sys::Clock;

async fn store() -> Option<Subject> {
    let memory = Memory::new(Clock::System);
    let driver = Arc::new(Faulty::new(Arc::new(memory), 0, Faults::default()));
    Some(Subject { driver, _keep: Box::new(()) })
}
suite!(store);

/// What a value may be: absent, or these bytes.
type Maybe = BTreeSet<Option<Vec<u8>>>;

/// What a session may hold: every byte of `saved`, and of what follows in `appended` some.
#[derive(Clone, Debug, Default)]
struct Session {
    /// `None` where a session need not be there at all.
    saved: Option<usize>,
    appended: Vec<u8>,
}

struct World {
    store: Faulty,
    random: Random,
    values: BTreeMap<Key, Maybe>,
    sessions: BTreeMap<Key, Session>,
    writes: usize,
}

fn key(name: &str) -> Key {
    Prefix::registry().key(name)
}

impl World {
    fn new(inner: Arc<dyn Driver>, seed: u64, faults: Faults) -> Self {
        let values = ["a/b/link", "a/b-/link", "a/c/link", "d/data"].map(|name| (key(name), Maybe::from([None])));
        World {
            store: Faulty::new(inner, seed, faults),
            random: Random::new(seed ^ 0xabcd),
            values: values.into(),
            sessions: BTreeMap::new(),
            writes: 0,
        }
    }

    fn any_key(&mut self) -> Key {
        let at = self.random.below(self.values.len());
        self.values.keys().nth(at).expect("below the length").clone()
    }

    /// A value unlike every other.
    fn fresh(&mut self) -> Vec<u8> {
        self.writes += 1;
        let len = self.random.below(40);
        format!("{}:{}", self.writes, "x".repeat(len)).into_bytes()
    }

    async fn step(&mut self) {
        match self.random.below(8) {
            0..3 => self.write().await,
            3 => self.delete().await,
            4..7 => self.upload().await,
            _ => {
                let key = self.any_key();
                self.check(&key).await;
            }
        }
    }

    async fn write(&mut self) {
        let (key, bytes) = (self.any_key(), self.fresh());
        let mode = if self.random.below(2) == 0 { WriteMode::Create } else { WriteMode::Replace };
        let result = self.store.write(&key, bytes.clone().into(), mode).await;
        let maybe = self.values.get_mut(&key).expect("known");
        match result {
            Ok(()) => {
                assert!(mode == WriteMode::Replace || maybe.contains(&None), "{key} was created over {maybe:?}");
                *maybe = Maybe::from([Some(bytes)]);
            }
            Err(Error::Exists { .. }) => {
                maybe.remove(&None);
                assert!(mode == WriteMode::Create && !maybe.is_empty(), "{key} cannot exist");
            }
            Err(_) if mode == WriteMode::Replace || maybe.contains(&None) => {
                maybe.insert(Some(bytes));
            }
            Err(_) => {}
        }
    }

    async fn delete(&mut self) {
        let keys = [self.any_key(), self.any_key()];
        let result = self.store.delete(&keys).await;
        for key in keys {
            let maybe = self.values.get_mut(&key).expect("known");
            if result.is_ok() {
                maybe.clear();
            }
            maybe.insert(None);
        }
    }

    async fn upload(&mut self) {
        let key = key(&format!("_uploads/{}/data", self.random.below(2)));
        let known = self.sessions.get(&key).cloned();
        let mode = if known.is_some() { StageMode::Resume } else { StageMode::Create };
        let mut stage = match (self.store.stage(&key, mode).await, known) {
            (Ok(stage), known) => {
                self.sessions.insert(key.clone(), known.unwrap_or_default());
                stage
            }
            (Err(Error::NotFound { .. }), Some(Session { saved: None, .. })) => {
                self.sessions.remove(&key);
                return;
            }
            (Err(Error::Io { .. }), known) => {
                self.sessions.insert(key, known.unwrap_or_default());
                return;
            }
            (Err(error), known) => panic!("{key}: {error:?}, though {known:?}"),
        };
        if !self.found(&key, &mut *stage).await {
            return;
        }
        for _ in 0..self.random.below(4) {
            let bytes = self.fresh();
            self.sessions.get_mut(&key).expect("begun").appended.extend_from_slice(&bytes);
            if stage.append(bytes.into()).await.is_err() {
                return;
            }
        }
        self.end(&key, stage).await;
    }

    /// Checks what is in a session; false if it could not be read.
    async fn found(&mut self, key: &Key, stage: &mut dyn Stage) -> bool {
        let Ok(bytes) = stage.reread().await else { return false };
        let found: Vec<u8> = bytes.map_ok(Vec::from).try_concat().await.expect("read");
        let session = self.sessions.get_mut(key).expect("begun");
        assert_eq!(found.len() as u64, stage.size());
        assert!(session.appended.starts_with(&found), "{key} holds what nobody sent");
        assert!(found.len() >= session.saved.unwrap_or(0), "{key} lost saved bytes: {} of {session:?}", found.len());
        session.appended = found;
        true
    }

    async fn end(&mut self, key: &Key, stage: Box<dyn Stage>) {
        let session = self.sessions.remove(key).expect("begun");
        let size = session.appended.len();
        assert_eq!(stage.size(), size as u64);
        let gone_or_not = Session { saved: None, appended: session.appended.clone() };
        let (kept, result) = match self.random.below(4) {
            0 => {
                drop(stage);
                (Some(session), Ok(()))
            }
            1 => match stage.save().await {
                Ok(()) => (Some(Session { saved: Some(size), ..session }), Ok(())),
                error => (Some(session), error),
            },
            2 => {
                let target = self.any_key();
                let result = stage.publish(target.clone().into()).await;
                let maybe = self.values.get_mut(&target).expect("known");
                if result.is_ok() {
                    maybe.clear();
                }
                maybe.insert(Some(session.appended));
                (None, result)
            }
            _ => (None, stage.discard().await),
        };
        if let Some(session) = kept.or_else(|| result.is_err().then_some(gone_or_not)) {
            self.sessions.insert(key.clone(), session);
        }
    }

    async fn check(&mut self, key: &Key) {
        let found = match self.store.read(key, None).await {
            Ok(object) => Some(Vec::from(object.bytes(key).await.expect("read"))),
            Err(Error::NotFound { .. }) => None,
            Err(_) => return,
        };
        let maybe = self.values.get_mut(key).expect("known");
        assert!(maybe.contains(&found), "{key} is {found:?} and may be {maybe:?}");
        *maybe = Maybe::from([found]);
    }

    /// Checks every value by reading and all of them by listing, without faults.
    async fn check_all(&mut self) {
        self.store.restart(Faults::default());
        let keys: Vec<_> = self.values.keys().cloned().collect();
        for key in &keys {
            self.check(key).await;
        }
        let there = self.values.iter().filter(|(_, maybe)| !maybe.contains(&None)).map(|(key, _)| key.as_str());
        let prefix = Prefix::registry();
        let query = ListQuery { prefix: &prefix, depth: Depth::All, start_after: None, limit: 100, with_stat: false };
        let listed = self.store.list(&query).await.expect("listed").entries;
        let listed = listed.iter().map(|entry| prefix.key(&entry.name)).filter(|key| self.values.contains_key(key));
        assert!(there.eq(listed.map(|key| key.to_string()).collect::<Vec<_>>()), "what is read is what is listed");
    }
}

const STEPS: usize = 60;

/// Crashes at each change in turn. `lose` is what the power failure does to the store.
async fn crash_everywhere(seed: u64, make: impl Fn() -> (Arc<dyn Driver>, Box<dyn Fn(&Faulty)>)) {
    let (mut crash_at, mut crashes) = (1, 0);
    loop {
        let (inner, lose) = make();
        let mut world = World::new(inner, seed, Faults { crash_at: Some(crash_at), ..Faults::default() });
        for _ in 0..STEPS {
            world.step().await;
            if world.store.crashed() {
                crashes += 1;
                lose(&world.store);
                world.check_all().await;
            }
        }
        let changes = world.store.changes();
        world.check_all().await;
        if crashes < crash_at {
            assert!(changes < crash_at && crashes > STEPS as u64 / 2, "seed {seed}: {crashes} crashes");
            return;
        }
        crash_at += 1;
    }
}

#[tokio::test]
async fn memory_survives_a_crash_at_every_change() {
    for seed in 0..20 {
        crash_everywhere(seed, || {
            let memory = Memory::new(Clock::System);
            let lose = memory.clone();
            (Arc::new(memory), Box::new(move |faulty| lose.lose_unsaved(|unsaved| faulty.below(unsaved + 1))))
        })
        .await;
    }
}

/// The process dies, the kernel lives: what was written stays, synced or not.
#[tokio::test]
async fn files_survive_a_crash_at_every_change() {
    let directories = tempfile::tempdir().expect("made");
    crash_everywhere(1, || {
        let root = tempfile::tempdir_in(directories.path()).expect("made").keep();
        (Arc::new(Fs::open(&root, Clock::System).expect("opened")), Box::new(|_| ()))
    })
    .await;
}

#[tokio::test]
async fn memory_survives_errors() {
    for seed in 0..200 {
        let faults = Faults { fail_per_mille: 150, ..Faults::default() };
        let mut world = World::new(Arc::new(Memory::new(Clock::System)), seed, faults);
        for _ in 0..3 {
            for _ in 0..STEPS {
                world.step().await;
            }
            world.check_all().await;
            world.store.restart(faults);
        }
    }
}

#[tokio::test]
async fn a_crash_silences_the_store() {
    let store = Faulty::new(Arc::new(Memory::new(Clock::System)), 7, Faults { crash_at: Some(2), ..Faults::default() });
    let (one, two) = (key("one"), key("two"));
    store.write(&one, "1".into(), WriteMode::Create).await.expect("written");
    assert!(!store.crashed());
    assert!(store.write(&two, "2".into(), WriteMode::Create).await.is_err());
    assert!(store.crashed());
    assert!(matches!(store.read(&one, None).await, Err(Error::Io { .. })));
    assert!(matches!(store.delete(std::slice::from_ref(&one)).await, Err(Error::Io { .. })));
    store.restart(Faults::default());
    assert_eq!(store.read(&one, None).await.expect("opened").bytes(&one).await.expect("read"), "1");
    assert_eq!(store.changes(), 0);
}

#[test]
fn numbers_repeat() {
    // The first outputs of SplitMix64 for the seed 1234567, as published with it.
    let mut random = Random::new(1_234_567);
    let numbers: Vec<_> = (0..3).map(|_| random.number()).collect();
    assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
}
