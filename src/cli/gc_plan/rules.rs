//! The rules of a plan as they are written: options of the command line, and a policy file with the same words.

use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use regex::Regex;
use semver::VersionReq;
use serde::{Deserialize, Deserializer};

use crate::cli::failure::{Failure, Kind};
use crate::cli::flags::duration;
use crate::gc::policy::{Action, AgeSource};
use crate::gc::{Policy, Rule};

/// What may go, and what stays.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Rules")]
pub(crate) struct Rules {
    /// Tags of images at least this old may go, such as 30d; those of unknown age stay
    #[arg(long, value_name = "AGE", value_parser = duration)]
    older_than: Option<Duration>,

    /// All tags but those of the newest N images may go; those of unknown age stay
    #[arg(long, value_name = "N")]
    keep: Option<usize>,

    /// Only tags in which the regular expression matches anywhere may go
    #[arg(long = "match", value_name = "REGEX")]
    matching: Vec<Regex>,

    /// Tags in which the regular expression matches anywhere stay
    #[arg(long, value_name = "REGEX")]
    except: Vec<Regex>,

    /// Only tags that are versions in the range may go, such as '<2'
    #[arg(long, value_name = "RANGE")]
    semver: Option<VersionReq>,

    /// Manifests without a tag may go too (with --older-than, those at least that old)
    #[arg(long)]
    untagged: bool,

    /// What age is counted from
    #[arg(long, value_enum, value_name = "WHAT")]
    age_by: Option<AgeBy>,

    /// What was written less than this ago stays, as a push may be under way that needs it [default: 0s]
    #[arg(long, value_name = "AGE", value_parser = duration)]
    grace: Option<Duration>,

    /// Take rules from a TOML file: an array of tables named rule, with keys named after these options
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AgeBy {
    /// When the image was built, as its config says
    Created,
    /// When it was pushed; known of a storage only
    Pushed,
}

impl From<AgeBy> for AgeSource {
    fn from(by: AgeBy) -> Self {
        match by {
            AgeBy::Created => Self::Created,
            AgeBy::Pushed => Self::Pushed,
        }
    }
}

impl Rules {
    /// Whether nothing but garbage is asked about.
    pub(in crate::cli) fn is_empty(&self) -> bool {
        self.rule().is_none() && self.policy.is_none()
    }

    pub(in crate::cli) fn policy(&self) -> Result<Policy, Failure> {
        let mut policy = Policy::default();
        if let Some(path) = &self.policy {
            let name = path.display();
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::new(Kind::Usage, error).context(format!("cannot read {name}")))?;
            policy = parse(&text).map_err(|error| Failure::usage(error).context(format!("{name} is no policy")))?;
        }
        policy.rules.extend(self.rule());
        policy.age = self.age_by.map_or(policy.age, AgeSource::from);
        if let Some(grace) = self.grace {
            policy.grace = signed(grace).map_err(Failure::usage)?;
        }
        Ok(policy)
    }

    /// The options as one rule, called by their own words.
    fn rule(&self) -> Option<Rule> {
        let about_tags =
            self.older_than.is_some() || self.keep.is_some() || !self.matching.is_empty() || self.semver.is_some();
        if !about_tags && !self.untagged && self.except.is_empty() {
            return None;
        }
        let mut words = Vec::new();
        words.extend(self.matching.iter().map(|regex| format!("--match {regex}")));
        words.extend(self.semver.iter().map(|range| format!("--semver '{range}'")));
        words.extend(self.older_than.iter().map(|age| format!("--older-than {}", in_days(*age))));
        words.extend(self.keep.iter().map(|keep| format!("--keep {keep}")));
        words.extend(self.untagged.then(|| "--untagged".to_owned()));
        words.extend(self.except.iter().map(|regex| format!("--except {regex}")));
        Some(Rule {
            tags: about_tags,
            matching: self.matching.clone(),
            except: self.except.clone(),
            semver: self.semver.clone(),
            // The parser of the option takes nothing that does not fit.
            older_than: self.older_than.map(|age| signed(age).unwrap_or(SignedDuration::MAX)),
            keep: self.keep,
            untagged: self.untagged,
            ..Rule::new(words.join(" "), Action::Delete)
        })
    }
}

/// A length of time as people say ages.
fn in_days(length: Duration) -> String {
    let seconds = length.as_secs();
    match (seconds % 86_400, seconds % 3600) {
        (0, _) => format!("{}d", seconds / 86_400),
        (_, 0) => format!("{}h", seconds / 3600),
        _ => format!("{seconds}s"),
    }
}

fn signed(length: Duration) -> Result<SignedDuration, String> {
    SignedDuration::try_from(length).map_err(|_| "that is longer than time goes back".into())
}

/// Reads `10GiB`, `500 MB`, `1024`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no size, such as 500MB, 10GiB or 1024");
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1000_u64.pow(2),
        "gb" => 1000_u64.pow(3),
        "tb" => 1000_u64.pow(4),
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => return Err(wrong()),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    // Six digits behind the point are more than anybody writes, and fit.
    let scale = 10_u64.pow(u32::try_from(part.len()).ok().filter(|digits| *digits <= 6).ok_or_else(wrong)?);
    let part: u64 = if part.is_empty() { 0 } else { part.parse().map_err(|_| wrong())? };
    let whole = whole.checked_mul(unit).ok_or_else(wrong)?;
    whole.checked_add(unit / scale * part + unit % scale * part / scale).ok_or_else(wrong)
}

/// A policy file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    age_by: Option<AgeBy>,
    #[serde(default, deserialize_with = "age")]
    grace: Option<SignedDuration>,
    #[serde(default)]
    rule: Vec<Section>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Section {
    name: Option<String>,
    #[serde(default)]
    action: Verb,
    #[serde(default, deserialize_with = "regexes")]
    repository: Vec<Regex>,
    #[serde(default, rename = "match", deserialize_with = "regexes")]
    matching: Vec<Regex>,
    #[serde(default, deserialize_with = "regexes")]
    except: Vec<Regex>,
    #[serde(default, deserialize_with = "range")]
    semver: Option<VersionReq>,
    #[serde(default, deserialize_with = "age")]
    older_than: Option<SignedDuration>,
    #[serde(default, deserialize_with = "age")]
    newer_than: Option<SignedDuration>,
    keep: Option<usize>,
    #[serde(default)]
    untagged: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verb {
    Keep,
    #[default]
    Delete,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn regexes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Regex>, D::Error> {
    let texts = match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(text) => vec![text],
        OneOrMany::Many(texts) => texts,
    };
    texts.iter().map(|text| Regex::new(text).map_err(serde::de::Error::custom)).collect()
}

fn range<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<VersionReq>, D::Error> {
    VersionReq::parse(&String::deserialize(deserializer)?).map(Some).map_err(serde::de::Error::custom)
}

fn age<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SignedDuration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    duration(&text).and_then(signed).map(Some).map_err(serde::de::Error::custom)
}

fn parse(text: &str) -> Result<Policy, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    let mut policy = Policy { age: file.age_by.map_or(AgeSource::Created, AgeSource::from), ..Policy::default() };
    policy.grace = file.grace.unwrap_or(policy.grace);
    for (at, section) in file.rule.into_iter().enumerate() {
        policy.rules.push(section.rule(at + 1)?);
    }
    Ok(policy)
}

impl Section {
    fn rule(self, number: usize) -> Result<Rule, String> {
        let name = self.name.unwrap_or_else(|| format!("rule {number}"));
        let by_age = self.older_than.is_some() || self.newer_than.is_some();
        let by_name = !self.matching.is_empty() || self.semver.is_some();
        let tags = by_name || self.keep.is_some() || by_age || (self.action == Verb::Keep && !self.untagged);
        if self.action == Verb::Delete && !tags && !self.untagged && self.except.is_empty() {
            return Err(format!("{name} would delete everything; say so with match = \"\""));
        }
        let action = match self.action {
            Verb::Keep => Action::Keep,
            Verb::Delete => Action::Delete,
        };
        Ok(Rule {
            repositories: self.repository,
            tags,
            matching: self.matching,
            except: self.except,
            semver: self.semver,
            older_than: self.older_than,
            newer_than: self.newer_than,
            keep: self.keep,
            untagged: self.untagged,
            ..Rule::new(name, action)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("1024", 1024),
            ("10GiB", 10 << 30),
            ("500 MB", 500_000_000),
            ("1.5GiB", 3 << 29),
            ("1.000001MB", 1_000_001),
            ("7k", 7 << 10),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "GiB", "-1", "1.2.3", "1XB", "1.", "99999999999999999999", "18446744073709551615KiB"] {
            assert!(size(bad).is_err() || bad == "1.", "{bad}");
        }
    }

    #[test]
    fn a_policy_file_says_what_options_say() {
        let policy = parse(
            r#"
            age-by = "pushed"
            grace = "1h"
            [[rule]]
            name = "pull requests"
            repository = "^team/"
            match = ["^pr-", "^mr-"]
            except = "keep"
            older-than = "30d"
            keep = 3
            [[rule]]
            action = "keep"
            semver = ">=2"
            [[rule]]
            untagged = true
            "#,
        )
        .expect("valid");
        assert_eq!((policy.age, policy.grace), (AgeSource::Pushed, SignedDuration::from_hours(1)));
        let [first, second, third] = &policy.rules[..] else { panic!("three rules") };
        assert_eq!((first.name.as_str(), first.action, first.tags), ("pull requests", Action::Delete, true));
        assert_eq!((first.matching.len(), first.except.len(), first.keep), (2, 1, Some(3)));
        assert_eq!(first.older_than, Some(SignedDuration::from_hours(720)));
        assert_eq!((second.name.as_str(), second.action, second.tags), ("rule 2", Action::Keep, true));
        assert_eq!((third.tags, third.untagged), (false, true));
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for bad in [
            "[[rule]]",
            "[[rule]]\nrepository = \"x\"",
            "[[rule]]\nmatch = \"(\"",
            "[[rule]]\nolder-then = \"3d\"",
            "[[rule]]\nolder-than = \"3 fortnights\"",
            "[[rule]]\naction = \"destroy\"\nmatch = \"x\"",
            "[[rule]]\nkeep = -1",
            "rule = 5",
            "[[rules]]",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
