//! Which tags are meant, and the order of versions. Pure.

use std::cmp::Ordering;
use std::str::FromStr;

use globset::GlobMatcher;
use regex::Regex;
use semver::{BuildMetadata, Prerelease, Version, VersionReq};

use crate::spec::Tag;

/// A range of versions as Cargo writes it: `>=1.2, <2`, `^1.4`, `~1.4.2`, `1.*`.
#[derive(Clone, Debug)]
pub(crate) struct Range(VersionReq);

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        VersionReq::parse(text).map(Self).map_err(|error| format!("{error}; for example '>=1.2, <2' or '^1.4'"))
    }
}

/// A test of tag names: all that are given must hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    glob: Option<&'a GlobMatcher>,
    regex: Option<&'a Regex>,
    range: Option<&'a Range>,
}

impl<'a> Names<'a> {
    pub(crate) fn new(glob: Option<&'a GlobMatcher>, regex: Option<&'a Regex>, range: Option<&'a Range>) -> Self {
        Self { glob, regex, range }
    }

    /// Whether every tag passes.
    pub(crate) fn all(&self) -> bool {
        self.glob.is_none() && self.regex.is_none() && self.range.is_none()
    }

    pub(crate) fn accept(&self, tag: &Tag) -> bool {
        self.glob.is_none_or(|glob| glob.is_match(tag.as_str()))
            && self.regex.is_none_or(|regex| regex.is_match(tag.as_str()))
            && self.range.is_none_or(|Range(range)| version(tag.as_str()).is_some_and(|v| range.matches(&v)))
    }
}

/// Reads a tag as a version: a leading `v` is allowed, missing numbers are 0 (`1.2` is `1.2.0`), and `_` stands for the
/// `+` that tags cannot have (as Helm writes it).
pub(crate) fn version(tag: &str) -> Option<Version> {
    let tag = tag.strip_prefix('v').unwrap_or(tag);
    let (rest, build) = tag.split_once('_').unwrap_or((tag, ""));
    let (numbers, pre) = rest.split_once('-').unwrap_or((rest, ""));
    let mut parts = numbers.split('.').map(|part| {
        let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse::<u64>().ok()).flatten()
    });
    let major = parts.next()??;
    let (minor, patch) = (parts.next().unwrap_or(Some(0))?, parts.next().unwrap_or(Some(0))?);
    if parts.next().is_some() {
        return None;
    }
    let pre = Prerelease::new(pre).ok()?;
    let build = BuildMetadata::new(&build.replace('_', ".")).ok()?;
    Some(Version { major, minor, patch, pre, build })
}

/// Orders tags by version; what is no version comes first, by name.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    version(a).cmp(&version(b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions() {
        for (tag, expected) in [
            ("1", "1.0.0"),
            ("v1.2", "1.2.0"),
            ("1.2.3-alpine3.19", "1.2.3-alpine3.19"),
            ("1.2.3_build.5", "1.2.3+build.5"),
            ("2024.01.02", "2024.1.2"),
        ] {
            assert_eq!(version(tag).map(|v| v.to_string()).as_deref(), Some(expected), "{tag}");
        }
        for tag in ["latest", "", "v", "1.2.3.4", "1..2", "1.x", "99999999999999999999", "1.2-"] {
            if let Some(version) = version(tag) {
                assert_eq!(tag, "1.2-", "{version}");
            }
        }
    }

    #[test]
    fn order() {
        let mut tags = ["v1.10.0", "latest", "1.9.1", "1.9.1-rc1", "edge", "2"];
        tags.sort_by(|a, b| compare(a, b));
        assert_eq!(tags, ["edge", "latest", "1.9.1-rc1", "1.9.1", "v1.10.0", "2"]);
    }

    #[test]
    fn all_tests_must_hold() {
        let glob = globset::Glob::new("1.*").expect("valid").compile_matcher();
        let regex = Regex::new("0$").expect("valid");
        let range: Range = ">=1.2, <2".parse().expect("valid");
        let names = Names::new(Some(&glob), Some(&regex), Some(&range));
        let accepted = |tag: &str| names.accept(&tag.parse().expect("a tag"));
        assert!(accepted("1.2.0"));
        assert!(!accepted("1.2.1"));
        assert!(!accepted("1.1.0"));
        assert!(!accepted("v1.2.0"));
        assert!(!accepted("1.x0"));
        assert!(Names::new(None, None, None).all());
        assert!("one".parse::<Range>().is_err());
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in "[v0-9._-]{0,8}", b in "[v0-9._-]{0,8}", c in "[v0-9._-]{0,8}") {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
                prop_assert!(compare(&a, &c).is_le());
            }
        }
    }
}
