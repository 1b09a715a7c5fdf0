//! Random work on a store that fails and crashes at random changes. After each crash: what was answered Ok is there and
//! verifies, what was not is there whole or not at all, cut uploads go on. A failing seed is printed and runs again alone.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;

use super::testing::{OPTIONS, begin, body, image, locator, push_blob, put, repository, sha512, subject, tag};
use super::verify::verify;
use super::{Error, Registry, Started};
use crate::spec::{Digest, Page, UploadId};
use crate::store::faulty::{Faults, Faulty, Random};
use crate::store::{Driver, Memory};
use crate::sys::Clock;

const SEEDS: u64 = 60;
const STEPS: usize = 60;
const REPOSITORIES: [&str; 3] = ["app", "app/nested", "other"];
const TAGS: [&str; 3] = ["v1", "v1-a", "v2"];

/// What the clients know.
#[derive(Default)]
struct Known {
    blobs: BTreeSet<(&'static str, Digest)>,
    /// Whether the manifest has to be there; one whose push or delete was not answered may be.
    manifests: BTreeMap<(&'static str, String), bool>,
    /// What a tag may lead to: after an answer one thing, else the old or the new. `None` is nothing.
    tags: BTreeMap<(&'static str, &'static str), BTreeSet<Option<String>>>,
    /// Bytes of sessions that were acknowledged, and the blob they are to become.
    sessions: Vec<(UploadId, usize, Vec<u8>)>,
}

struct Simulation {
    random: Random,
    memory: Memory,
    faulty: Faulty,
    clock: Clock,
    registry: Registry,
    known: Known,
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_crash() {
    for seed in 0..SEEDS {
        let faults = |random: &mut Random| Faults { crash_at: Some(1 + random.below(120) as u64), ..Faults::default() };
        Simulation::new(seed).run(seed, faults).await;
    }
}

#[tokio::test]
async fn errors_of_the_store_leave_nothing_half_done() {
    for seed in 0..SEEDS {
        let faults = |random: &mut Random| Faults { fail_per_mille: random.below(60), ..Faults::default() };
        Simulation::new(seed).run(seed, faults).await;
    }
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let clock = Clock::manual("2026-01-02T03:04:05Z".parse().expect("a time"));
        let memory = Memory::new(clock.clone());
        let faulty = Faulty::new(Arc::new(memory.clone()), seed, Faults::default());
        let registry = Registry::new(Arc::new(faulty.clone()), clock.clone(), OPTIONS);
        Self { random: Random::new(seed), memory, faulty, clock, registry, known: Known::default() }
    }

    async fn run(&mut self, seed: u64, mut faults: impl FnMut(&mut Random) -> Faults) {
        self.faulty.restart(faults(&mut self.random));
        for step in 0..STEPS {
            self.step().await;
            if self.faulty.crashed() || step + 1 == STEPS {
                self.faulty.restart(Faults::default());
                let random = &mut self.random;
                self.memory.lose_unsaved(|bytes| random.below(bytes + 1));
                self.registry = Registry::new(Arc::new(self.faulty.clone()), self.clock.clone(), OPTIONS);
                self.check(seed, step).await;
                self.faulty.restart(faults(&mut self.random));
            }
        }
    }

    async fn step(&mut self) {
        let name = REPOSITORIES[self.random.below(REPOSITORIES.len())];
        match self.random.below(13) {
            0..4 => self.push_image(name).await,
            4 => self.push_referrer(name).await,
            10 => self.push_under_sha512(name).await,
            11 => self.mount(name).await,
            12 => self.push_at_once(name).await,
            5 => self.delete_tag(name).await,
            6 => self.delete_manifest(name).await,
            7 => self.open_session().await,
            _ => self.continue_session().await,
        }
    }

    /// One of few contents, so that repositories share them and pushes repeat.
    fn content(&mut self) -> Vec<u8> {
        let number = self.random.below(6);
        vec![number as u8; 1 + number * 100]
    }

    async fn push_blob(&mut self, name: &'static str, bytes: &[u8]) -> bool {
        let digest = Digest::sha256(bytes);
        let pushed = push_blob(&self.registry, name, bytes, digest).await.is_ok();
        if pushed {
            self.known.blobs.insert((name, digest));
        }
        pushed
    }

    async fn push_image(&mut self, name: &'static str) {
        let layer = self.content();
        let at = TAGS[self.random.below(TAGS.len())];
        if self.push_blob(name, b"{}").await && self.push_blob(name, &layer).await {
            self.put(name, Some(at), image(&[&layer], "")).await;
        }
    }

    async fn push_under_sha512(&mut self, name: &'static str) {
        let bytes = self.content();
        let digest = sha512(&bytes);
        if push_blob(&self.registry, name, &bytes, digest).await.is_ok() {
            self.known.blobs.extend([(name, digest), (name, Digest::sha256(&bytes))]);
        }
    }

    /// What one repository holds comes into another one, whether the client names the first or not.
    async fn mount(&mut self, name: &'static str) {
        let held: Vec<_> = self.known.blobs.iter().copied().collect();
        if held.is_empty() {
            return;
        }
        let (from, digest) = held[self.random.below(held.len())];
        let from = (self.random.below(2) == 0).then(|| repository(from));
        let start = crate::spec::route::UploadStart { mount: Some(digest), from, ..Default::default() };
        match self.registry.start_upload(&repository(name), &start, pin!(body([]))).await {
            Ok(Started::Mounted { digest: mounted, .. }) => {
                assert_eq!(mounted, digest);
                self.known.blobs.insert((name, digest));
            }
            Ok(_) => panic!("{digest} of {} was not found for {name}", held.len()),
            Err(error) => assert!(matches!(error, Error::Store(_)), "{error:?}"),
        }
    }

    /// Three clients at once: two who move the same tag, and one who pushes a blob that both of their images need.
    async fn push_at_once(&mut self, name: &'static str) {
        let (layer, other) = (self.content(), self.content());
        if !self.push_blob(name, b"{}").await || !self.push_blob(name, &layer).await {
            return;
        }
        let at = TAGS[self.random.below(TAGS.len())];
        let manifests = [image(&[&layer], ""), image(&[&layer, &layer], "")];
        let digest = Digest::sha256(&other);
        let (first, second, blob) = tokio::join!(
            put(&self.registry, name, at, manifests[0].clone()),
            put(&self.registry, name, at, manifests[1].clone()),
            push_blob(&self.registry, name, &other, digest),
        );
        if blob.is_ok() {
            self.known.blobs.insert((name, digest));
        }
        let answered = [first.is_ok(), second.is_ok()];
        let targets = self.known.tags.entry((name, at)).or_insert_with(|| BTreeSet::from([None]));
        if answered.contains(&true) {
            targets.clear();
        }
        for (manifest, answered) in manifests.into_iter().zip(answered) {
            targets.insert(Some(manifest.clone()));
            *self.known.manifests.entry((name, manifest)).or_insert(answered) |= answered;
        }
    }

    async fn push_referrer(&mut self, name: &'static str) {
        let layer = self.content();
        if self.push_blob(name, b"{}").await {
            self.put(name, None, image(&[], &subject(&image(&[&layer], "")))).await;
        }
    }

    async fn put(&mut self, name: &'static str, at: Option<&'static str>, manifest: String) {
        let digest = Digest::sha256(manifest.as_bytes()).to_string();
        let result = put(&self.registry, name, at.unwrap_or(&digest), manifest.clone()).await;
        let answered = result.is_ok();
        assert!(matches!(result, Ok(_) | Err(Error::Store(_))), "{result:?}");
        let sure = self.known.manifests.entry((name, manifest.clone())).or_insert(answered);
        *sure |= answered;
        if let Some(at) = at {
            let targets = self.known.tags.entry((name, at)).or_insert_with(|| BTreeSet::from([None]));
            if answered {
                targets.clear();
            }
            targets.insert(Some(manifest));
        }
    }

    async fn delete_tag(&mut self, name: &'static str) {
        let at = TAGS[self.random.below(TAGS.len())];
        let result = self.registry.delete_tag(&repository(name), &tag(at)).await;
        let targets = self.known.tags.entry((name, at)).or_insert_with(|| BTreeSet::from([None]));
        match result {
            Ok(_) => *targets = BTreeSet::from([None]),
            Err(Error::ManifestUnknown(_)) => assert!(targets.contains(&None), "{name}:{at} was lost"),
            Err(_) => _ = targets.insert(None),
        }
    }

    async fn delete_manifest(&mut self, name: &'static str) {
        let all: Vec<String> =
            self.known.manifests.keys().filter(|key| key.0 == name).map(|key| key.1.clone()).collect();
        if all.is_empty() {
            return;
        }
        let manifest = all[self.random.below(all.len())].clone();
        let digest = Digest::sha256(manifest.as_bytes());
        let result = self.registry.delete_manifest(&repository(name), &digest).await;
        let answered = matches!(result, Ok(_) | Err(Error::ManifestUnknown(_)));
        for ((_, _), targets) in self.known.tags.iter_mut().filter(|((at, _), _)| *at == name) {
            if targets.contains(&Some(manifest.clone())) {
                targets.insert(None);
                if answered {
                    targets.remove(&Some(manifest.clone()));
                }
            }
        }
        if answered {
            self.known.manifests.remove(&(name, manifest));
        } else {
            self.known.manifests.insert((name, manifest), false);
        }
    }

    async fn open_session(&mut self) {
        if self.faulty.crashed() {
            return;
        }
        let start = crate::spec::route::UploadStart::default();
        let started = self.registry.start_upload(&repository("app"), &start, pin!(body([]))).await;
        if let Ok(super::Started::Session(id)) = started {
            let bytes = [&self.content()[..], id.as_str().as_bytes()].concat();
            self.known.sessions.push((id, 0, bytes));
        }
    }

    async fn continue_session(&mut self) {
        let Some((id, acknowledged, bytes)) = self.known.sessions.pop() else { return };
        let app = repository("app");
        let Ok(size) = self.registry.stat_upload(&app, &id).await else {
            self.known.sessions.push((id, acknowledged, bytes));
            return;
        };
        let size = usize::try_from(size).expect("small");
        assert!(size >= acknowledged && size <= bytes.len(), "{size} of {acknowledged} acknowledged bytes");
        let rest = &bytes[size..];
        if self.random.below(2) == 0 {
            let digest = Digest::sha256(&bytes);
            let finished = self.registry.finish_upload(&app, &id, None, &digest, pin!(body([Some(rest)]))).await;
            assert!(matches!(finished, Ok(_) | Err(Error::Store(_))), "{finished:?}");
            if finished.is_ok() {
                self.known.blobs.insert(("app", digest));
            }
            return;
        }
        let (first, second) = rest.split_at(self.random.below(rest.len() + 1));
        let cut = self.random.below(3) == 0;
        let pieces = [Some(first), if cut { None } else { Some(second) }];
        let acknowledged = match self.registry.append_upload(&app, &id, None, pin!(body(pieces))).await {
            Ok(size) => usize::try_from(size).expect("small"),
            Err(Error::Body(_)) => size + first.len(),
            Err(_) => size.min(acknowledged),
        };
        self.known.sessions.push((id, acknowledged, bytes));
    }

    async fn check(&mut self, seed: u64, step: usize) {
        let driver: Arc<dyn Driver> = Arc::new(self.faulty.clone());
        let faults = verify(&driver, &self.clock).await.expect("readable");
        assert!(faults.is_empty(), "seed {seed}, step {step}: {faults:#?}");
        for (name, digest) in &self.known.blobs {
            let there = self.registry.stat_blob(&repository(name), digest).await;
            assert!(there.is_ok(), "seed {seed}, step {step}: {name} lost {digest}");
        }
        for ((name, manifest), sure) in &self.known.manifests {
            let digest = Digest::sha256(manifest.as_bytes());
            match self.registry.get_manifest(&repository(name), &digest.into()).await {
                Ok(stored) => assert_eq!(stored.bytes, *manifest.as_bytes(), "seed {seed}, step {step}"),
                Err(Error::ManifestUnknown(_)) => assert!(!sure, "seed {seed}, step {step}: {name} lost {digest}"),
                Err(error) => panic!("seed {seed}, step {step}: {error}"),
            }
        }
        let mut listed = BTreeSet::new();
        for name in REPOSITORIES {
            if let Ok(tags) = self.registry.tags(&repository(name), &Page::default()).await {
                listed.extend(tags.items.iter().map(|tag| (name, tag.to_string())));
            }
        }
        for ((name, at), targets) in &mut self.known.tags {
            let found = match self.registry.get_manifest(&repository(name), &locator(at)).await {
                Ok(stored) => Some(String::from_utf8(stored.bytes.to_vec()).expect("text")),
                Err(Error::ManifestUnknown(_)) => None,
                Err(error) => panic!("seed {seed}, step {step}: {error}"),
            };
            assert!(targets.contains(&found), "seed {seed}, step {step}: {name}:{at} leads to {found:?}");
            assert_eq!(listed.contains(&(*name, (*at).to_owned())), found.is_some(), "seed {seed}, step {step}: {at}");
            // From now on the clients know.
            *targets = BTreeSet::from([found]);
        }
    }
}

/// That the oracle sees what it is for.
#[tokio::test]
async fn the_oracle_sees_damage() {
    let world = super::testing::World::memory();
    world.image("app", "v1", b"layer").await;
    assert_eq!(verify(&world.driver, &world.clock).await.expect("readable"), Vec::<String>::new());
    let layer = Digest::sha256(b"layer");
    world.plant(&crate::store::Key::blob(&layer), "LAYER").await;
    let faults = verify(&world.driver, &world.clock).await.expect("readable");
    assert_eq!(faults, [format!("app: {layer} is damaged")]);
    world.driver.delete(&[crate::store::Key::blob(&layer)]).await.expect("deleted");
    assert_eq!(verify(&world.driver, &world.clock).await.expect("readable").len(), 2);
    let _ = begin(&world.registry, "app").await;
}
