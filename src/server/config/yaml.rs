//! YAML as a tree of raw scalars with positions.
//!
//! Knows no key of any configuration. Scalars stay the text that was written, and get a type when somebody asks for one:
//! `accesskey: 00123` is not 123, and `enabled: yes` is a boolean, as in YAML 1.1, which distribution reads.

use std::collections::HashMap;
use std::fmt;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span};
use thiserror::Error;

/// A place in the file, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Position {
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) at: Position,
    pub(super) value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Scalar(String),
    List(Vec<Node>),
    /// In the order of the file.
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) at: Position,
    pub(super) name: String,
}

/// Why a text is no tree.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub(super) struct YamlError {
    pub(super) at: Position,
    pub(super) message: String,
}

/// Most nodes of a tree, aliases counted as what they stand for: a real file has a few hundred, and a few lines of
/// aliases of aliases would fill the memory.
const NODES_MAX: usize = 100_000;

/// Deepest nesting. The parser and this reader descend by recursion.
const DEPTH_MAX: usize = 64;

/// Reads the one document of a text; an empty text is [`Value::Null`].
pub(super) fn parse(text: &str) -> Result<Node, YamlError> {
    let mut reader = Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0 };
    loop {
        match reader.next()? {
            (Event::StreamEnd, at) => return Ok(Node { at, value: Value::Null }),
            (Event::DocumentStart(..), _) => break,
            _ => {}
        }
    }
    let first = reader.next()?;
    reader.node(first, 0)
}

struct Reader<'a> {
    parser: Parser<'a, serde_saphyr::granit_parser::StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

fn position(span: &Span) -> Position {
    Position { line: span.start.line(), column: span.start.col() + 1 }
}

fn error<T>(at: Position, message: impl Into<String>) -> Result<T, YamlError> {
    Err(YamlError { at, message: message.into() })
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Position), YamlError> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, position(&span))),
            Some(Err(fault)) => {
                let at = Position { line: fault.marker().line(), column: fault.marker().col() + 1 };
                error(at, fault.info())
            }
            None => Ok((Event::StreamEnd, Position { line: 1, column: 1 })),
        }
    }

    fn count(&mut self, nodes: usize, at: Position) -> Result<(), YamlError> {
        self.nodes += nodes;
        if self.nodes > NODES_MAX { error(at, "the document is too large") } else { Ok(()) }
    }

    fn node(&mut self, (event, at): (Event<'a>, Position), depth: usize) -> Result<Node, YamlError> {
        self.count(1, at)?;
        if depth > DEPTH_MAX {
            return error(at, "the document is nested too deep");
        }
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                (if null { Value::Null } else { Value::Scalar(text.into_owned()) }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.list(depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.map(depth)?, anchor),
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return error(at, "the alias stands inside of what it names");
                };
                self.count(node.count(), at)?;
                return Ok(Node { at, ..node });
            }
            _ => return error(at, "expected a value"),
        };
        let node = Node { at, value };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Value, YamlError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                event => items.push(self.node(event, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, YamlError> {
        let mut members: Vec<(Key, Node)> = Vec::new();
        let mut merged: Vec<(Key, Node)> = Vec::new();
        loop {
            let (name, at) = match self.next()? {
                (Event::MappingEnd, _) => break,
                (Event::Scalar(name, ..), at) => (name.into_owned(), at),
                (_, at) => return error(at, "keys must be plain words"),
            };
            let event = self.next()?;
            let node = self.node(event, depth + 1)?;
            if name == "<<" {
                match node.value {
                    Value::Map(more) => merged.extend(more),
                    _ => return error(node.at, "what is merged must be a mapping"),
                }
            } else if members.iter().any(|(key, _)| key.name == name) {
                return error(at, format!("{name:?} stands here twice"));
            } else {
                members.push((Key { at, name }, node));
            }
        }
        for (key, node) in merged {
            if !members.iter().any(|(known, _)| known.name == key.name) {
                members.push((key, node));
            }
        }
        Ok(Value::Map(members))
    }
}

impl Node {
    fn count(&self) -> usize {
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
}

/// A boolean as YAML 1.1 spells it.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scalar<'a>(node: &'a Node, path: &[&str]) -> &'a str {
        let node = path.iter().fold(node, |node, name| node.get(name).expect(name));
        match &node.value {
            Value::Scalar(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn scalars_stay_what_was_written() {
        let tree = parse("a: 00123\nb: 1e5\nc: 'yes'\nd: {e: 0.10, f: ~}\ng: [x, 2]\n").expect("a tree");
        assert_eq!(scalar(&tree, &["a"]), "00123");
        assert_eq!(scalar(&tree, &["b"]), "1e5");
        assert_eq!(scalar(&tree, &["c"]), "yes");
        assert_eq!(scalar(&tree, &["d", "e"]), "0.10");
        assert_eq!(tree.get("d").expect("d").get("f"), None);
        assert_eq!(tree.get("d").expect("d").at, Position { line: 4, column: 4 });
    }

    #[test]
    fn anchors_and_merges() {
        let tree = parse("a: &x {b: 1, c: 2}\nd: *x\ne:\n  <<: *x\n  c: 3\n").expect("a tree");
        assert_eq!(scalar(&tree, &["d", "c"]), "2");
        assert_eq!(scalar(&tree, &["e", "b"]), "1");
        assert_eq!(scalar(&tree, &["e", "c"]), "3");
    }

    #[test]
    fn faults_have_a_place() {
        for (text, line, message) in [
            ("a: 1\nb: 2\na: 3\n", 3, "\"a\" stands here twice"),
            ("a:\n  - b\n c: [", 3, ""),
            ("? [a]\n: b\n", 1, "keys must be plain words"),
            ("a: &x [*x]\n", 1, "the alias stands inside of what it names"),
        ] {
            let fault = parse(text).expect_err(text);
            assert_eq!(fault.at.line, line, "{fault:?}");
            assert!(fault.message.contains(message), "{fault:?}");
        }
    }

    #[test]
    fn a_few_lines_cannot_fill_the_memory() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for n in 1..12 {
            let previous = format!("*a{}", n - 1);
            text.push_str(&format!("a{n}: &a{n} [{}]\n", vec![previous; 10].join(",")));
        }
        assert_eq!(parse(&text).expect_err("too large").message, "the document is too large");
        assert!(parse(&"[".repeat(5000)).is_err());
    }

    #[test]
    fn an_empty_file_is_nothing() {
        for text in ["", "# only a comment\n", "---\n"] {
            assert_eq!(parse(text).expect(text).value, Value::Null, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a-z:{}\\[\\]&*<>|' \"\n#?-]{0,80}") {
            let _ = parse(&text);
        }
    }
}
