//! Typed reading of the tree: what a key must be, and a fault with its place and path where it is something else.

use std::collections::BTreeMap;

use thiserror::Error;

use super::yaml::{Node, Position, Value, YamlError, boolean};

/// Why a file is no configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{at}: {}{message}", if path.is_empty() { String::new() } else { format!("{path}: ") })]
pub(crate) struct ConfigError {
    pub(crate) at: Position,
    path: String,
    message: String,
    pub(crate) hint: Option<&'static str>,
}

impl ConfigError {
    pub(super) fn at(at: Position, path: &str, message: impl Into<String>) -> Self {
        Self { at, path: path.into(), message: message.into(), hint: None }
    }

    pub(super) fn missing(path: &str) -> Self {
        Self::at(Position::START, path, "is missing")
    }

    pub(super) fn with_hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }
}

impl From<YamlError> for ConfigError {
    fn from(fault: YamlError) -> Self {
        Self::at(fault.at, "", fault.message)
    }
}

/// A mapping of the file, or its absence, with its path.
#[derive(Debug)]
pub(super) struct Section<'a> {
    path: String,
    node: Option<&'a Node>,
}

impl<'a> Section<'a> {
    pub(super) fn root(document: &'a Node) -> Self {
        Self { path: String::new(), node: Some(document) }
    }

    pub(super) fn node(&self) -> Result<&'a Node, ConfigError> {
        self.node.ok_or_else(|| ConfigError::missing(&self.path))
    }

    /// Where the mapping begins.
    pub(super) fn position(&self) -> Position {
        self.node.map_or(Position::START, |node| node.at)
    }

    fn below(&self, name: &str) -> String {
        if self.path.is_empty() { name.into() } else { format!("{}.{name}", self.path) }
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

    /// The mapping under a key; a single word stands for a mapping with that key and nothing under it.
    pub(super) fn section_or_name(&self, name: &str) -> Result<Self, ConfigError> {
        match self.get(name) {
            Some(Node { value: Value::Scalar(_), .. }) => Ok(Self { path: self.below(name), node: None }),
            _ => self.section(name),
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
    pub(super) fn text(&self, name: &str) -> Result<Option<(Position, &'a str)>, ConfigError> {
        match self.get(name) {
            None => Ok(None),
            Some(Node { at, value: Value::Scalar(text) }) => Ok(Some((*at, text))),
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
        parse(text)
            .map(Some)
            .map_err(|message| ConfigError::at(at, &self.below(name), format!("{message}, not {text:?}")))
    }

    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, ConfigError> {
        self.parsed(name, |text| boolean(text).ok_or_else(|| "must be true or false".into()))
    }

    /// Every member as text; what is `null` is not there.
    pub(super) fn texts(&self) -> Result<BTreeMap<String, String>, ConfigError> {
        self.members()
            .filter(|(_, node)| node.value != Value::Null)
            .map(|(name, _)| {
                Ok((name.to_owned(), self.text(name)?.map(|(_, text)| text.to_owned()).unwrap_or_default()))
            })
            .collect()
    }

    pub(super) fn error(&self, name: &str, at: Position, message: impl Into<String>) -> ConfigError {
        ConfigError::at(at, &self.below(name), message)
    }

    fn wrong(&self, name: &str, node: &Node, expected: &str) -> ConfigError {
        self.error(name, node.at, format!("must be {expected}, found {}", node.kind()))
    }
}
