//! What the rules of a [`Policy`] say about the tags of one repository and about a manifest without a tag.
//!
//! Knows nothing of what a tag reaches: that is the plan's.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use semver::Version;

use super::inventory::{ContentId, Held, Holding, Inventory};
use super::policy::{Action, AgeSource, Policy, Rule, version};
use crate::spec::Tag;

/// Index of a rule in its policy.
pub(crate) type RuleIndex = usize;

/// What the rules want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vote {
    /// No rule selects it: it stays.
    None,
    Keep(RuleIndex, KeepReason),
    Delete(RuleIndex),
}

/// Why a rule keeps something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeepReason {
    /// The rule says so.
    Protected,
    Excepted,
    /// Its image is among the newest that it keeps.
    Newest,
    /// It would go by age, and nobody knows its age.
    UnknownAge,
}

impl Vote {
    /// Keep beats delete; among equals the first rule speaks.
    fn join(&mut self, other: Self) {
        match (*self, other) {
            (Self::None, other) => *self = other,
            (Self::Delete(_), Self::Keep(..)) => *self = other,
            _ => {}
        }
    }
}

/// The votes on every tag of `holding`, in its order; those of `is_ordinary` only, `None` for the others.
pub(crate) fn vote_on_tags(
    inventory: &Inventory,
    policy: &Policy,
    holding: &Holding,
    is_ordinary: impl Fn(usize) -> bool,
    now: Timestamp,
) -> Vec<Vote> {
    let mut votes = vec![Vote::None; holding.tags.len()];
    for (index, rule) in policy.rules.iter().enumerate().filter(|(_, rule)| rule.is_about_repository(&holding.name)) {
        let mut selected = Vec::new();
        for (at, entry) in holding.tags.iter().enumerate().filter(|(at, _)| is_ordinary(*at)) {
            if rule.excepts(&entry.tag) {
                votes[at].join(Vote::Keep(index, KeepReason::Excepted));
            } else if rule.is_about_tag(&entry.tag) {
                selected.push(at);
            }
        }
        let born = |at: usize| born(inventory, policy, holding, at);
        if let (Some(keep), Action::Delete) = (rule.keep, rule.action) {
            keep_newest((index, keep), (inventory, holding), &selected, born, &mut votes);
        }
        for at in selected {
            let age = born(at).map(|born| now.duration_since(born));
            votes[at].join(vote(rule, index, age));
        }
    }
    votes
}

/// What the rules say about a manifest that no tag needs.
pub(crate) fn vote_on_untagged(
    inventory: &Inventory,
    policy: &Policy,
    holding: &Holding,
    held: Held,
    now: Timestamp,
) -> Vote {
    let born = match policy.age {
        AgeSource::Created => inventory.node(inventory.stored_as(held.content)).and_then(|node| node.created),
        AgeSource::Pushed => held.changed,
    };
    let age = born.map(|born| now.duration_since(born));
    let mut joined = Vote::None;
    for (index, rule) in policy.rules.iter().enumerate() {
        if rule.untagged && rule.is_about_repository(&holding.name) {
            joined.join(vote(rule, index, age));
        }
    }
    joined
}

/// When the image of a tag was built, or the tag written.
fn born(inventory: &Inventory, policy: &Policy, holding: &Holding, at: usize) -> Option<Timestamp> {
    let entry = &holding.tags[at];
    match policy.age {
        AgeSource::Created => inventory.node(inventory.stored_as(entry.target))?.created,
        AgeSource::Pushed => entry.changed,
    }
}

/// Keeps the tags of the `keep` newest images among the selected ones, and those whose age is unknown: any of them might
/// be the newest.
///
/// Tags of one digest are one image, as old as the youngest of them: they stay together, and take one place. Of images of
/// the same age one has to be the newer in every run: that with `latest`, then with the highest version, then with the
/// greatest name.
fn keep_newest(
    (index, keep): (RuleIndex, usize),
    (inventory, holding): (&Inventory, &Holding),
    selected: &[usize],
    born: impl Fn(usize) -> Option<Timestamp>,
    votes: &mut [Vote],
) {
    let mut images: BTreeMap<ContentId, Vec<usize>> = BTreeMap::new();
    for &at in selected {
        images.entry(inventory.stored_as(holding.tags[at].target)).or_default().push(at);
    }
    let mut known = Vec::new();
    for tags in images.into_values() {
        let times: Option<Vec<Timestamp>> = tags.iter().map(|&at| born(at)).collect();
        match times {
            Some(times) => {
                let name = tags.iter().map(|&at| precedence(&holding.tags[at].tag)).max();
                known.push(((times.into_iter().max(), name), tags));
            }
            None => tags.iter().for_each(|&at| votes[at].join(Vote::Keep(index, KeepReason::UnknownAge))),
        }
    }
    known.sort_unstable_by(|a, b| b.0.cmp(&a.0));
    for at in known.into_iter().take(keep).flat_map(|(_, tags)| tags) {
        votes[at].join(Vote::Keep(index, KeepReason::Newest));
    }
}

/// What a name says about how new an image is, where nothing else does.
fn precedence(tag: &Tag) -> (bool, Option<Version>, &Tag) {
    (tag.as_str() == "latest", version(tag), tag)
}

/// What one rule says about something that it is about.
fn vote(rule: &Rule, index: RuleIndex, age: Option<SignedDuration>) -> Vote {
    match (rule.action, rule.selects_age(age)) {
        (_, None) => Vote::Keep(index, KeepReason::UnknownAge),
        (_, Some(false)) => Vote::None,
        (Action::Keep, Some(true)) => Vote::Keep(index, KeepReason::Protected),
        (Action::Delete, Some(true)) => Vote::Delete(index),
    }
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
