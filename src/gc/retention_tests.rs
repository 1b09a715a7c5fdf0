//! Which tags `keep` keeps, where images have several of them and where times are equal.

use super::super::inventory::{Node, Sight, TagEntry};
use super::*;
use crate::spec::Digest;

const NOW: i64 = 1_800_000_000;

/// A tag, the image behind it, and the day of both; `None` where nobody knows it.
type Row = (&'static str, &'static str, Option<i64>);

fn day(day: i64) -> Timestamp {
    Timestamp::from_second(NOW + day * 86_400).expect("in range")
}

/// The tags that are kept by `keep`, in byte order; `about` is the regular expression of the rule.
fn kept(keep: usize, about: &str, age: AgeSource, rows: &[Row]) -> String {
    let mut inventory = Inventory::new(Sight::Storage);
    let mut holding = Holding::new("app".parse().expect("a name"));
    for (tag, image, at) in rows {
        let target = inventory.intern(Digest::sha256(image.as_bytes()));
        let node = Node { manifests: vec![], blobs: vec![], subject: None, created: at.map(day) };
        inventory.set_node(target, node);
        holding.tags.push(TagEntry { tag: tag.parse().expect("a tag"), target, changed: at.map(day) });
    }
    let about = regex::Regex::new(about).expect("a pattern");
    let rule = Rule { tags: true, matching: vec![about], keep: Some(keep), ..Rule::new("keep", Action::Delete) };
    let policy = Policy { rules: vec![rule], age, ..Policy::default() };
    let votes = vote_on_tags(&inventory, &policy, &holding, |_| true, day(100));
    let tags = holding.tags.iter().zip(votes).filter(|(_, vote)| !matches!(vote, Vote::Delete(_)));
    let mut tags: Vec<&str> = tags.map(|(entry, _)| entry.tag.as_str()).collect();
    tags.sort_unstable();
    tags.join(" ")
}

fn newest(keep: usize, rows: &[Row]) -> String {
    kept(keep, "", AgeSource::Created, rows)
}

#[test]
fn tags_of_one_image_are_kept_together_and_count_once() {
    let rows = [("latest", "b", Some(2)), ("v2", "b", Some(2)), ("2", "b", Some(2)), ("v1", "a", Some(1))];
    assert_eq!(newest(0, &rows), "");
    assert_eq!(newest(1, &rows), "2 latest v2");
    assert_eq!(newest(2, &rows), "2 latest v1 v2");
    let old = [("latest", "a", Some(1)), ("v1", "a", Some(1)), ("v2", "b", Some(2))];
    assert_eq!(newest(1, &old), "v2", "latest is no reason by itself");
}

#[test]
fn of_one_age_latest_is_newest_then_the_highest_version_then_the_greatest_name() {
    let at = Some(1);
    let rows = [("zeta", "z", at), ("v9", "9", at), ("latest", "l", at), ("v10", "10", at), ("beta", "b", at)];
    let names = ["latest", "latest v10", "latest v10 v9", "latest v10 v9 zeta", "beta latest v10 v9 zeta"];
    for (keep, names) in (1..).zip(names) {
        assert_eq!(newest(keep, &rows), names);
        let backwards: Vec<Row> = rows.iter().rev().copied().collect();
        assert_eq!(newest(keep, &backwards), names, "in another order");
    }
    // An image goes by the best of its names.
    assert_eq!(newest(1, &[("a", "x", at), ("latest", "x", at), ("v3", "y", at)]), "a latest");
    assert_eq!(newest(1, &[("latest", "x", at), ("v1", "y", Some(2))]), "v1", "a later time counts more");
}

#[test]
fn only_the_tags_that_a_rule_is_about_count() {
    let rows = [("latest", "b", Some(2)), ("pr-2", "b", Some(2)), ("pr-1", "a", Some(1)), ("pr-0", "z", Some(0))];
    assert_eq!(kept(1, "^pr-", AgeSource::Created, &rows), "latest pr-2");
    assert_eq!(kept(2, "^pr-", AgeSource::Created, &rows), "latest pr-1 pr-2");
}

#[test]
fn an_image_is_as_young_as_its_youngest_tag_and_of_unknown_age_with_one_of_them() {
    let pushed = |rows: &[Row]| kept(1, "", AgeSource::Pushed, rows);
    assert_eq!(pushed(&[("old", "a", Some(1)), ("new", "a", Some(3)), ("v2", "b", Some(2))]), "new old");
    assert_eq!(pushed(&[("a", "a", None), ("b", "a", Some(1)), ("c", "c", Some(2)), ("d", "d", Some(1))]), "a b c");
}

#[test]
fn digests_of_the_same_bytes_are_one_image() {
    let mut inventory = Inventory::new(Sight::Storage);
    let mut holding = Holding::new("app".parse().expect("a name"));
    let (stored, named) = (Digest::sha256(b"a"), crate::spec::Algorithm::Sha512.digest(b"a".as_slice()));
    let (stored, named) = (inventory.intern(stored), inventory.intern(named));
    inventory.set_stored_as(named, stored);
    for (tag, target) in [("v1", stored), ("v2", named)] {
        holding.tags.push(TagEntry { tag: tag.parse().expect("a tag"), target, changed: Some(day(1)) });
    }
    let rule = Rule { tags: true, keep: Some(1), ..Rule::new("keep", Action::Delete) };
    let policy = Policy { rules: vec![rule], age: AgeSource::Pushed, ..Policy::default() };
    let votes = vote_on_tags(&inventory, &policy, &holding, |_| true, day(100));
    assert_eq!(votes, [Vote::Keep(0, KeepReason::Newest); 2]);
}
