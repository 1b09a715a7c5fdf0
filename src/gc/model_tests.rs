//! The planner against a slow and obvious model of a store, on random stores and policies.
//!
//! The model shares no code with the planner beyond the plain types: reachability by adding until nothing is added, votes by
//! reading the rules as a person would, bytes by subtraction.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use regex::Regex;

use super::inventory::{Blocked, Held, Holding, Node, Sight, TagEntry};
use super::plan::Fate;
use super::policy::{Action, AgeSource};
use super::*;
use crate::spec::{Algorithm, Digest};

pub(super) const NOW: i64 = 1_800_000_000;
pub(super) const DAY: i64 = 86_400;
pub(super) const GRACE_DAYS: i64 = 3;

/// Blobs are 0..BLOBS, manifests follow. A manifest lists smaller numbers, and refers to any.
pub(super) const BLOBS: usize = 7;

#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) size: u64,
    pub(super) stored: bool,
    /// Named by its sha512, stored under its sha256.
    pub(super) aliased: bool,
    pub(super) children: BTreeSet<usize>,
    pub(super) subject: Option<usize>,
    pub(super) created_days: Option<i64>,
    pub(super) changed_days: i64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Repo {
    /// Name to target and age of the tag in days.
    pub(super) tags: BTreeMap<String, (usize, i64)>,
    /// With the age of the link in days.
    pub(super) revisions: BTreeMap<usize, i64>,
    pub(super) links: BTreeMap<usize, i64>,
    pub(super) blocked: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) items: Vec<Item>,
    pub(super) repos: Vec<Repo>,
}

pub(super) fn timestamp(days_ago: i64) -> Timestamp {
    Timestamp::from_second(NOW - days_ago * DAY).expect("in range")
}

pub(super) fn stored_digest(item: usize) -> Digest {
    Digest::sha256(format!("item {item}").as_bytes())
}

thread_local! {
    /// Names of tags after items: the model asks for them all the time.
    static NAMES: RefCell<BTreeMap<(usize, bool), String>> = RefCell::default();
}

impl Model {
    pub(super) fn name(&self, item: usize) -> Digest {
        let algorithm = if self.items[item].aliased { Algorithm::Sha512 } else { Algorithm::Sha256 };
        algorithm.digest(format!("item {item}").as_bytes())
    }

    /// The number of the manifest that a tag is named after, where the repository has it.
    fn subject_of_tag(&self, repo: &Repo, tag: &str) -> Option<usize> {
        if !Self::looks_like_companion(tag) {
            return None;
        }
        let held = repo.revisions.keys().chain(repo.tags.values().map(|(target, _)| target));
        held.copied().find(|item| tag.split('.').next() == Some(&self.name_for_tags(*item)))
    }

    /// What a tag named after an item begins with.
    pub(super) fn name_for_tags(&self, item: usize) -> String {
        NAMES.with(|names| {
            let mut names = names.borrow_mut();
            let name = names.entry((item, self.items[item].aliased)).or_insert_with(|| {
                let digest = self.name(item);
                format!("{}-{}", digest.algorithm(), &digest.hex()[..64])
            });
            name.clone()
        })
    }

    fn looks_like_companion(tag: &str) -> bool {
        tag.starts_with("sha256-") || tag.starts_with("sha512-")
    }

    /// What stays because `item` stays.
    fn followers(&self, repo: &Repo, item: usize) -> BTreeSet<usize> {
        let mut followers = self.items[item].children.clone();
        followers.extend(repo.revisions.keys().filter(|revision| self.items[**revision].subject == Some(item)));
        let named_after = repo.tags.iter().filter(|(tag, _)| self.subject_of_tag(repo, tag) == Some(item));
        followers.extend(named_after.map(|(_, (target, _))| *target));
        followers
    }

    /// Adds what follows until nothing is added.
    pub(super) fn closure(&self, repo: &Repo, roots: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
        let mut all: BTreeSet<usize> = roots.into_iter().collect();
        loop {
            let followers: Vec<usize> = all.iter().flat_map(|item| self.followers(repo, *item)).collect();
            let before = all.len();
            all.extend(followers);
            if all.len() == before {
                return all;
            }
        }
    }

    fn created(&self, item: usize) -> Option<i64> {
        let children = self.items[item].children.iter().filter_map(|child| self.created(*child));
        children.chain(self.items[item].created_days).min()
    }

    pub(super) fn inventory(&self, shuffled: bool) -> Inventory {
        let mut inventory = Inventory::new(Sight::Storage);
        let mut numbers: Vec<usize> = (0..self.items.len()).collect();
        let mut repos: Vec<usize> = (0..self.repos.len()).collect();
        if shuffled {
            numbers.reverse();
            repos.reverse();
        }
        for &at in &numbers {
            let (named, stored) = (inventory.intern(self.name(at)), inventory.intern(stored_digest(at)));
            let item = &self.items[at];
            inventory.set_stored_as(named, stored);
            if item.stored {
                inventory.set_stored(stored, item.size, Some(timestamp(item.changed_days)));
            }
            if at >= BLOBS {
                let mut ids = |which: &dyn Fn(usize) -> bool| {
                    let children = item.children.iter().copied().filter(|child| which(*child));
                    children.map(|child| inventory.intern(self.name(child))).collect::<Vec<_>>()
                };
                let (blobs, manifests) = (ids(&|child| child < BLOBS), ids(&|child| child >= BLOBS));
                let subject = item.subject.map(|subject| inventory.intern(self.name(subject)));
                inventory.set_node(named, Node { manifests, blobs, subject, created: None });
                inventory.set_created(named, item.created_days.map(timestamp));
            }
        }
        for at in repos {
            let repo = &self.repos[at];
            let mut holding = Holding::new(format!("repo{at}").parse().expect("a name"));
            if repo.blocked {
                holding.block(Blocked::Damaged("torn".into()));
            }
            for (tag, &(target, age)) in &repo.tags {
                let target = inventory.intern(self.name(target));
                let tag = tag.parse().expect("a tag");
                holding.tags.push(TagEntry { tag, target, changed: Some(timestamp(age)) });
            }
            let mut held = |all: &BTreeMap<usize, i64>| -> Vec<Held> {
                let held = |(item, age): (&usize, &i64)| Held {
                    content: inventory.intern(self.name(*item)),
                    changed: Some(timestamp(*age)),
                };
                all.iter().map(held).collect()
            };
            (holding.revisions, holding.links) = (held(&repo.revisions), held(&repo.links));
            if shuffled {
                holding.tags.reverse();
                holding.revisions.reverse();
                holding.links.reverse();
            }
            inventory.repositories.push(holding);
        }
        inventory.finish();
        inventory
    }

    pub(super) fn stored_bytes(&self) -> u64 {
        self.items.iter().filter(|item| item.stored).map(|item| item.size).sum()
    }

    /// What the tag's fate is by the rules alone: whether it goes.
    fn tag_goes(&self, policy: &Policy, repo: &Repo, tag: &str) -> bool {
        let born = |target: usize, age: i64| match policy.age {
            AgeSource::Created => self.created(target),
            AgeSource::Pushed => Some(age),
        };
        let ordinary = |tag: &str| !Self::looks_like_companion(tag);
        let matches = |all: &[Regex], tag: &str| all.iter().any(|regex| regex.is_match(tag));
        let (target, age) = repo.tags[tag];
        let mut goes = false;
        for rule in &policy.rules {
            if matches(&rule.except, tag) {
                return false;
            }
            let about =
                |tag: &str| rule.tags && ordinary(tag) && (rule.matching.is_empty() || matches(&rule.matching, tag));
            if !about(tag) {
                continue;
            }
            let mine = born(target, age);
            let by_age = rule.older_than.is_some() || rule.newer_than.is_some();
            let by_count = rule.keep.is_some() && rule.action == Action::Delete;
            if (mine.is_none() && (by_age || by_count)) || self.is_among_newest(rule, repo, tag, &about, &born) {
                return false;
            }
            let age = SignedDuration::from_secs(mine.unwrap_or(0) * DAY);
            if rule.older_than.is_some_and(|least| age < least) || rule.newer_than.is_some_and(|most| age >= most) {
                continue;
            }
            if rule.action == Action::Keep {
                return false;
            }
            goes = true;
        }
        goes
    }

    fn is_among_newest(
        &self,
        rule: &Rule,
        repo: &Repo,
        tag: &str,
        about: &dyn Fn(&str) -> bool,
        born: &dyn Fn(usize, i64) -> Option<i64>,
    ) -> bool {
        let Some(keep) = rule.keep.filter(|_| rule.action == Action::Delete) else { return false };
        let counted = |other: &str| about(other) && !rule.except.iter().any(|regex| regex.is_match(other));
        let names: Vec<&String> = repo.tags.keys().filter(|name| counted(name)).collect();
        let image = |name: &str| repo.tags[name].0;
        // How many days ago the image came, and its names from the one that counts most; `None` where a tag has no age.
        let place = |of: usize| {
            let of_image: Vec<&&String> = names.iter().filter(|name| image(name) == of).collect();
            let ages: Option<Vec<i64>> = of_image.iter().map(|name| born(of, repo.tags[**name].1)).collect();
            // Of the names that there are, two are neither versions nor begin with a letter behind those that are.
            let rank = |name: &str| (name == "latest", name.starts_with('v'), name.to_owned());
            let best = of_image.iter().map(|name| rank(name)).max();
            ages.map(|ages| (-ages.into_iter().min().unwrap_or(0), best))
        };
        let mine = place(image(tag));
        if mine.is_none() {
            return true;
        }
        let others: BTreeSet<usize> = names.iter().map(|name| image(name)).collect();
        others.into_iter().filter(|other| place(*other) > mine).count() < keep
    }

    /// Whether an untagged manifest goes by the rules alone.
    fn untagged_goes(&self, policy: &Policy, item: usize, age: i64) -> bool {
        let born = match policy.age {
            AgeSource::Created => self.created(item),
            AgeSource::Pushed => Some(age),
        };
        let mut goes = false;
        for rule in policy.rules.iter().filter(|rule| rule.untagged) {
            let selected = match (rule.older_than, rule.newer_than, born) {
                (None, None, _) => true,
                (_, _, None) => return false,
                (least, most, Some(days)) => {
                    let age = SignedDuration::from_secs(days * DAY);
                    least.is_none_or(|least| age >= least) && most.is_none_or(|most| age < most)
                }
            };
            match rule.action {
                Action::Keep if selected => return false,
                Action::Delete if selected => goes = true,
                _ => {}
            }
        }
        goes
    }

    /// What the repository keeps, worked out from the rules: its contents and its tags.
    pub(super) fn kept(&self, policy: &Policy, repo: &Repo) -> (BTreeSet<usize>, BTreeSet<String>, BTreeSet<usize>) {
        let everything = || repo.tags.values().map(|(target, _)| *target);
        if repo.blocked {
            let all = everything().chain(repo.revisions.keys().copied()).chain(repo.links.keys().copied());
            let all: Vec<_> = all.collect();
            return (self.closure(repo, all.clone()), repo.tags.keys().cloned().collect(), all.into_iter().collect());
        }
        let own = |tag: &&String| self.subject_of_tag(repo, tag).is_none();
        let kept_tags: BTreeSet<String> =
            repo.tags.keys().filter(own).filter(|tag| !self.tag_goes(policy, repo, tag)).cloned().collect();
        let tagged = self.closure(repo, repo.tags.keys().filter(own).map(|tag| repo.tags[tag].0));
        let untagged: Vec<usize> = repo.revisions.keys().copied().filter(|item| !tagged.contains(item)).collect();
        // What follows something that follows untagged manifests is not judged by itself, even where that is a ring.
        let around = self.closure(repo, untagged.iter().copied());
        let leads =
            |item: &usize| !around.iter().any(|other| other != item && self.followers(repo, *other).contains(item));
        let mut heads: Vec<usize> = untagged.iter().copied().filter(leads).collect();
        let led = self.closure(repo, heads.iter().copied());
        heads.extend(untagged.iter().filter(|item| !led.contains(item)));
        let mut others: BTreeSet<usize> =
            heads.into_iter().filter(|item| !self.untagged_goes(policy, *item, repo.revisions[item])).collect();
        if policy.grace > SignedDuration::ZERO {
            let recent = repo.revisions.iter().chain(&repo.links).filter(|(_, age)| **age < GRACE_DAYS);
            others.extend(recent.map(|(item, _)| *item));
        }
        let roots = kept_tags.iter().map(|tag| repo.tags[tag].0).chain(others.iter().copied());
        let kept = self.closure(repo, roots);
        let companions =
            repo.tags.keys().filter(|tag| self.subject_of_tag(repo, tag).is_some_and(|s| kept.contains(&s)));
        let tags = kept_tags.iter().cloned().chain(companions.cloned()).collect();
        (kept, tags, others)
    }

    /// What is left when the rules have been followed, by the model's own reading.
    pub(super) fn expected(&self, policy: &Policy) -> Self {
        let mut after = self.clone();
        let mut stays = BTreeSet::new();
        for (at, repo) in self.repos.iter().enumerate() {
            let (kept, tags, _) = self.kept(policy, repo);
            let left = &mut after.repos[at];
            if !repo.blocked {
                left.tags.retain(|tag, _| tags.contains(tag));
                left.revisions.retain(|item, _| kept.contains(item));
                left.links.retain(|item, _| kept.contains(item));
            }
            stays.extend(kept);
        }
        for (at, item) in after.items.iter_mut().enumerate() {
            let recent = policy.grace > SignedDuration::ZERO && item.changed_days < GRACE_DAYS;
            item.stored &= stays.contains(&at) || recent;
        }
        after
    }

    /// Does what the plan says.
    pub(super) fn apply(&self, inventory: &Inventory, plan: &Plan) -> Self {
        let mut after = self.clone();
        for (holding, planned) in inventory.repositories.iter().zip(&plan.repositories) {
            let at: usize = holding.name.as_str()[4..].parse().expect("repoN");
            let item = |id: ContentId| {
                (0..self.items.len()).find(|item| self.name(*item) == *inventory.digest(id)).expect("known")
            };
            let left = &mut after.repos[at];
            for (entry, _) in holding.tags.iter().zip(&planned.tags).filter(|(_, tag)| tag.fate == Fate::Go) {
                left.tags.remove(entry.tag.as_str()).expect("was there");
            }
            let revisions = holding.revisions.iter().zip(&planned.manifests);
            for (held, _) in revisions.filter(|(_, manifest)| manifest.fate == Fate::Go) {
                left.revisions.remove(&item(held.content)).expect("was there");
            }
            for id in &planned.unlink {
                left.links.remove(&item(*id)).expect("was there");
            }
        }
        for blob in &plan.blobs {
            let digest = inventory.digest(blob.content);
            let item = (0..self.items.len()).find(|item| stored_digest(*item) == *digest).expect("stored");
            assert!(std::mem::replace(&mut after.items[item].stored, false), "freed twice");
        }
        after
    }

    /// The store as text, for comparing.
    pub(super) fn shape(&self) -> String {
        let stored: Vec<usize> = (0..self.items.len()).filter(|item| self.items[*item].stored).collect();
        format!("{stored:?} {:#?}", self.repos)
    }

    /// What is freed if the tags go whose number is in `gone`, all else being kept that the policy keeps without a tag.
    pub(super) fn bytes_without(&self, policy: &Policy, without: Option<(usize, &str)>) -> u64 {
        let mut stays = BTreeSet::new();
        for (at, repo) in self.repos.iter().enumerate() {
            let own = |tag: &&String| repo.blocked || self.subject_of_tag(repo, tag).is_none();
            let tags = repo.tags.keys().filter(own).filter(|tag| without != Some((at, tag.as_str())));
            let (_, _, others) = self.kept(policy, repo);
            let roots: Vec<usize> = tags.map(|tag| repo.tags[tag].0).chain(others).collect();
            stays.extend(self.closure(repo, roots));
        }
        let grace = policy.grace > SignedDuration::ZERO;
        let items = self.items.iter().enumerate().filter(|(_, item)| item.stored);
        let kept = items.filter(|(at, item)| stays.contains(at) || (grace && item.changed_days < GRACE_DAYS));
        kept.map(|(_, item)| item.size).sum()
    }
}
