//! What should stay: rules over the tags and untagged manifests of repositories.
//!
//! A rule votes; it never decides alone. What any rule wants kept is kept, whatever others say. Regular expressions are
//! searched for, not anchored, as in `reg tags --match`.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use semver::{BuildMetadata, Prerelease, Version, VersionReq};

use crate::spec::{Repository, Tag};

/// How long an upload session lies untouched before it is garbage: registry:2's `uploadpurging.age`, a week.
pub(crate) const UPLOAD_AGE: SignedDuration = SignedDuration::from_hours(168);

/// What should stay.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) rules: Vec<Rule>,
    /// The repositories in question; in others everything stays. `None` for all of them.
    pub(crate) only: Option<BTreeSet<Repository>>,
    pub(crate) age: AgeSource,
    /// What was written less than this ago stays: a push may be under way that needs it.
    pub(crate) grace: SignedDuration,
    /// Upload sessions untouched for longer are garbage.
    pub(crate) upload_age: SignedDuration,
}

impl Default for Policy {
    fn default() -> Self {
        Self { rules: vec![], only: None, age: AgeSource::Created, grace: SignedDuration::ZERO, upload_age: UPLOAD_AGE }
    }
}

impl Policy {
    pub(crate) fn is_about(&self, repository: &Repository) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(repository))
    }

    /// Whether ages are needed that only a config tells.
    pub(crate) fn needs_created(&self) -> bool {
        self.age == AgeSource::Created && self.rules.iter().any(Rule::is_about_age)
    }

    /// Whether something is younger than the grace period.
    pub(crate) fn is_recent(&self, changed: Option<Timestamp>, now: Timestamp) -> bool {
        self.grace > SignedDuration::ZERO && changed.is_some_and(|changed| now.duration_since(changed) < self.grace)
    }
}

/// What the age of an image is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgeSource {
    /// When it was built, as its config says.
    Created,
    /// When it came to be in this store.
    Pushed,
}

/// What a rule does with what it selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Keep,
    Delete,
}

/// One rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// How reports call it.
    pub(crate) name: String,
    pub(crate) action: Action,
    /// Repositories it is about, any of these; all where empty.
    pub(crate) repositories: Vec<Regex>,
    /// Whether it is about tags at all.
    pub(crate) tags: bool,
    /// Tags it is about, any of these; all where empty.
    pub(crate) matching: Vec<Regex>,
    /// Tags that stay, whatever else is said of them.
    pub(crate) except: Vec<Regex>,
    /// Tags it is about, by version; what is no version is not meant.
    pub(crate) semver: Option<VersionReq>,
    /// Selects what is at least this old.
    pub(crate) older_than: Option<SignedDuration>,
    /// Selects what is younger than this.
    pub(crate) newer_than: Option<SignedDuration>,
    /// The tags it is about of this many of the newest images stay.
    pub(crate) keep: Option<usize>,
    /// Whether it is about manifests without a tag too.
    pub(crate) untagged: bool,
}

impl Rule {
    /// A rule about no tag and no manifest.
    pub(crate) fn new(name: impl Into<String>, action: Action) -> Self {
        Self {
            name: name.into(),
            action,
            repositories: vec![],
            tags: false,
            matching: vec![],
            except: vec![],
            semver: None,
            older_than: None,
            newer_than: None,
            keep: None,
            untagged: false,
        }
    }

    pub(crate) fn is_about_age(&self) -> bool {
        self.older_than.is_some() || self.newer_than.is_some() || self.keep.is_some()
    }

    pub(crate) fn is_about_repository(&self, repository: &Repository) -> bool {
        self.repositories.is_empty() || self.repositories.iter().any(|regex| regex.is_match(repository.as_str()))
    }

    /// Whether its `match` and `semver` select the tag.
    pub(crate) fn is_about_tag(&self, tag: &Tag) -> bool {
        self.tags
            && (self.matching.is_empty() || self.matching.iter().any(|regex| regex.is_match(tag.as_str())))
            && self.semver.as_ref().is_none_or(|range| version(tag).is_some_and(|version| range.matches(&version)))
    }

    pub(crate) fn excepts(&self, tag: &Tag) -> bool {
        self.except.iter().any(|regex| regex.is_match(tag.as_str()))
    }

    /// Whether its ages select something `age` old; `None` where that cannot be said.
    pub(crate) fn selects_age(&self, age: Option<SignedDuration>) -> Option<bool> {
        if self.older_than.is_none() && self.newer_than.is_none() {
            return Some(true);
        }
        let age = age?;
        Some(self.older_than.is_none_or(|least| age >= least) && self.newer_than.is_none_or(|most| age < most))
    }
}

/// The version that a tag spells: `v1.2.3`, `1.2`, `7`, `22.04`, with pre-release and build parts. Missing numbers are 0; a
/// `_` behind three numbers stands for the `+` that tags cannot have, as Helm writes it.
pub(crate) fn version(tag: &Tag) -> Option<Version> {
    let text = tag.as_str().strip_prefix('v').unwrap_or(tag.as_str());
    let at = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(at);
    // Calendar versions have leading zeros, which a semver::Version does not parse.
    let numbers: Vec<u64> = numbers.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    let [major, minor, patch] = match numbers[..] {
        [major] => [major, 0, 0],
        [major, minor] => [major, minor, 0],
        [major, minor, patch] => [major, minor, patch],
        _ => return None,
    };
    let (pre, build) = match rest.split_once('_') {
        Some((pre, build)) if numbers.len() == 3 => (pre, build),
        _ => (rest, ""),
    };
    let pre = if pre.is_empty() { "" } else { pre.strip_prefix('-').filter(|pre| !pre.is_empty())? };
    let (pre, build) = (Prerelease::new(pre).ok()?, BuildMetadata::new(build).ok()?);
    Some(Version { major, minor, patch, pre, build })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_tags() {
        for (tag, text) in [
            ("v1.2.3", Some("1.2.3")),
            ("1.2", Some("1.2.0")),
            ("7", Some("7.0.0")),
            ("1.2.3-rc.1", Some("1.2.3-rc.1")),
            ("1.2-alpine", Some("1.2.0-alpine")),
            ("22.04", Some("22.4.0")),
            ("1.2.3-rc1_build.5", Some("1.2.3-rc1+build.5")),
            ("latest", None),
            ("1.2.3.4", None),
            ("2024_01", None),
            ("v", None),
            ("1..2", None),
            ("1.x", None),
            ("1.2-", None),
            ("99999999999999999999", None),
        ] {
            let found = version(&tag.parse().expect("a tag")).map(|version| version.to_string());
            assert_eq!(found.as_deref(), text, "{tag}");
        }
    }

    #[test]
    fn ages_are_half_open_and_unknown_is_unknown() {
        let day = SignedDuration::from_hours(24);
        let rule = Rule { older_than: Some(day), newer_than: Some(day * 2), ..Rule::new("r", Action::Delete) };
        assert_eq!(rule.selects_age(Some(day)), Some(true));
        assert_eq!(rule.selects_age(Some(day - SignedDuration::from_nanos(1))), Some(false));
        assert_eq!(rule.selects_age(Some(day * 2)), Some(false));
        assert_eq!(rule.selects_age(None), None);
        assert_eq!(Rule::new("r", Action::Delete).selects_age(None), Some(true));
    }
}
