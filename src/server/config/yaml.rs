//! Reads YAML as a tree of raw scalars with positions.
//!
//! Knows no key of any configuration. Scalars stay the text that was written, and get a type when somebody asks for one:
//! `accesskey: 00123` is not 123, and `enabled: yes` is a boolean, as in YAML 1.1, which distribution reads.

use std::collections::HashMap;
use std::sync::Arc;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span};
use thiserror::Error;

use super::tree::{Key, Node, Origin, Position, Value};

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

const MERGED: &str = "what is merged must be a mapping or a list of them";

/// A key that was there already: where it stands again, and its name.
pub(super) type Again = (Position, String);

/// Reads the one document of the text of a file; an empty text is [`Value::Null`]. Of two values under one key the later
/// counts, as in distribution; they are told of. There is no later one of two mappings: distribution makes one of some.
pub(super) fn read(file: &Arc<str>, text: &str) -> Result<(Node, Vec<Again>), YamlError> {
    let (file, parser) = (Arc::clone(file), Parser::new_from_str(text));
    let mut reader = Reader { file, parser, anchors: HashMap::new(), nodes: 0, again: Vec::new() };
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok((Node::null(reader.origin(Position::START)), Vec::new())),
            (Event::DocumentStart(..), _) => break,
            _ => {}
        }
    }
    let first = reader.next()?;
    Ok((reader.node(first, 0)?, reader.again))
}

/// The same of a text in which nothing stands twice.
pub(super) fn parse(file: &Arc<str>, text: &str) -> Result<Node, YamlError> {
    let (tree, again) = read(file, text)?;
    match again.into_iter().next() {
        Some((at, name)) => error(at, twice(&name)),
        None => Ok(tree),
    }
}

fn twice(name: &str) -> String {
    format!("{name:?} stands here twice")
}

struct Reader<'a> {
    file: Arc<str>,
    parser: Parser<'a, serde_saphyr::granit_parser::StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    again: Vec<Again>,
}

fn position(span: &Span) -> Position {
    Position { line: span.start.line(), column: span.start.col() + 1 }
}

fn error<T>(at: Position, message: impl Into<String>) -> Result<T, YamlError> {
    Err(YamlError { at, message: message.into() })
}

impl<'a> Reader<'a> {
    fn origin(&self, position: Position) -> Origin {
        Origin::File { name: Arc::clone(&self.file), position }
    }

    fn next(&mut self) -> Result<(Event<'a>, Position), YamlError> {
        loop {
            match self.parser.next_event() {
                // The parser tells of comments too, wherever they stand.
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok((event, span))) => return Ok((event, position(&span))),
                Some(Err(fault)) => {
                    let at = Position { line: fault.marker().line(), column: fault.marker().col() + 1 };
                    return error(at, fault.info());
                }
                None => return Ok((Event::StreamEnd, Position::START)),
            }
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
                return Ok(Node { at: self.origin(at), ..node });
            }
            _ => return error(at, "expected a value"),
        };
        let node = Node { at: self.origin(at), value };
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
        // Beside the members, which keep their order: a megabyte of keys is compared with none of them.
        let mut names: HashMap<String, usize> = HashMap::new();
        loop {
            let (name, is_bare, at) = match self.next()? {
                (Event::MappingEnd, _) => break,
                (Event::Scalar(name, style, ..), at) => (name.into_owned(), style == ScalarStyle::Plain, at),
                (_, at) => return error(at, "keys must be plain words"),
            };
            let event = self.next()?;
            let node = self.node(event, depth + 1)?;
            if is_bare && name == "<<" {
                match node.value {
                    Value::Map(more) => merged.extend(more),
                    Value::List(maps) => {
                        for map in maps {
                            let Value::Map(more) = map.value else { return error(at, MERGED) };
                            merged.extend(more);
                        }
                    }
                    _ => return error(at, MERGED),
                }
            } else if let Some(earlier) = names.get(&name) {
                let earlier = &mut members[*earlier].1;
                if matches!(earlier.value, Value::Map(_)) || matches!(node.value, Value::Map(_)) {
                    return error(at, twice(&name));
                }
                *earlier = node;
                self.again.push((at, name));
            } else {
                names.insert(name.clone(), members.len());
                members.push((Key { at: self.origin(at), name }, node));
            }
        }
        for (key, node) in merged {
            if !names.contains_key(&key.name) {
                names.insert(key.name.clone(), members.len());
                members.push((key, node));
            }
        }
        Ok(Value::Map(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Node, YamlError> {
        super::parse(&"f".into(), text)
    }

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
        assert_eq!(tree.get("d").expect("d").at.to_string(), "f:4:4");
    }

    #[test]
    fn anchors_and_merges() {
        let tree = parse("a: &x {b: 1, c: 2}\nd: *x\ne:\n  <<: *x\n  c: 3\n").expect("a tree");
        assert_eq!(scalar(&tree, &["d", "c"]), "2");
        assert_eq!(scalar(&tree, &["e", "b"]), "1");
        assert_eq!(scalar(&tree, &["e", "c"]), "3");
    }

    #[test]
    fn of_two_values_the_later_counts() {
        let (tree, again) = read(&"f".into(), "a: 1\nb: {c: [x], c: ~, c: 2}\na: 3\n").expect("a tree");
        assert_eq!((scalar(&tree, &["a"]), scalar(&tree, &["b", "c"])), ("3", "2"));
        let places: Vec<_> = again.iter().map(|(at, name)| (at.line, at.column, name.as_str())).collect();
        assert_eq!(places, [(2, 13, "c"), (2, 19, "c"), (3, 1, "a")]);
        for mappings in ["a: {b: 1}\na: {c: 1}\n", "a: 1\na: {}\n", "a: {}\na:\n"] {
            assert!(read(&"f".into(), mappings).is_err(), "{mappings}");
        }
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
    fn comments_stand_anywhere() {
        let text = "# a\nversion: 0.1 # b\n# c\nlog: # d\n  # e\n  fields: # f\n    - x # g\n    # h\n    - y\n\
                    http: {addr: a} # i\ns: # j\n  &k {b: c} # l\n# m\n";
        let tree = parse(text).expect("a tree");
        let expected = r#"{"version":"0.1","log":{"fields":["x","y"]},"http":{"addr":"a"},"s":{"b":"c"}}"#;
        assert_eq!(tree.to_json().to_string(), expected);
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
