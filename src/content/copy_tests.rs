//! Copies between memories: whole, resumed, healed, mounted, and what they cost.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::content::memory::Memory;
use crate::content::referrers::fallback_tag;
use crate::content::testing::{Odd, blob, image, index, repository, tag};
use crate::spec::Algorithm;

fn options() -> Options {
    Options {
        relation: Relation::Apart,
        mode: Mode::Apply,
        referrers: Referrers::Leave,
        platforms: Vec::new(),
        concurrency: 4,
        images: 1,
    }
}

fn item(name: &str) -> Item {
    Item { from: Locator::Tag(tag(name)), to: Some(tag(name)) }
}

async fn copy(source: &dyn Source, target: &dyn Target, options: Options, name: &str) -> Result<Copied, CopyError> {
    Copier::new(source, target, options, Arc::new(|_| ())).copy(&item(name)).await
}

/// An image with `layers` layers under the tag `v1`.
fn simple(place: &Memory, layers: u8) -> Descriptor {
    let config = blob(place, Algorithm::Sha256, b"{}");
    let layers: Vec<_> = (0..layers).map(|n| blob(place, Algorithm::Sha256, &[n; 9])).collect();
    image(place, Algorithm::Sha256, &config, &layers, None, Some(tag("v1")))
}

#[tokio::test]
async fn an_image_and_its_second_copy() {
    let (source, target) = (Odd::default(), Odd::default());
    let root = simple(&source.memory, 20);
    let first = copy(&source, &target, options(), "v1").await.expect("copied");
    assert_eq!(first.digest, root.digest);
    assert_eq!((first.report.copied, first.report.skipped), (22, 0));
    assert_eq!(first.report.bytes, 20 * 9 + 2 + root.size);
    assert_eq!(source.memory.contents(), target.memory.contents());
    let requests = |place: &Odd| place.requests.swap(0, Ordering::Relaxed);
    assert_eq!((requests(&source), requests(&target)), (22, 44), "66 in all");
    let second = copy(&source, &target, options(), "v1").await.expect("there");
    assert_eq!(second.report, CopyReport { skipped: 1, ..CopyReport::default() });
    assert_eq!((requests(&source), requests(&target)), (1, 1));
}

#[tokio::test]
async fn a_moved_tag_sends_only_what_is_new() {
    let (source, target) = (Odd::default(), Odd::default());
    simple(&source.memory, 3);
    copy(&source, &target, options(), "v1").await.expect("copied");
    simple(&source.memory, 4);
    let report = copy(&source, &target, options(), "v1").await.expect("copied").report;
    assert_eq!((report.copied, report.skipped), (2, 4), "one layer and the manifest");
    assert!(target.sent.lock().expect("sent").values().all(|&times| times == 1));
}

#[tokio::test]
async fn blobs_are_mounted_within_a_registry() {
    let neighbour = Memory::default();
    let root = simple(&neighbour, 5);
    let source = Memory::default();
    simple(&source, 5);
    let target = Odd { neighbour: Some(neighbour), ..Odd::default() };
    let within = Options { relation: Relation::SameRegistry(repository("a/b")), ..options() };
    let report = copy(&source, &target, within, "v1").await.expect("copied").report;
    assert_eq!(report, CopyReport { copied: 1, mounted: 6, skipped: 0, bytes: root.size });
    assert!(target.sent.lock().expect("sent").is_empty());
}

#[tokio::test]
async fn a_tag_in_the_same_place_is_one_write() {
    let place = Odd::default();
    let config = blob(&place.memory, Algorithm::Sha256, b"{}");
    let child = image(&place.memory, Algorithm::Sha256, &config, &[], None, None);
    index(&place.memory, Algorithm::Sha256, &[child], Some(tag("v1")));
    let copier = Copier::new(&place, &place, Options { relation: Relation::SamePlace, ..options() }, Arc::new(|_| ()));
    let renamed = Item { from: Locator::Tag(tag("v1")), to: Some(tag("v2")) };
    copier.copy(&renamed).await.expect("copied");
    let (_, _, tags) = place.memory.contents();
    assert_eq!(tags[&tag("v1")], tags[&tag("v2")]);
    assert_eq!(place.requests.load(Ordering::Relaxed), 3, "is v2 there, read v1, write v2");
}

#[tokio::test]
async fn a_target_that_was_wrong_is_healed_once() {
    let (source, target) = (Odd::default(), Odd::default());
    simple(&source.memory, 3);
    let missing = Algorithm::Sha256.digest(&[1; 9]);
    target.lies.lock().expect("lies").push(missing);
    copy(&source, &target, options(), "v1").await.expect("healed");
    assert_eq!(source.memory.contents(), target.memory.contents());
    assert!(target.sent.lock().expect("sent").values().all(|&times| times == 1), "only what was missing is sent again");
}

#[tokio::test]
async fn a_present_index_entry_with_a_hole_is_healed() {
    let (source, target) = (Odd::default(), Odd::default());
    let config = blob(&source.memory, Algorithm::Sha256, b"{}");
    let child = image(&source.memory, Algorithm::Sha256, &config, &[], None, None);
    let root = index(&source.memory, Algorithm::Sha256, &[child], Some(tag("v1")));
    // A registry that checks the whole graph and has the entry without its config.
    target.failures.lock().expect("failures").insert(0, Kind::ChildMissing);
    let (_, manifest) = source.memory.manifest(&Locator::Digest(root.digest)).await.expect("root");
    let entry = manifest.manifests()[0].digest;
    let (_, image) = source.memory.manifest(&Locator::Digest(entry)).await.expect("entry");
    target.memory.add_manifest(entry, image, None);
    copy(&source, &target, options(), "v1").await.expect("healed");
    assert_eq!(source.memory.contents(), target.memory.contents());
}

#[tokio::test]
async fn failures_name_side_and_object() {
    let (source, target) = (Odd::default(), Odd::default());
    let error = copy(&source, &target, options(), "v1").await.expect_err("nothing there");
    assert_eq!((error.to_string().as_str(), error.kind()), ("source: cannot read tag v1", Kind::NotFound));

    simple(&source.memory, 1);
    let layer = Algorithm::Sha256.digest(&[0; 9]);
    source.memory.add_blob(layer, "too short".replace(' ', "").into_bytes().into());
    let error = copy(&source, &target, options(), "v1").await.expect_err("damaged");
    assert_eq!(error.to_string(), format!("source: cannot read blob {layer}"));
    assert_eq!(error.kind(), Kind::Corrupt);

    simple(&source.memory, 1);
    target.failures.lock().expect("failures").extend((0..99).map(|call| (call, Kind::Denied)));
    let error = copy(&source, &target, options(), "v1").await.expect_err("denied");
    assert!(error.to_string().starts_with("target: cannot write blob sha256:"), "{error}");
    assert_eq!(error.kind(), Kind::Denied);
}

#[tokio::test]
async fn a_way_that_breaks_down_is_tried_again() {
    let (source, target) = (Odd::default(), Odd::default());
    simple(&source.memory, 1);
    target.failures.lock().expect("failures").extend([(1, Kind::Interrupted), (2, Kind::Interrupted)]);
    copy(&source, &target, options(), "v1").await.expect("copied in the end");
    assert_eq!(source.memory.contents(), target.memory.contents());
}

#[tokio::test]
async fn layers_elsewhere_stay_there() {
    let (source, target) = (Odd::default(), Odd::default());
    let config = blob(&source.memory, Algorithm::Sha256, b"{}");
    let mut held = blob(&source.memory, Algorithm::Sha256, b"held here too");
    held.urls = Some(vec!["https://example.com/held".into()]);
    let mut elsewhere = held.clone();
    elsewhere.digest = Algorithm::Sha256.digest(b"held elsewhere");
    let layers = [held.clone(), elsewhere];
    image(&source.memory, Algorithm::Sha256, &config, &layers, None, Some(tag("v1")));
    let report = copy(&source, &target, options(), "v1").await.expect("copied").report;
    assert_eq!((report.copied, report.skipped), (3, 1));
    assert!(target.memory.contents().0.contains_key(&held.digest));
}

#[tokio::test]
async fn a_dry_run_foretells_the_run_and_changes_nothing() {
    let (source, target) = (Odd::default(), Odd::default());
    simple(&source.memory, 3);
    target.memory.add_blob(Algorithm::Sha256.digest(&[1; 9]), vec![1; 9].into());
    let before = target.memory.contents();
    let dry = Options { mode: Mode::DryRun, ..options() };
    let foretold = copy(&source, &target, dry, "v1").await.expect("planned");
    assert_eq!(target.memory.contents(), before);
    assert_eq!((foretold.report.copied, foretold.report.skipped), (4, 1));
    assert_eq!(copy(&source, &target, options(), "v1").await.expect("copied"), foretold);
}

#[tokio::test]
async fn referrers_come_along_and_are_listed() {
    for keeps_no_referrers in [false, true] {
        let source = Odd::default();
        let target = Odd { keeps_no_referrers, ..Odd::default() };
        let root = simple(&source.memory, 1);
        let config = blob(&source.memory, Algorithm::Sha256, b"{}");
        let signature = blob(&source.memory, Algorithm::Sha256, b"signature");
        let first = image(&source.memory, Algorithm::Sha256, &config, &[signature], Some(&root), None);
        let second = image(&source.memory, Algorithm::Sha512, &config, &[], Some(&root), None);
        let of_first = image(&source.memory, Algorithm::Sha256, &config, &[], Some(&first), None);
        let with = || Options { referrers: Referrers::Take, ..options() };
        copy(&source, &target, with(), "v1").await.expect("copied");
        for (subject, mut expected) in [(&root, vec![first.digest, second.digest]), (&first, vec![of_first.digest])] {
            let listed = target.referrers(&subject.digest).await.expect("listed");
            let mut listed: Vec<_> = listed.iter().map(|descriptor| descriptor.digest).collect();
            listed.sort();
            expected.sort();
            assert_eq!(listed, expected);
            let has_tag = target.resolve(&Locator::Tag(fallback_tag(&subject.digest))).await.is_ok();
            assert_eq!(has_tag, keeps_no_referrers);
        }
        let again = copy(&source, &target, with(), "v1").await.expect("there");
        assert_eq!(again.report.copied, 0);
    }
}

#[tokio::test]
async fn one_platform_is_its_image_and_two_are_an_index() {
    let source = Memory::default();
    let mut entries = Vec::new();
    for architecture in ["amd64", "arm64", "s390x"] {
        let config = json!({"os": "linux", "architecture": architecture}).to_string();
        let config = blob(&source, Algorithm::Sha256, config.as_bytes());
        let mut entry = image(&source, Algorithm::Sha256, &config, &[], None, Some(tag(architecture)));
        entry.platform = Some(format!("linux/{architecture}").parse().expect("a platform"));
        entries.push(entry);
    }
    let root = index(&source, Algorithm::Sha256, &entries, Some(tag("v1")));
    let run = async |name: &str, platforms: &[&str]| {
        let platforms = platforms.iter().map(|platform| platform.parse().expect("a platform")).collect();
        let target = Memory::default();
        let copied = copy(&source, &target, Options { platforms, ..options() }, name).await;
        copied.map(|copied| (copied.digest, target))
    };
    let (digest, target) = run("v1", &["linux/arm64"]).await.expect("one");
    assert_eq!((digest, target.contents().1.len()), (entries[1].digest, 1));
    let (digest, target) = run("v1", &["linux/arm64", "linux/s390x"]).await.expect("two");
    assert_ne!(digest, root.digest);
    assert_eq!(target.contents().1.len(), 3);
    let (digest, _) = run("v1", &["linux/arm64", "linux/s390x", "linux/amd64"]).await.expect("all");
    assert_eq!(digest, root.digest);
    let (digest, _) = run("arm64", &["linux/arm64/v8"]).await.expect("no index");
    assert_eq!(digest, entries[1].digest);
    for (name, wanted) in [("v1", "windows/amd64"), ("arm64", "linux/amd64")] {
        assert_eq!(run(name, &[wanted]).await.expect_err("not there").kind(), Kind::NotFound);
    }
}

#[tokio::test]
async fn many_tags_cost_little() {
    let (source, target) = (Odd::default(), Odd::default());
    let config = blob(&source.memory, Algorithm::Sha256, b"{}");
    let base = blob(&source.memory, Algorithm::Sha256, b"base");
    for n in 0..50 {
        let own = blob(&source.memory, Algorithm::Sha256, format!("layer {n}").as_bytes());
        let layers = [base.clone(), own];
        image(&source.memory, Algorithm::Sha256, &config, &layers, None, Some(tag(&format!("v{n}"))));
    }
    let run = async || {
        let copier = &Copier::new(&source, &target, Options { images: 50, ..options() }, Arc::new(|_| ()));
        let items = (0..50).map(|n| item(&format!("v{n}")));
        let copied = stream::iter(items).map(|item| async move { copier.copy(&item).await }.boxed_local());
        let copied: Vec<_> = copied.buffer_unordered(4).try_collect().await.expect("copied");
        assert_eq!(copied.len(), 50);
        (source.requests.swap(0, Ordering::Relaxed), target.requests.swap(0, Ordering::Relaxed))
    };
    let (at_source, at_target) = run().await;
    assert_eq!(at_source, 50 * 2 + 2, "each manifest and layer, the config and the base");
    // Per image the layer (2) and the manifest; the config and the base; the tags, and what was asked before they were
    // known.
    assert!((50 * 3 + 4 + 1..=50 * 3 + 4 + 1 + 4).contains(&at_target), "{at_target}");
    assert_eq!(source.memory.contents(), target.memory.contents());
    assert_eq!(run().await, (50, 50));
}

/// A made-up repository: per image its layers, the algorithm, what it refers to, and indexes over what stands before.
#[derive(Clone, Debug)]
struct Recipe {
    images: Vec<(Vec<u8>, bool, Option<u8>)>,
    indexes: Vec<(Vec<u8>, bool)>,
}

fn recipe() -> impl Strategy<Value = Recipe> {
    let image = (proptest::collection::vec(0..12_u8, 0..5), any::<bool>(), proptest::option::of(any::<u8>()));
    let index = (proptest::collection::vec(any::<u8>(), 0..4), any::<bool>());
    (proptest::collection::vec(image, 1..6), proptest::collection::vec(index, 0..5))
        .prop_map(|(images, indexes)| Recipe { images, indexes })
}

/// Builds the recipe; everything gets a tag. Returns how many there are.
fn build(recipe: &Recipe, place: &Memory) -> usize {
    let algorithm = |sha512: bool| if sha512 { Algorithm::Sha512 } else { Algorithm::Sha256 };
    let config = blob(place, Algorithm::Sha256, b"{}");
    let mut all: Vec<Descriptor> = Vec::new();
    for (layers, sha512, subject) in &recipe.images {
        let layers: Vec<_> =
            layers.iter().map(|n| blob(place, algorithm(n % 4 == 0), &vec![*n; *n as usize])).collect();
        let subject = subject.and_then(|n| all.get(usize::from(n) % (all.len() + 1)).cloned());
        let name = tag(&format!("t{}", all.len()));
        all.push(image(place, algorithm(*sha512), &config, &layers, subject.as_ref(), Some(name)));
    }
    for (entries, sha512) in &recipe.indexes {
        let entries: Vec<_> = entries.iter().map(|n| all[usize::from(*n) % all.len()].clone()).collect();
        let name = tag(&format!("t{}", all.len()));
        all.push(index(place, algorithm(*sha512), &entries, Some(name)));
    }
    all.len()
}

/// Every manifest of the target has all its children there.
fn is_whole(target: &Memory) -> bool {
    let (blobs, manifests, tags) = target.contents();
    let children_are_there = |bytes: &bytes::Bytes| {
        let manifest = Manifest::parse(bytes.clone(), None).expect("a manifest");
        manifest.blobs().all(|blob| blobs.contains_key(&blob.digest))
            && manifest.manifests().iter().all(|child| manifests.contains_key(&child.digest))
    };
    manifests.values().all(children_are_there) && tags.values().all(|digest| manifests.contains_key(digest))
}

fn run_all(source: &Odd, target: &Odd, count: usize, concurrency: usize) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let options = Options { images: count, concurrency, referrers: Referrers::Take, ..options() };
        let copier = &Copier::new(source, target, options, Arc::new(|_| ()));
        let items = (0..count).map(|n| item(&format!("t{n}")));
        let copied = stream::iter(items).map(|item| async move { copier.copy(&item).await }.boxed_local());
        let results: Vec<_> = copied.buffer_unordered(concurrency).collect().await;
        results.iter().filter(|result| result.is_err()).count()
    })
}

proptest! {
    #[test]
    fn any_graph_with_any_failures(
        recipe in recipe(),
        failures in proptest::collection::btree_map(0..40_u32, 0..3_usize, 0..6),
        concurrency in 1..6_usize,
    ) {
        let (source, target) = (Odd::default(), Odd::default());
        let count = build(&recipe, &source.memory);
        let kinds = [Kind::Failed, Kind::Interrupted, Kind::ChildMissing];
        target.failures.lock().expect("failures").extend(failures.iter().map(|(n, kind)| (*n, kinds[*kind].clone())));
        run_all(&source, &target, count, concurrency);
        prop_assert!(is_whole(&target.memory), "a manifest without its children");
        target.failures.lock().expect("failures").clear();
        prop_assert_eq!(run_all(&source, &target, count, concurrency), 0, "the second run goes through");
        prop_assert_eq!(source.memory.contents(), target.memory.contents());
        prop_assert!(target.sent.lock().expect("sent").values().all(|&times| times == 1), "a blob was sent twice");
    }

    #[test]
    fn cut_anywhere_leaves_the_target_whole(recipe in recipe(), polls in 0..60_usize) {
        let (source, target) = (Odd::default(), Odd::default());
        let count = build(&recipe, &source.memory);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let copier = &Copier::new(&source, &target, options(), Arc::new(|_| ()));
            let items = (0..count).map(|n| item(&format!("t{n}")));
            let mut all = stream::iter(items).map(|item| async move { copier.copy(&item).await }.boxed_local()).buffered(2);
            for _ in 0..polls {
                if matches!(futures_util::poll!(all.next()), std::task::Poll::Ready(None)) {
                    break;
                }
            }
        });
        prop_assert!(is_whole(&target.memory));
        prop_assert_eq!(run_all(&source, &target, count, 3), 0);
        prop_assert_eq!(source.memory.contents(), target.memory.contents());
    }
}

#[tokio::test]
async fn events_add_up() {
    let (source, target) = (Odd::default(), Odd::default());
    simple(&source.memory, 3);
    target.memory.add_blob(Algorithm::Sha256.digest(&[1; 9]), vec![1; 9].into());
    let seen: Arc<Mutex<Vec<Event>>> = Arc::default();
    let listener = seen.clone();
    let copier =
        Copier::new(&source, &target, options(), Arc::new(move |event| listener.lock().expect("events").push(event)));
    copier.copy(&item("v1")).await.expect("copied");
    let seen = seen.lock().expect("events");
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    for event in seen.iter() {
        let (name, by) = match event {
            Event::Planned { bytes, .. } => ("planned".to_owned(), *bytes),
            Event::Started { size, .. } => ("started".to_owned(), *size),
            Event::Moved { bytes, .. } => ("moved".to_owned(), *bytes),
            Event::Again { bytes, .. } => ("again".to_owned(), *bytes),
            Event::Blob { size, outcome, .. } => (format!("blob {outcome:?}"), *size),
            Event::Manifest { outcome, .. } => (format!("manifest {outcome:?}"), 1),
        };
        *outcomes.entry(name).or_default() += by;
    }
    let expected = [
        ("planned", 29),
        ("started", 20),
        ("moved", 20),
        ("blob Copied", 20),
        ("blob Present", 9),
        ("manifest Copied", 1),
    ];
    assert_eq!(outcomes, expected.map(|(name, by)| (name.to_owned(), by)).into());
}
