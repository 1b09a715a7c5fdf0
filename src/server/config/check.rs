//! Compares a tree with the schema: what has another shape than its key is a fault, what does not do what its writer
//! expects is a warning.
//!
//! distribution ignores keys it does not know; so do we, with a word about it, unless the registry would be another one
//! without what was meant.

use std::fmt;

use super::keys;
use super::schema::{Effect, Section, Shape};
use super::section::ConfigError;
use super::tree::{Node, Origin, Value};
use super::values::{boolean, duration, number};

/// Something in the configuration that does not do what its writer expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Warning {
    pub(crate) at: Origin,
    /// `http.headers`; empty for a variable that has no place in the configuration.
    pub(crate) path: String,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
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
            write!(f, ": {}", self.path)?;
        }
        match &self.what {
            What::Ignored(why) => write!(f, " {why}"),
            What::NotSo(why) => write!(f, " {why}"),
            What::Again => write!(f, " stands there twice, and the later value counts"),
            What::Unknown { nearest: None } => write!(f, " is not known and ignored"),
            What::Unknown { nearest: Some(other) } => write!(f, " is not known and ignored; did you mean {other}?"),
        }
    }
}

/// Everything in the document that is worth a word.
///
/// # Errors
/// The first value that its key cannot have, and keys that must not be ignored.
pub(super) fn check(document: &Node) -> Result<Vec<Warning>, ConfigError> {
    let mut warnings = Vec::new();
    node(&Shape::Section(&keys::ROOT), document, "", true, &mut warnings)?;
    Ok(warnings)
}

/// `audible`: whether nothing was said yet of a larger part that has no effect.
fn node(
    shape: &Shape,
    found: &Node,
    path: &str,
    audible: bool,
    warnings: &mut Vec<Warning>,
) -> Result<(), ConfigError> {
    let wrong = |expected: &str| {
        let message = format!("must be {expected}, found {}", found.kind());
        Err(ConfigError::at(found.at.clone(), path, message))
    };
    match (shape, &found.value) {
        (_, Value::Null) | (Shape::Any, _) | (Shape::Text, Value::Scalar(_)) => Ok(()),
        (Shape::Boolean, Value::Scalar(text)) => {
            let message = "must be true or false";
            if boolean(text).is_some() { Ok(()) } else { not(found, path, message, text) }
        }
        (Shape::Number, Value::Scalar(text)) => match number(text) {
            Ok(_) => Ok(()),
            Err(message) => not(found, path, &message, text),
        },
        (Shape::Duration, Value::Scalar(text)) => match duration(text) {
            Ok(_) => Ok(()),
            Err(message) => not(found, path, &message, text),
        },
        (Shape::List(shape), Value::List(items)) => {
            items.iter().try_for_each(|item| node(shape, item, path, audible, warnings))
        }
        (Shape::Map(shape), Value::Map(members)) => {
            members.iter().try_for_each(|(key, child)| node(shape, child, &below(path, &key.name), audible, warnings))
        }
        (Shape::Section(section), Value::Map(_)) => members(section, found, path, audible, warnings),
        (Shape::List(_), _) => wrong("a list"),
        (Shape::Map(_) | Shape::Section(_), _) => wrong("a mapping"),
        (Shape::Text, _) => wrong("a text"),
        (Shape::Boolean, _) => wrong("true or false"),
        (Shape::Number, _) => wrong("a whole number"),
        (Shape::Duration, _) => wrong("a duration"),
    }
}

fn not(found: &Node, path: &str, message: &str, text: &str) -> Result<(), ConfigError> {
    Err(ConfigError::at(found.at.clone(), path, format!("{message}, not {text:?}")))
}

fn members(
    section: &'static Section,
    found: &Node,
    path: &str,
    audible: bool,
    warnings: &mut Vec<Warning>,
) -> Result<(), ConfigError> {
    let Value::Map(members) = &found.value else { return Ok(()) };
    for (key, child) in members {
        let path = below(path, &key.name);
        let Some(known) = section.get(&key.name) else {
            let (nearest, fault) = section.judge(&key.name);
            if fault {
                return Err(ConfigError::unknown(key.at.clone(), &path, section, nearest));
            }
            let what = What::Unknown { nearest: nearest.map(Into::into) };
            warnings.push(Warning { at: key.at.clone(), path, what });
            continue;
        };
        let mut audible = audible;
        if let Effect::Ignored(why) = known.effect {
            if audible && !is_off(child) {
                warnings.push(Warning { at: key.at.clone(), path: path.clone(), what: What::Ignored(why) });
            }
            audible = false;
        }
        node(&known.shape, child, &path, audible, warnings)?;
    }
    Ok(())
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
        check(&tree).expect("no fault").iter().map(ToString::to_string).collect()
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
