//! Random stores, collected: against a model that knows nothing but the layout, and with a crash at every change.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;
use crate::gc;
use crate::gc::policy::{Action, Policy, Rule};
use crate::registry::snapshot::snapshot;
use crate::registry::testing::{World, image, index, push_blob, put, repository, sha512, subject, tag};
use crate::registry::verify::verify;
use crate::store::faulty::{Faults, Faulty, Random};

const REPOSITORIES: [&str; 3] = ["app", "app/nested", "other"];
const TAGS: [&str; 4] = ["v1", "v2", "v3", "latest"];
const STEPS: usize = 25;

/// Fills a store as clients would; the same for the same seed.
struct Filler<'a> {
    world: &'a World,
    random: Random,
    /// Manifests that were pushed, by repository.
    pushed: Vec<(&'static str, String)>,
}

impl Filler<'_> {
    async fn fill(&mut self) {
        for _ in 0..STEPS {
            let name = REPOSITORIES[self.random.below(REPOSITORIES.len())];
            match self.random.below(10) {
                0..=3 => drop(self.image(name, "").await),
                4 => self.index(name).await,
                5 => self.referrer(name).await,
                6 => self.companion(name).await,
                7 => self.odd_blob(name).await,
                8 => self.untag(name).await,
                _ => self.delete(name).await,
            }
        }
    }

    fn word(&mut self) -> Vec<u8> {
        // Few of them, so that images share layers.
        format!("layer {}", self.random.below(12)).into_bytes()
    }

    /// A tag, or more often none.
    fn at(&mut self) -> Option<&'static str> {
        (self.random.below(5) < 2).then(|| TAGS[self.random.below(TAGS.len())])
    }

    async fn blob(&self, name: &str, bytes: &[u8]) {
        push_blob(&self.world.registry, name, bytes, Digest::sha256(bytes)).await.expect("pushed");
    }

    async fn put(&mut self, name: &'static str, at: Option<&str>, manifest: String) -> String {
        let digest = Digest::sha256(manifest.as_bytes()).to_string();
        put(&self.world.registry, name, at.unwrap_or(&digest), manifest.clone()).await.expect("stored");
        self.pushed.push((name, manifest.clone()));
        manifest
    }

    async fn image(&mut self, name: &'static str, more: &str) -> String {
        let layers = [self.word(), self.word()];
        self.blob(name, b"{}").await;
        for layer in &layers {
            self.blob(name, layer).await;
        }
        let at = self.at();
        self.put(name, at, image(&[&layers[0], &layers[1]], more)).await
    }

    async fn index(&mut self, name: &'static str) {
        let (first, second) = (self.image(name, "").await, self.image(name, "").await);
        let mut list = index(&[&first, &second]);
        if self.random.below(3) == 0 {
            list = self.put(name, None, list).await;
            list = index(&[&list]);
        }
        let at = self.at();
        self.put(name, at, list).await;
    }

    fn any(&mut self, name: &str) -> Option<String> {
        let all: Vec<&String> = self.pushed.iter().filter(|(at, _)| *at == name).map(|(_, it)| it).collect();
        if all.is_empty() { None } else { Some(all[self.random.below(all.len())].clone()) }
    }

    async fn referrer(&mut self, name: &'static str) {
        if let Some(about) = self.any(name) {
            self.image(name, &subject(&about)).await;
        }
    }

    /// A signature as cosign keeps it, under a tag named after the manifest.
    async fn companion(&mut self, name: &'static str) {
        if let Some(about) = self.any(name) {
            let at = format!("sha256-{}.sig", Digest::sha256(about.as_bytes()).hex());
            self.blob(name, b"{}").await;
            self.put(name, Some(&at), image(&[], "")).await;
        }
    }

    async fn odd_blob(&mut self, name: &str) {
        let bytes = self.word();
        let digest = if self.random.below(2) == 0 { sha512(&bytes) } else { Digest::sha256(&bytes) };
        push_blob(&self.world.registry, name, &bytes, digest).await.expect("pushed");
    }

    async fn untag(&mut self, name: &str) {
        let at = tag(TAGS[self.random.below(TAGS.len())]);
        // It need not be there.
        let _ = self.world.registry.delete_tag(&repository(name), &at).await;
    }

    async fn delete(&mut self, name: &str) {
        if let Some(manifest) = self.any(name) {
            let digest = Digest::sha256(manifest.as_bytes());
            // It may have been deleted before; what lists it is kept all the same.
            if !self.is_listed(name, &digest) {
                let _ = self.world.registry.delete_manifest(&repository(name), &digest).await;
            }
        }
    }

    fn is_listed(&self, name: &str, digest: &Digest) -> bool {
        self.pushed.iter().any(|(at, manifest)| *at == name && manifest.contains(&digest.to_string()))
    }
}

async fn filled(world: World, seed: u64) -> World {
    Filler { world: &world, random: Random::new(seed), pushed: Vec::new() }.fill().await;
    world
}

/// What stands in a store, as its keys say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Standing {
    blobs: BTreeSet<String>,
    layers: BTreeSet<(String, String)>,
    revisions: BTreeSet<(String, String)>,
    tags: BTreeMap<(String, String), String>,
}

async fn standing(world: &World) -> Standing {
    let mut found = Standing::default();
    let prefix = Prefix::registry();
    for key in world.keys().await {
        let parts: Vec<&str> = key.split('/').collect();
        let digest = |at: usize| format!("{}:{}", parts[at], parts[at + 1]);
        if let ["blobs", "sha256", _, hex, "data"] = parts[..] {
            found.blobs.insert(format!("sha256:{hex}"));
        }
        let Some(at) = parts.iter().position(|part| part.starts_with('_')) else { continue };
        let name = parts[1..at].join("/");
        match parts[at..] {
            ["_layers", ..] => drop(found.layers.insert((name, digest(at + 1)))),
            ["_manifests", "revisions", ..] => drop(found.revisions.insert((name, digest(at + 2)))),
            ["_manifests", "tags", tag, "current", "link"] => {
                let target = world.text(&prefix.key(&key)).await.expect("a link");
                found.tags.insert((name, tag.to_owned()), target);
            }
            _ => {}
        }
    }
    found
}

/// What a collection has to leave: everything that is reached, by going round until nothing is added.
async fn model(world: &World, untagged: bool) -> Standing {
    let before = standing(world).await;
    let mut left = Standing::default();
    let mut documents: BTreeMap<String, Value> = BTreeMap::new();
    for (_, digest) in &before.revisions {
        let key = Key::blob(&digest.parse().expect("a digest"));
        let text = world.text(&key).await.expect("a manifest");
        documents.insert(digest.clone(), serde_json::from_str(&text).expect("JSON"));
    }
    for name in REPOSITORIES {
        let held: BTreeSet<&String> = before.revisions.iter().filter(|(at, _)| at == name).map(|(_, it)| it).collect();
        let tags: Vec<(&String, &String)> =
            before.tags.iter().filter(|((at, _), _)| at == name).map(|((_, tag), target)| (tag, target)).collect();
        let about = |tag: &str| {
            let hex = tag.strip_prefix("sha256-")?.strip_suffix(".sig")?;
            held.get(&format!("sha256:{hex}")).map(|subject| (*subject).clone())
        };
        let mut kept: BTreeSet<String> = BTreeSet::new();
        if !untagged {
            kept.extend(held.iter().map(|digest| (*digest).clone()));
        }
        kept.extend(tags.iter().filter(|(tag, _)| about(tag).is_none()).map(|(_, target)| (*target).clone()));
        loop {
            let before = kept.len();
            for (tag, target) in &tags {
                if about(tag).is_some_and(|subject| kept.contains(&subject)) {
                    kept.insert((*target).clone());
                }
            }
            for digest in &held {
                let document = &documents[*digest];
                if document["subject"]["digest"].as_str().is_some_and(|subject| kept.contains(subject)) {
                    kept.insert((*digest).clone());
                }
                if kept.contains(*digest) {
                    kept.extend(listed(document, "manifests"));
                }
            }
            if kept.len() == before {
                break;
            }
        }
        let name = name.to_owned();
        for (tag, target) in &tags {
            if about(tag).is_none_or(|subject| kept.contains(&subject)) {
                left.tags.insert((name.clone(), (*tag).clone()), (*target).clone());
            }
        }
        let blobs: BTreeSet<String> = kept
            .iter()
            .flat_map(|digest| {
                let document = &documents[digest];
                let config = document["config"]["digest"].as_str().map(str::to_owned);
                listed(document, "layers").into_iter().chain(config)
            })
            .collect();
        for (at, digest) in before.layers.iter().filter(|(at, _)| *at == name) {
            let link = Key::layer_link(&repository(at), &digest.parse().expect("a digest"));
            if blobs.contains(&world.text(&link).await.expect("a link")) {
                left.layers.insert((at.clone(), digest.clone()));
            }
        }
        left.revisions.extend(held.iter().filter(|it| kept.contains(**it)).map(|it| (name.clone(), (*it).clone())));
        left.blobs.extend(kept.into_iter().chain(blobs));
    }
    left
}

fn listed(document: &Value, key: &str) -> Vec<String> {
    let list = document[key].as_array().into_iter().flatten();
    list.map(|entry| entry["digest"].as_str().expect("a digest").to_owned()).collect()
}

fn policy(untagged: bool) -> Policy {
    let rules = if untagged { vec![Rule { untagged, ..Rule::new("-m", Action::Delete) }] } else { vec![] };
    Policy { rules, ..Policy::default() }
}

/// Plans on the store as it is, and collects through `through`.
async fn run(world: &World, through: &dyn Driver, untagged: bool) -> Result<()> {
    let inventory = snapshot(&*world.driver, false).await.expect("readable");
    let plan = gc::plan(&inventory, &policy(untagged), world.clock.now());
    assert_eq!((plan.summary.blocked, inventory.frozen.len()), (0, 0));
    collect(through, &inventory, &plan).await
}

/// Keys that only remember something, and whether it is there.
async fn dangling(world: &World) -> Vec<String> {
    let left = standing(world).await;
    let is_held = |name: &str, digest: &str| left.revisions.contains(&(name.to_owned(), digest.to_owned()));
    let mut dangling = Vec::new();
    for key in world.keys().await {
        let Some((_, rest)) = key.split_once("repositories/") else { continue };
        if let Some((name, entry)) = rest.split_once("/_referrers/by/")
            && referrer_of(entry).is_some_and(|digest| !is_held(name, &digest.to_string()))
        {
            dangling.push(key);
        }
    }
    dangling
}

async fn check(world: World, seed: u64, untagged: bool) {
    let expected = model(&world, untagged).await;
    run(&world, &*world.driver, untagged).await.expect("collected");
    assert_eq!(standing(&world).await, expected, "seed {seed}, untagged {untagged}");
    assert_eq!(dangling(&world).await, Vec::<String>::new(), "seed {seed}");
    let faults = verify(&world.driver, &world.clock).await.expect("readable");
    assert!(faults.is_empty(), "seed {seed}: {faults:#?}");
    let keys = world.keys().await;
    let inventory = snapshot(&*world.driver, false).await.expect("readable");
    let again = gc::plan(&inventory, &policy(untagged), world.clock.now());
    assert_eq!(again.summary, gc::plan::Summary::default(), "seed {seed}: the second run is empty");
    run(&world, &*world.driver, untagged).await.expect("collected");
    assert_eq!(world.keys().await, keys, "seed {seed}");
}

#[tokio::test]
async fn what_is_left_is_what_the_model_says() {
    for seed in 0..100 {
        check(filled(World::memory(), seed).await, seed, seed % 3 > 0).await;
    }
    for seed in 200..210 {
        check(filled(World::files(), seed).await, seed, seed % 3 > 0).await;
    }
}

/// Nothing that stays is ever broken, and the next run finishes.
#[tokio::test]
async fn a_crash_at_any_change_leaves_what_stays_whole() {
    let mut crashes = 0;
    for seed in 0..8 {
        let expected = model(&filled(World::memory(), seed).await, true).await;
        for crash in 1.. {
            let world = filled(World::memory(), seed).await;
            let faults = Faults { crash_at: Some(crash), ..Faults::default() };
            let faulty = Faulty::new(Arc::clone(&world.driver), seed, faults);
            if run(&world, &faulty, true).await.is_ok() {
                break;
            }
            crashes += 1;
            let wrong = verify(&world.driver, &world.clock).await.expect("readable");
            assert!(wrong.is_empty(), "seed {seed}, crash {crash}: {wrong:#?}");
            let between = standing(&world).await;
            assert!(expected.blobs.is_subset(&between.blobs), "seed {seed}, crash {crash}");
            assert!(expected.revisions.is_subset(&between.revisions), "seed {seed}, crash {crash}");
            run(&world, &*world.driver, true).await.expect("collected");
            assert_eq!(standing(&world).await, expected, "seed {seed}, crash {crash}");
            assert_eq!(dangling(&world).await, Vec::<String>::new(), "seed {seed}, crash {crash}");
        }
    }
    assert!(crashes > 100, "only {crashes}");
}

/// What tags remember of a manifest goes with it; a tag that was half removed goes whole.
#[tokio::test]
async fn memories_go_too() {
    let world = World::files();
    let first = world.image("app", "v1", b"first").await;
    let second = world.image("app", "v1", b"second").await;
    let app = repository("app");
    let (former, now) = (Key::tag_index(&app, &tag("v1"), &first), Key::tag_index(&app, &tag("v1"), &second));
    let half = Key::tag_index(&app, &tag("gone"), &first);
    world.plant(&half, first.to_string()).await;
    assert!(world.text(&former).await.is_some());
    run(&world, &*world.driver, true).await.expect("collected");
    assert_eq!((world.text(&former).await, world.text(&half).await), (None, None));
    assert_eq!(world.text(&now).await, Some(second.to_string()));
}

/// The name of a blob under its sha512 goes with it, and stays with it.
#[tokio::test]
async fn other_names_of_blobs_go_with_them() {
    let world = World::memory();
    let (kept, gone) = (sha512(b"kept"), sha512(b"gone"));
    for (bytes, digest) in [(&b"kept"[..], kept), (b"gone", gone)] {
        push_blob(&world.registry, "app", bytes, digest).await.expect("pushed");
    }
    world.image("app", "v1", b"kept").await;
    run(&world, &*world.driver, false).await.expect("collected");
    let text = async |digest: &Digest| world.text(&Key::blob_alias(digest)).await;
    assert_eq!(text(&kept).await, Some(Digest::sha256(b"kept").to_string()));
    assert_eq!(text(&gone).await, None);
}

/// A repository that cannot be read is left alone, with all that it may need.
#[tokio::test]
async fn what_cannot_be_read_is_left_alone() {
    let world = World::memory();
    let digest = world.image("app", "v1", b"layer").await;
    let orphan = world.blob("app", b"orphan").await;
    world.image("other", "v1", b"layer").await;
    let other = world.blob("other", b"other").await;
    world.plant(&Key::blob(&digest), "garbled").await;
    let before = world.keys().await;
    let inventory = snapshot(&*world.driver, false).await.expect("readable");
    let plan = gc::plan(&inventory, &policy(true), world.clock.now());
    assert_eq!(plan.summary.blocked, 2, "the image is in both");
    collect(&*world.driver, &inventory, &plan).await.expect("collected");
    assert_eq!(world.keys().await, before);
    world.plant(&Key::blob(&digest), image(&[&b"layer"[..]], "")).await;
    run(&world, &*world.driver, true).await.expect("collected");
    for digest in [orphan, other] {
        assert_eq!(world.text(&Key::blob(&digest)).await, None);
    }
}
