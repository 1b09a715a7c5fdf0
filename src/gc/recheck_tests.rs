//! Tests of `recheck.rs`: a plan of yesterday, and what has changed.

use super::*;
use crate::gc::inventory::{Node, Sight, TagEntry, UploadEntry};

fn digest(name: &str) -> Digest {
    Digest::sha256(name.as_bytes())
}

fn app() -> Repository {
    "app".parse().expect("a name")
}

fn tag(name: &str) -> Tag {
    name.parse().expect("a tag")
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

/// A store of images: name, layers. Each has a link, and so have its layers.
fn store(images: &[(&str, &[&str])], tags: &[(&str, &str)]) -> Inventory {
    let mut inventory = Inventory::new(Sight::Storage);
    let mut holding = Holding::new(app());
    for (name, layers) in images {
        let id = inventory.intern(digest(name));
        inventory.set_stored(id, 10, None);
        holding.revisions.push(Held { content: id, changed: None });
        let blobs: Vec<ContentId> = layers.iter().map(|layer| inventory.intern(digest(layer))).collect();
        for blob in &blobs {
            inventory.set_stored(*blob, 100, None);
            if holding.links.iter().all(|held| held.content != *blob) {
                holding.links.push(Held { content: *blob, changed: None });
            }
        }
        inventory.set_node(id, Node { manifests: vec![], blobs, subject: None, created: None });
    }
    for (name, target) in tags {
        let target = inventory.intern(digest(target));
        holding.tags.push(TagEntry { tag: tag(name), target, changed: None });
    }
    inventory.repositories.push(holding);
    inventory.finish();
    inventory
}

fn all_of(image: &str, at: &str, layer: &str) -> Vec<Wish> {
    vec![
        Wish::Untag(app(), tag(at), digest(image)),
        Wish::Delete(app(), digest(image)),
        Wish::Unlink(app(), digest(layer)),
        Wish::Free(digest(image)),
        Wish::Free(digest(layer)),
    ]
}

fn refusals(verdicts: &[Verdict]) -> Vec<&str> {
    let mut refusals = Vec::new();
    for verdict in verdicts {
        if let Verdict::Refused(why) = verdict {
            refusals.push(why.as_str());
        }
    }
    refusals
}

#[test]
fn what_is_as_planned_goes() {
    let inventory = store(&[("a", &["base", "own"]), ("b", &["base"])], &[("v1", "a"), ("v2", "b")]);
    let (plan, verdicts) = recheck(&inventory, &all_of("a", "v1", "own"), time(0));
    assert_eq!(verdicts, vec![Verdict::Granted; 5]);
    let summary = plan.summary;
    assert_eq!((summary.tags, summary.manifests, summary.links, summary.blobs, summary.bytes_freed), (1, 1, 1, 2, 110));
    let (plan, verdicts) = recheck(&inventory, &[], time(0));
    assert_eq!((plan.summary.blobs, verdicts), (0, vec![]));
}

#[test]
fn a_tag_that_moved_stays_and_what_it_needs() {
    let inventory = store(&[("a", &["own"]), ("b", &["base"])], &[("v1", "b")]);
    let wishes = [all_of("a", "v1", "own"), all_of("b", "gone", "base")].concat();
    let (plan, verdicts) = recheck(&inventory, &wishes, time(0));
    let (a, b) = (digest("a"), digest("b"));
    let moved = format!("the tag has moved from {a} to {b}");
    let listed = format!("it is listed by {b}, which stays");
    let needed = "something needs it by now";
    assert_eq!(refusals(&verdicts), [&*moved, "it is tagged v1", &*listed, needed, needed]);
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::Absent).count(), 1, "the tag gone");
    assert_eq!((plan.summary.tags, plan.summary.manifests, plan.summary.bytes_freed), (0, 1, 110));
}

#[test]
fn what_was_pushed_since_keeps_what_it_lists() {
    let wishes = [Wish::Unlink(app(), digest("own")), Wish::Free(digest("own"))];
    let inventory = store(&[("late", &["own"])], &[]);
    let (plan, verdicts) = recheck(&inventory, &wishes, time(0));
    assert_eq!(refusals(&verdicts).len(), 2);
    assert_eq!((plan.summary.links, plan.summary.blobs), (0, 0));
}

/// A hold that the plan does not name keeps the bytes: in a repository that nothing is wished of, too.
#[test]
fn bytes_that_somebody_holds_stay() {
    let mut inventory = store(&[("a", &["own"])], &[]);
    let own = inventory.intern(digest("own"));
    let mut other = Holding::new("other".parse().expect("a name"));
    other.links.push(Held { content: own, changed: None });
    inventory.repositories.push(other);
    inventory.finish();
    let wishes = [Wish::Delete(app(), digest("a")), Wish::Unlink(app(), digest("own")), Wish::Free(digest("own"))];
    let (plan, verdicts) = recheck(&inventory, &wishes, time(0));
    assert_eq!(verdicts[..2], [Verdict::Granted, Verdict::Granted]);
    assert_eq!(refusals(&verdicts), ["something needs it by now"]);
    assert_eq!(plan.summary.blobs, 0);
}

#[test]
fn what_cannot_be_read_is_left_alone() {
    let mut inventory = store(&[("a", &["own"])], &[("v1", "a")]);
    inventory.repositories[0].block(Blocked::Damaged("it is damaged".into()));
    let (plan, verdicts) = recheck(&inventory, &all_of("a", "v1", "own"), time(0));
    assert_eq!(refusals(&verdicts).len(), 5);
    assert_eq!(refusals(&verdicts)[0], "app is left alone: it is damaged");
    assert_eq!((plan.summary.tags, plan.summary.blobs), (0, 0));
    let mut inventory = store(&[("a", &["own"])], &[("v1", "a")]);
    inventory.frozen.push("other: a link cannot be read".into());
    let (plan, verdicts) = recheck(&inventory, &all_of("a", "v1", "own"), time(0));
    assert_eq!(verdicts[..3], [Verdict::Granted, Verdict::Granted, Verdict::Granted]);
    assert_eq!((refusals(&verdicts).len(), plan.summary.blobs), (2, 0));
}

#[test]
fn an_upload_that_goes_on_stays() {
    let mut inventory = store(&[], &[]);
    let id = UploadId::from_random([7; 16]);
    inventory.repositories[0].uploads.push(UploadEntry { id: id.clone(), size: 5, changed: Some(time(100)) });
    let wishes = [Wish::Purge(app(), id), Wish::Purge(app(), UploadId::from_random([8; 16]))];
    let (plan, verdicts) = recheck(&inventory, &wishes, time(99));
    assert_eq!((refusals(&verdicts), &verdicts[1]), (vec!["somebody has continued it"], &Verdict::Absent));
    assert_eq!(plan.summary.uploads, 0);
    let (plan, verdicts) = recheck(&inventory, &wishes, time(100));
    assert_eq!((&verdicts[0], plan.summary.bytes_freed), (&Verdict::Granted, 5));
}

/// One manifest that the repository holds by two digests: a wish names one of them.
#[test]
fn what_is_held_by_another_digest_stays_with_what_it_lists() {
    let mut inventory = store(&[("a", &["own"])], &[]);
    let named = inventory.intern(digest("a by another digest"));
    let stored = inventory.intern(digest("a"));
    inventory.set_stored_as(named, stored);
    inventory.repositories[0].revisions.push(Held { content: named, changed: None });
    inventory.finish();
    let by_name = Wish::Delete(app(), digest("a by another digest"));
    let wishes =
        [by_name.clone(), Wish::Free(digest("a")), Wish::Unlink(app(), digest("own")), Wish::Free(digest("own"))];
    let (plan, verdicts) = recheck(&inventory, &wishes, time(0));
    assert_eq!(refusals(&verdicts).len(), 4, "{verdicts:?}");
    assert_eq!((plan.summary.manifests, plan.summary.links, plan.summary.blobs), (0, 0, 0));
    let both = [&wishes[..], &[Wish::Delete(app(), digest("a"))]].concat();
    let (plan, verdicts) = recheck(&inventory, &both, time(0));
    assert_eq!(refusals(&verdicts), Vec::<&str>::new());
    assert_eq!(plan.summary.blobs, 2);
}
