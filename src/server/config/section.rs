//! Typed reading of the tree: what a key must be, and a fault with its place and path where it is something else.

use std::borrow::Cow;
use std::collections::BTreeMap;

use thiserror::Error;

use super::check::below;
use super::keys;
use super::schema::{self, Shape};
use super::tree::{Node, Origin, Value};
use super::values::boolean;
use crate::spec::inert::one_line;
use crate::spec::{HIDDEN, without_secrets};

/// Why there is no configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}{}{message}", place(at), if path.is_empty() { String::new() } else { format!("{path}: ") })]
pub(crate) struct ConfigError {
    pub(super) at: Origin,
    path: String,
    message: String,
    pub(crate) hint: Option<String>,
}

/// Most characters of a key or a value that a message shows.
const SHOWN_MAX: usize = 200;

/// What is said of a key that must not be ignored, and of one that must be there.
const UNKNOWN: &str = "is not known";
const MISSING: &str = "is missing";

fn place(at: &Origin) -> String {
    if *at == Origin::Default { String::new() } else { format!("{at}: ") }
}

impl ConfigError {
    pub(super) fn at(at: Origin, path: &str, message: impl Into<String>) -> Self {
        Self { at, path: shown(path), message: one_line(&message.into()).into_owned(), hint: None }
    }

    /// A key that must not be ignored.
    pub(super) fn unknown(at: Origin, path: &str, section: &schema::Section, nearest: Option<&str>) -> Self {
        let hint = match nearest {
            Some(other) if section.unknown != schema::Unknown::Fault => format!("did you mean {other}?"),
            _ => {
                let known: Vec<_> = section.keys.iter().map(|key| key.name).collect();
                format!("known are {}", known.join(", "))
            }
        };
        Self::at(at, path, UNKNOWN).with_hint(hint)
    }

    /// Where in the configuration it is, as messages show it.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The path of the section that its key is in.
    pub(super) fn section(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// Whether it is a key that is not known.
    pub(super) fn is_unknown(&self) -> bool {
        self.message == UNKNOWN
    }

    /// Whether it is a key that must be there and is not.
    pub(super) fn is_missing(&self) -> bool {
        self.message == MISSING
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(one_line(&hint.into()).into_owned());
        self
    }
}

/// What a value must be, and what it is, unless that is for nobody's eyes.
pub(super) fn not(message: &str, path: &str, text: &str) -> String {
    if is_secret(path) {
        format!("{message}, not {HIDDEN}")
    } else {
        format!("{message}, not {:?}", shortened(&without_secrets(text)))
    }
}

/// A path of somebody's keys, for a message: in one line that has an end. A single word that stands for a mapping may be a
/// value in the place of a key.
pub(super) fn shown(path: &str) -> String {
    one_line(&shortened(&without_secrets(path))).into_owned()
}

fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

fn is_secret(path: &str) -> bool {
    let mut section = Some(&keys::ROOT);
    for name in path.split('.') {
        let Some(known) = section.and_then(|section| section.get(name)) else { return false };
        if known.secret {
            return true;
        }
        section = match &known.shape {
            Shape::Section(inner) | Shape::List(Shape::Section(inner)) => Some(inner),
            _ => None,
        };
    }
    false
}

/// A mapping, or its absence, with its path.
#[derive(Debug)]
pub(super) struct Section<'a> {
    path: String,
    node: Option<&'a Node>,
}

impl<'a> Section<'a> {
    pub(super) fn root(document: &'a Node) -> Self {
        Self { path: String::new(), node: Some(document) }
    }

    /// Where the mapping begins.
    pub(super) fn origin(&self) -> Origin {
        self.node.map_or(Origin::Default, |node| node.at.clone())
    }

    /// A key that must be there and is not.
    pub(super) fn missing(&self, name: &str) -> ConfigError {
        self.error(name, self.origin(), MISSING)
    }

    /// A key whose value is wrong as a whole.
    pub(super) fn fault(&self, name: &str, message: impl Into<String>) -> ConfigError {
        let at = self.get(name).map_or_else(|| self.origin(), |node| node.at.clone());
        self.error(name, at, message)
    }

    fn below(&self, name: &str) -> String {
        below(&self.path, name)
    }

    fn get(&self, name: &str) -> Option<&'a Node> {
        self.node?.get(name)
    }

    /// The mapping under a key. One that is not there is an empty one.
    pub(super) fn section(&self, name: &str) -> Result<Self, ConfigError> {
        let node = self.get(name);
        match node {
            Some(Node { value: Value::Map(_), .. }) | None => Ok(Self { path: self.below(name), node }),
            Some(node) => Err(self.wrong(name, node, "a mapping")),
        }
    }

    /// Names and values of the members, `null` included.
    pub(super) fn members(&self) -> impl Iterator<Item = (&'a str, &'a Node)> {
        let members = match self.node.map(|node| &node.value) {
            Some(Value::Map(members)) => members.as_slice(),
            _ => &[],
        };
        members.iter().map(|(key, node)| (key.name.as_str(), node))
    }

    /// The text under a key.
    pub(super) fn text(&self, name: &str) -> Result<Option<(&'a Origin, &'a str)>, ConfigError> {
        match self.get(name) {
            None => Ok(None),
            Some(Node { at, value: Value::Scalar(text) }) => Ok(Some((at, text))),
            Some(node) => Err(self.wrong(name, node, "a text")),
        }
    }

    /// The text under a key, made into something; the message of a failure follows the path.
    pub(super) fn parsed<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let Some((at, text)) = self.text(name)? else { return Ok(None) };
        parse(text).map(Some).map_err(|message| self.error(name, at.clone(), not(&message, &self.below(name), text)))
    }

    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, ConfigError> {
        self.parsed(name, |text| boolean(text).ok_or_else(|| "must be true or false".into()))
    }

    /// The text under a key; an empty one is none.
    pub(super) fn some(&self, name: &str) -> Result<Option<String>, ConfigError> {
        Ok(self.text(name)?.map(|(_, text)| text.to_owned()).filter(|text| !text.is_empty()))
    }

    /// Every text of a list, made into something.
    pub(super) fn list<T>(&self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, ConfigError> {
        let Some(node) = self.get(name) else { return Ok(Vec::new()) };
        let Value::List(items) = &node.value else { return Err(self.wrong(name, node, "a list")) };
        let one = |item: &Node| match &item.value {
            Value::Scalar(text) => {
                parse(text).map_err(|message| self.error(name, item.at.clone(), not(&message, &self.below(name), text)))
            }
            _ => Err(self.wrong(name, item, "a text")),
        };
        items.iter().filter(|item| item.value != Value::Null).map(one).collect()
    }

    /// Every mapping of a list.
    pub(super) fn sections(&self, name: &str) -> Result<Vec<Self>, ConfigError> {
        let Some(node) = self.get(name) else { return Ok(Vec::new()) };
        let Value::List(items) = &node.value else { return Err(self.wrong(name, node, "a list")) };
        let one = |item: &'a Node| match &item.value {
            Value::Map(_) => Ok(Self { path: self.below(name), node: Some(item) }),
            _ => Err(self.wrong(name, item, "a mapping")),
        };
        items.iter().filter(|item| item.value != Value::Null).map(one).collect()
    }

    /// Whether nothing is said below.
    pub(super) fn is_empty(&self) -> bool {
        fn says_nothing(node: &Node) -> bool {
            match &node.value {
                Value::Null => true,
                Value::Scalar(text) => text.is_empty() || node.at == Origin::Default,
                Value::List(items) => items.iter().all(says_nothing),
                Value::Map(members) => members.iter().all(|(_, node)| says_nothing(node)),
            }
        }
        self.node.is_none_or(says_nothing)
    }

    /// Whether nobody said anything about a key.
    pub(super) fn is_default(&self, name: &str) -> bool {
        self.get(name).is_none_or(|node| node.at == Origin::Default)
    }

    /// Every member as text; what is `null` is not there, what has parts is JSON.
    pub(super) fn texts(&self) -> BTreeMap<String, String> {
        let text = |node: &Node| match &node.value {
            Value::Null => None,
            Value::Scalar(text) => Some(text.clone()),
            _ => Some(node.to_json().to_string()),
        };
        self.members().filter_map(|(name, node)| Some((name.to_owned(), text(node)?))).collect()
    }

    pub(super) fn error(&self, name: &str, at: Origin, message: impl Into<String>) -> ConfigError {
        ConfigError::at(at, &self.below(name), message)
    }

    fn wrong(&self, name: &str, node: &Node, expected: &str) -> ConfigError {
        self.error(name, node.at.clone(), format!("must be {expected}, found {}", node.kind()))
    }
}
