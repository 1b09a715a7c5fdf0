//! Properties of plans on random stores, each against the model; and cases told one by one.

use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::select;
use regex::Regex;

use super::model_tests::*;
use super::plan::{Owner, Standing, TagWhy};
use super::policy::{Action, AgeSource};
use super::*;

const MANIFESTS: usize = 8;

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

fn item(at: usize) -> impl Strategy<Value = Item> {
    let children = if at < BLOBS { 0..1 } else { 0..4 };
    let lower: Vec<usize> = (0..at.max(1)).collect();
    let subject = prop_oneof![3 => Just(None), 1 => (BLOBS..BLOBS + MANIFESTS).prop_map(Some)];
    let created = prop_oneof![1 => Just(None), 3 => (0..40_i64).prop_map(Some)];
    (1..1000_u64, prop::bool::weighted(0.95), prop::bool::weighted(0.2), 0..40_i64)
        .prop_flat_map(move |basics| {
            let lists = prop::collection::btree_set(select(lower.clone()), children.clone());
            (Just(basics), lists, subject.clone(), created.clone())
        })
        .prop_map(move |((size, stored, aliased, changed_days), children, subject, created_days)| {
            let manifest = at >= BLOBS;
            // An index takes its time from its children alone, an image from its config.
            let index = children.iter().any(|child| *child >= BLOBS);
            Item {
                size,
                stored,
                aliased,
                children: if manifest { children } else { Default::default() },
                subject: subject.filter(|subject| manifest && *subject != at),
                created_days: created_days.filter(|_| manifest && !index),
                changed_days,
            }
        })
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    (0..BLOBS + MANIFESTS).map(item).collect::<Vec<_>>()
}

fn repo(items: &[Item]) -> impl Strategy<Value = Repo> + use<> {
    let manifest = || BLOBS..BLOBS + MANIFESTS;
    let names = items.to_vec();
    let tag = prop_oneof![
        4 => select(vec!["a1", "a2", "b1", "b2", "v1.0", "latest"]).prop_map(str::to_owned),
        1 => (manifest(), select(vec!["", ".sig"])).prop_map(move |(of, suffix)| {
            let model = Model { items: names.clone(), repos: vec![] };
            format!("{}{suffix}", model.name_for_tags(of))
        }),
    ];
    let tags = prop::collection::btree_map(tag, (manifest(), 0..40_i64), 0..6);
    let revisions = prop::collection::btree_map(manifest(), 0..40_i64, 0..6);
    let links = prop::collection::btree_map(0..BLOBS, 0..40_i64, 0..5);
    (tags, revisions, links, prop::bool::weighted(0.1)).prop_map(move |(tags, mut revisions, links, blocked)| {
        // Most tags point to what the repository holds, as a registry has it; some do not.
        for (target, age) in tags.values().filter(|(target, _)| target % 4 != 0) {
            revisions.entry(*target).or_insert(*age);
        }
        Repo { tags, revisions, links, blocked }
    })
}

fn model() -> impl Strategy<Value = Model> {
    items()
        .prop_flat_map(|items| (Just(items.clone()), prop::collection::vec(repo(&items), 1..4)))
        .prop_map(|(items, repos)| Model { items, repos })
}

fn rule() -> impl Strategy<Value = Rule> {
    let regexes = || {
        let regex = select(vec!["^a", "1$", "^v", "latest", "."]);
        prop::collection::vec(regex.prop_map(|text| Regex::new(text).expect("valid")), 0..2)
    };
    let age = || prop::option::of((0..40_i64).prop_map(days));
    let action = prop_oneof![3 => Just(Action::Delete), 1 => Just(Action::Keep)];
    let what = (any::<bool>(), any::<bool>(), prop::option::weighted(0.4, 0..3_usize));
    (action, what, regexes(), regexes(), age(), age()).prop_map(
        |(action, (tags, untagged, keep), matching, except, older_than, newer_than)| Rule {
            tags,
            matching,
            except,
            older_than,
            newer_than: newer_than.filter(|_| action == Action::Keep),
            keep,
            untagged,
            ..Rule::new("rule", action)
        },
    )
}

fn policy() -> impl Strategy<Value = Policy> {
    let age = select(vec![AgeSource::Created, AgeSource::Pushed]);
    let grace = select(vec![SignedDuration::ZERO, days(GRACE_DAYS)]);
    (prop::collection::vec(rule(), 0..4), age, grace).prop_map(|(rules, age, grace)| Policy {
        rules,
        age,
        grace,
        ..Policy::default()
    })
}

/// A plan in words that do not depend on the order of an inventory.
fn in_words(inventory: &Inventory, plan: &Plan) -> String {
    let mut words = format!("{:?}\n", plan.summary);
    for (holding, planned) in inventory.repositories.iter().zip(&plan.repositories) {
        words += &format!("{} {:?} {:?}\n", holding.name, planned.standing, planned.bytes);
        for (entry, tag) in holding.tags.iter().zip(&planned.tags) {
            let why = match tag.why {
                TagWhy::Companion(subject) => format!("with {}", inventory.digest(subject)),
                why => format!("{why:?}"),
            };
            words += &format!("{} {:?} {why} {:?}\n", entry.tag, tag.fate, tag.bytes);
        }
        for (held, manifest) in holding.revisions.iter().zip(&planned.manifests) {
            words += &format!("{} {:?}\n", inventory.digest(held.content), manifest.fate);
        }
        words.extend(planned.unlink.iter().map(|id| format!("unlink {}\n", inventory.digest(*id))));
    }
    words.extend(plan.blobs.iter().map(|blob| format!("{} {:?}\n", inventory.digest(blob.content), blob.owner)));
    words
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// What is left is what the rules say, to the byte; in particular nothing is lost that a kept tag reaches, and nothing
    /// stays that nothing reaches.
    #[test]
    fn what_is_left_is_what_the_model_leaves(model in model(), policy in policy()) {
        let inventory = model.inventory(false);
        let plan = plan(&inventory, &policy, timestamp(0));
        let (after, expected) = (model.apply(&inventory, &plan), model.expected(&policy));
        prop_assert_eq!(after.shape(), expected.shape());
        prop_assert_eq!(plan.summary.bytes_freed, model.stored_bytes() - after.stored_bytes());
        let attributed: u64 = plan.repositories.iter().map(|repository| repository.bytes.freed).sum();
        let elsewhere = plan.blobs.iter().filter(|blob| !matches!(blob.owner, Owner::One(_)));
        let elsewhere: u64 = elsewhere.filter_map(|blob| inventory.content(blob.content).size).sum();
        prop_assert_eq!(attributed + elsewhere, plan.summary.bytes_freed);
    }

    #[test]
    fn a_second_plan_is_empty(model in model(), policy in policy()) {
        let inventory = model.inventory(false);
        let after = model.apply(&inventory, &plan(&inventory, &policy, timestamp(0)));
        let inventory = after.inventory(false);
        let second = plan(&inventory, &policy, timestamp(0)).summary;
        prop_assert_eq!((second.tags, second.manifests, second.links, second.blobs), (0, 0, 0, 0));
    }

    #[test]
    fn the_order_of_the_inventory_does_not_matter(model in model(), policy in policy()) {
        let (one, other) = (model.inventory(false), model.inventory(true));
        let words = in_words(&one, &plan(&one, &policy, timestamp(0)));
        prop_assert_eq!(words, in_words(&other, &plan(&other, &policy, timestamp(0))));
    }

    /// The bytes of a tag are what a store without it would not need.
    #[test]
    fn unique_bytes_are_what_would_be_freed(model in model(), policy in policy()) {
        let inventory = model.inventory(false);
        let plan = plan(&inventory, &policy, timestamp(0));
        let all = model.bytes_without(&policy, None);
        for (holding, planned) in inventory.repositories.iter().zip(&plan.repositories) {
            let at: usize = holding.name.as_str()[4..].parse().expect("repoN");
            let own = |tag: &plan::TagPlan| planned.standing == Standing::Planned && !matches!(tag.why, TagWhy::Companion(_));
            for (entry, tag) in holding.tags.iter().zip(&planned.tags).filter(|(_, tag)| own(tag)) {
                let unique = all - model.bytes_without(&policy, Some((at, entry.tag.as_str())));
                prop_assert_eq!(tag.bytes.expect("counted").unique, unique, "{}", entry.tag);
            }
        }
    }

    /// Every manifest has a path to what decides about it, and the path says the same as the plan.
    #[test]
    fn explanations_agree_with_the_plan(model in model(), policy in policy()) {
        let inventory = model.inventory(false);
        let plan = plan(&inventory, &policy, timestamp(0));
        for (at, (holding, planned)) in inventory.repositories.iter().zip(&plan.repositories).enumerate() {
            for (held, manifest) in holding.revisions.iter().zip(&planned.manifests) {
                let explanation = explain(&inventory, &policy, timestamp(0), at, held.content);
                prop_assert_eq!(explanation.fate, manifest.fate);
                prop_assert!(matches!(explanation.path.last(), Some((_, view::Via::Root(_)))));
            }
        }
    }
}

/// A store with one image (blob 0) under a tag, one untagged (blob 1), and a blob (2) that nothing lists.
fn three_images() -> Model {
    let blob = |size| Item {
        size,
        stored: true,
        aliased: false,
        children: Default::default(),
        subject: None,
        created_days: None,
        changed_days: 30,
    };
    let mut items: Vec<Item> = (0..BLOBS + MANIFESTS).map(|_| Item { stored: false, ..blob(0) }).collect();
    (items[0], items[1], items[2]) = (blob(100), blob(200), blob(400));
    items[BLOBS] = Item { children: [0].into(), ..blob(1) };
    items[BLOBS + 1] = Item { children: [1].into(), ..blob(2) };
    let mut repo = Repo::default();
    repo.tags.insert("v1".into(), (BLOBS, 30));
    repo.revisions.extend([(BLOBS, 30), (BLOBS + 1, 30)]);
    repo.links.extend([(0, 30), (1, 30), (2, 30)]);
    Model { items, repos: vec![repo] }
}

fn untagged() -> Policy {
    Policy { rules: vec![Rule { untagged: true, ..Rule::new("untagged", Action::Delete) }], ..Policy::default() }
}

#[test]
fn without_rules_only_garbage_goes() {
    let inventory = three_images().inventory(false);
    let plan = plan(&inventory, &Policy::default(), timestamp(0));
    assert_eq!((plan.summary.tags, plan.summary.manifests, plan.summary.links, plan.summary.blobs), (0, 0, 1, 1));
    assert_eq!(plan.summary.bytes_freed, 400);
    let bytes = plan.repositories[0].bytes;
    assert_eq!((bytes.total, bytes.exclusive, bytes.freed), (703, 703, 400));
}

/// Over the API, sizes are what strangers write into manifests.
#[test]
fn sizes_beyond_all_storage_do_not_wrap() {
    let mut model = three_images();
    for item in [0, 1, 2] {
        model.items[item].size = u64::MAX - 1;
    }
    let inventory = model.inventory(false);
    let plan = plan(&inventory, &untagged(), timestamp(0));
    assert_eq!(plan.summary.bytes_freed, u64::MAX);
    let bytes = plan.repositories[0].bytes;
    assert_eq!((bytes.total, bytes.exclusive, bytes.freed), (u64::MAX, u64::MAX, u64::MAX));
}

#[test]
fn untagged_manifests_go_when_asked_for() {
    let inventory = three_images().inventory(false);
    let summary = plan(&inventory, &untagged(), timestamp(0)).summary;
    assert_eq!((summary.tags, summary.manifests, summary.blobs, summary.bytes_freed), (0, 1, 3, 602));
}

#[test]
fn what_cannot_be_read_or_is_not_asked_about_is_left_alone() {
    let mut model = three_images();
    let not_asked = Policy { only: Some(["other".parse().expect("a name")].into()), ..untagged() };
    let inventory = model.inventory(false);
    assert_eq!(plan(&inventory, &not_asked, timestamp(0)).summary, plan::Summary::default());

    let mut frozen = model.inventory(false);
    frozen.frozen.push("a link cannot be read".into());
    let summary = plan(&frozen, &untagged(), timestamp(0)).summary;
    assert_eq!((summary.manifests, summary.blobs, summary.bytes_freed), (1, 0, 0));

    model.repos[0].blocked = true;
    let inventory = model.inventory(false);
    let blocked = plan(&inventory, &untagged(), timestamp(0));
    assert_eq!(blocked.summary, plan::Summary { blocked: 1, ..plan::Summary::default() });
}

#[test]
fn what_was_written_lately_stays() {
    let mut model = three_images();
    model.items[2].changed_days = GRACE_DAYS - 1;
    let policy = Policy { grace: days(GRACE_DAYS), ..Policy::default() };
    let inventory = model.inventory(false);
    let summary = plan(&inventory, &policy, timestamp(0)).summary;
    assert_eq!((summary.links, summary.blobs), (1, 0));
    let later = plan(&inventory, &policy, timestamp(-GRACE_DAYS)).summary;
    assert_eq!((later.links, later.blobs), (1, 1));
}

#[test]
fn upload_sessions_that_nobody_continues_go() {
    let mut inventory = Inventory::new(inventory::Sight::Storage);
    let mut holding = inventory::Holding::new("app".parse().expect("a name"));
    for (number, age) in [(1_u8, Some(timestamp(8))), (2, Some(timestamp(6))), (3, None)] {
        let id = crate::spec::UploadId::from_random([number; 16]);
        holding.uploads.push(inventory::UploadEntry { id, size: 10 * u64::from(number), changed: age });
    }
    inventory.repositories.push(holding);
    inventory.finish();
    let summary = plan(&inventory, &Policy::default(), timestamp(0)).summary;
    assert_eq!((summary.uploads, summary.bytes_freed), (1, 10));
}
