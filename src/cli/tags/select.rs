//! Which tags are meant, and the order of versions. Pure.

use std::cmp::Ordering;
use std::str::FromStr;

use globset::GlobMatcher;
use regex::Regex;
use semver::VersionReq;

use crate::gc::policy::version;
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
            && self.range.is_none_or(|Range(range)| version(tag).is_some_and(|v| range.matches(&v)))
    }
}

/// Orders tags by version; what is no version comes first, by name.
pub(crate) fn compare(a: &Tag, b: &Tag) -> Ordering {
    version(a).cmp(&version(b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tag(text: &str) -> Tag {
        text.parse().expect("a tag")
    }

    #[test]
    fn order() {
        let mut tags = ["v1.10.0", "latest", "1.9.1", "1.9.1-rc1", "edge", "2"].map(tag);
        tags.sort_by(compare);
        assert_eq!(tags.each_ref().map(Tag::as_str), ["edge", "latest", "1.9.1-rc1", "1.9.1", "v1.10.0", "2"]);
    }

    #[test]
    fn all_tests_must_hold() {
        let glob = globset::Glob::new("1.*").expect("valid").compile_matcher();
        let regex = Regex::new("0$").expect("valid");
        let range: Range = ">=1.2, <2".parse().expect("valid");
        let names = Names::new(Some(&glob), Some(&regex), Some(&range));
        let accepted = |text: &str| names.accept(&tag(text));
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
        fn the_order_is_total(a in "[v0-9][0-9._-]{0,6}", b in "[v0-9][0-9._-]{0,6}", c in "[v0-9][0-9._-]{0,6}") {
            let (a, b, c) = (tag(&a), tag(&b), tag(&c));
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
                prop_assert!(compare(&a, &c).is_le());
            }
        }
    }
}
