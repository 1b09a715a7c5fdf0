//! Compares a tree with the schema: what has another shape than its key is a fault, what does not do what its writer
//! expects is a warning.
//!
//! distribution ignores keys it does not know; so do we, with a word about it, unless the registry would be another one
//! without what was meant.

use std::fmt;

use super::faults::Faults;
use super::keys;
use super::schema::{Effect, Section, Shape};
use super::section::{self, ConfigError};
use super::tree::{Node, Origin, Value};
use super::values::{boolean, duration, number};
use crate::spec::inert::one_line;

/// Something in the configuration that does not do what its writer expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Warning {
    pub(crate) at: Origin,
    /// `http.headers`; empty for a variable that has no place in the configuration.
    pub(crate) path: String,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum What {
    /// Why, as a sentence goes on behind the path.
    Ignored(&'static str),
    /// The same, of one value.
    NotSo(String),
    Unknown {
        nearest: Option<String>,
    },
    /// A value of this key stands there already.
    Again,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.at)?;
        if !self.path.is_empty() {
            write!(f, ": {}", section::shown(&self.path))?;
        }
        match &self.what {
            What::Ignored(why) => write!(f, " {why}"),
            What::NotSo(why) => write!(f, " {}", one_line(why)),
            What::Again => write!(f, " stands there twice, and the later value counts"),
            What::Unknown { nearest: None } => write!(f, " is not known and ignored"),
            What::Unknown { nearest: Some(other) } => {
                write!(f, " is not known and ignored; did you mean {}?", one_line(other))
            }
        }
    }
}

/// Everything in the document that is worth a word; values that their keys cannot have, and keys that must not be ignored,
/// are faults.
pub(super) fn check(document: &Node, faults: &mut Faults) -> Vec<Warning> {
    let mut findings = Findings { warnings: Vec::new(), faults };
    findings.node(&Shape::Section(&keys::ROOT), document, "", true);
    findings.warnings
}

struct Findings<'a> {
    warnings: Vec<Warning>,
    faults: &'a mut Faults,
}

impl Findings<'_> {
    /// `audible`: whether nothing was said yet of a larger part that has no effect.
    fn node(&mut self, shape: &Shape, found: &Node, path: &str, audible: bool) {
        let expected = match (shape, &found.value) {
            (_, Value::Null) | (Shape::Any, _) | (Shape::Text, Value::Scalar(_)) => return,
            (Shape::Boolean, Value::Scalar(text)) => {
                let read = boolean(text).ok_or_else(|| "must be true or false".to_owned());
                return self.scalar(read, found, path, text);
            }
            (Shape::Number, Value::Scalar(text)) => return self.scalar(number(text), found, path, text),
            (Shape::Duration, Value::Scalar(text)) => return self.scalar(duration(text), found, path, text),
            (Shape::List(shape), Value::List(items)) => {
                return items.iter().for_each(|item| self.node(shape, item, path, audible));
            }
            (Shape::Map(shape), Value::Map(members)) => {
                return members
                    .iter()
                    .for_each(|(key, child)| self.node(shape, child, &below(path, &key.name), audible));
            }
            (Shape::Section(section), Value::Map(_)) => return self.members(section, found, path, audible),
            (Shape::List(_), _) => "a list",
            (Shape::Map(_) | Shape::Section(_), _) => "a mapping",
            (Shape::Text, _) => "a text",
            (Shape::Boolean, _) => "true or false",
            (Shape::Number, _) => "a whole number",
            (Shape::Duration, _) => "a duration",
        };
        let message = format!("must be {expected}, found {}", found.kind());
        self.faults.add(ConfigError::at(found.at.clone(), path, message));
    }

    fn scalar<T>(&mut self, read: Result<T, String>, found: &Node, path: &str, text: &str) {
        if let Err(message) = read {
            self.faults.add(ConfigError::at(found.at.clone(), path, section::not(&message, path, text)));
        }
    }

    fn members(&mut self, section: &'static Section, found: &Node, path: &str, audible: bool) {
        let Value::Map(members) = &found.value else { return };
        for (key, child) in members {
            let path = below(path, &key.name);
            let Some(known) = section.get(&key.name) else {
                let (nearest, fault) = section.judge(&key.name);
                if fault {
                    self.faults.add(ConfigError::unknown(key.at.clone(), &path, section, nearest));
                } else {
                    let what = What::Unknown { nearest: nearest.map(Into::into) };
                    self.warnings.push(Warning { at: key.at.clone(), path, what });
                }
                continue;
            };
            let mut audible = audible;
            if let Effect::Ignored(why) = known.effect {
                if audible && !is_off(child) {
                    self.warnings.push(Warning { at: key.at.clone(), path: path.clone(), what: What::Ignored(why) });
                }
                audible = false;
            }
            self.node(&known.shape, child, &path, audible);
        }
    }
}

/// Whether the value asks for nothing.
fn is_off(node: &Node) -> bool {
    let is = |name: &str, expected: bool| match node.get(name).map(|node| &node.value) {
        Some(Value::Scalar(text)) => boolean(text) == Some(expected),
        _ => false,
    };
    match &node.value {
        Value::Null => true,
        Value::Scalar(text) => boolean(text) == Some(false),
        Value::List(items) => items.iter().all(is_off),
        Value::Map(members) => is("enabled", false) || is("disabled", true) || members.iter().all(|(_, n)| is_off(n)),
    }
}

pub(super) fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.into() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::super::yaml::parse;
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let tree = parse(&"f".into(), text).expect("a tree");
        let mut faults = Faults::default();
        let words = check(&tree, &mut faults).iter().map(ToString::to_string).collect();
        assert_eq!(faults, Faults::default());
        words
    }

    #[test]
    fn what_works_is_not_mentioned() {
        let image = "version: 0.1\nlog:\n  fields:\n    service: registry\nstorage:\n  cache:\n    blobdescriptor: inmemory\n  filesystem:\n    rootdirectory: /var/lib/registry\nhttp:\n  addr: :5000\n";
        assert_eq!(words(image), <Vec<String>>::new());
    }

    #[test]
    fn what_does_not_is() {
        assert_eq!(
            words("http:\n  addr: :5000\n  adr: x\nzzz: 1\nredis:\n  addr: a\n  adr: x\nnotifications:\n"),
            [
                "f:3:3: http.adr is not known and ignored; did you mean addr?",
                "f:4:1: zzz is not known and ignored",
                "f:5:1: redis has no effect: nothing is cached outside of this program",
                "f:7:3: redis.adr is not known and ignored; did you mean addr?",
            ]
        );
    }

    #[test]
    fn what_is_switched_off_needs_no_word() {
        let off = "compatibility: {schema1: {enabled: false}}\nhttp: {h2c: {enabled: no}}\nredis: {tls: {enabled: no}}\n\
                   notifications: {endpoints: [{name: a, disabled: true}]}\nreporting: {bugsnag: {}}\n";
        assert_eq!(words(off), <Vec<String>>::new());
        let text = "compatibility: {schema1: {enabled: true}}";
        assert_eq!(
            words(text),
            [
                "f:1:17: compatibility.schema1 has no effect: images of schema 1 are pulled as they are stored, and not taken any more"
            ]
        );
    }
}
