//! The configuration as a tree of raw scalars, each with the place that it comes from.
//!
//! Knows no key of any configuration, and not how a tree is written: `yaml` reads one.

use std::fmt;
use std::sync::Arc;

use crate::spec::inert::one_line;

/// A place in a text, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Position {
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

/// Who said it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Origin {
    /// Nobody: what holds where nothing is said.
    Default,
    File {
        name: Arc<str>,
        position: Position,
    },
    /// A variable of the environment.
    Variable(Arc<str>),
    /// A flag of the command line.
    Flag(&'static str),
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) at: Origin,
    pub(super) value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Scalar(String),
    List(Vec<Node>),
    /// In the order in which it was written.
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) at: Origin,
    pub(super) name: String,
}

impl Node {
    pub(super) const fn new(at: Origin, value: Value) -> Self {
        Self { at, value }
    }

    pub(super) const fn null(at: Origin) -> Self {
        Self::new(at, Value::Null)
    }

    /// How many nodes the tree has.
    pub(super) fn count(&self) -> usize {
        1 + match &self.value {
            Value::Null | Value::Scalar(_) => 0,
            Value::List(items) => items.iter().map(Self::count).sum(),
            Value::Map(members) => members.iter().map(|(_, node)| node.count()).sum(),
        }
    }

    /// The value of a member. `null` is no value.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let Value::Map(members) = &self.value else { return None };
        members.iter().find(|(key, _)| key.name == name).map(|(_, node)| node).filter(|n| n.value != Value::Null)
    }

    /// What kind of value it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// As JSON, in which every scalar is a text.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Scalar(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(members) => members.iter().map(|(key, node)| (key.name.clone(), node.to_json())).collect(),
        }
    }

    /// The same tree, said by somebody else as a whole.
    pub(super) fn said_by(self, at: &Origin) -> Self {
        let value = match self.value {
            Value::List(items) => Value::List(items.into_iter().map(|item| item.said_by(at)).collect()),
            Value::Map(members) => Value::Map(
                members
                    .into_iter()
                    .map(|(key, node)| (Key { at: at.clone(), name: key.name }, node.said_by(at)))
                    .collect(),
            ),
            value => value,
        };
        Self { at: at.clone(), value }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, position } => write!(f, "{}:{position}", one_line(name)),
            Self::Variable(name) => f.write_str(&one_line(name)),
            Self::Flag(name) => f.write_str(name),
        }
    }
}
