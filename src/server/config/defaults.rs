//! What holds where nothing is said: of every key, and of a registry without a configuration file.

use std::path::Path;

use super::keys;
use super::schema::{Section, Shape};
use super::tree::{Key, Node, Origin, Value};
use crate::server::Address;

/// Adds what makes a registry for one person: loopback only, deletes allowed, quiet, data in `root`.
pub(super) fn local(document: &mut Node, root: Option<&Path>) {
    let mut storage = vec![("delete", map(vec![("enabled", scalar("true"))]))];
    let named = document.get("storage").and_then(driver);
    if let (None | Some("filesystem"), Some(root)) = (named, root) {
        storage.push(("filesystem", map(vec![("rootdirectory", scalar(&root.to_string_lossy()))])));
    }
    let below = map(vec![
        ("version", scalar("0.1")),
        ("http", map(vec![("addr", scalar(&Address::LOCAL.to_string()))])),
        ("storage", map(storage)),
        ("log", map(vec![("level", scalar("warn")), ("accesslog", map(vec![("disabled", scalar("true"))]))])),
    ]);
    lay_under(document, below);
}

/// The first driver that a `storage` section names.
fn driver(storage: &Node) -> Option<&str> {
    let Value::Map(members) = &storage.value else { return None };
    members.iter().map(|(key, _)| key.name.as_str()).find(|name| !keys::STORAGE_SETTINGS.contains(name))
}

fn map(members: Vec<(&str, Node)>) -> Node {
    Node::new(Origin::Default, Value::Map(members.into_iter().map(|(name, node)| (key(name), node)).collect()))
}

fn key(name: &str) -> Key {
    Key { at: Origin::Default, name: name.to_owned() }
}

fn scalar(text: &str) -> Node {
    Node::new(Origin::Default, Value::Scalar(text.to_owned()))
}

/// Adds what is missing in a tree from another one.
fn lay_under(node: &mut Node, below: Node) {
    match (&mut node.value, below.value) {
        (Value::Map(members), Value::Map(more)) => {
            for (key, value) in more {
                match members.iter_mut().find(|(there, _)| there.name == key.name) {
                    Some((_, there)) => lay_under(there, value),
                    None => members.push((key, value)),
                }
            }
        }
        (Value::Null, value) => *node = Node::new(below.at, value),
        _ => {}
    }
}

/// Adds the default of every key that has one; what is optional gets its own only where it is.
pub(super) fn complete(document: &mut Node) {
    fill(&keys::ROOT, document);
}

fn fill(section: &Section, node: &mut Node) {
    let Value::Map(members) = &mut node.value else { return };
    for known in section.keys {
        let found = members.iter().position(|(key, _)| key.name == known.name);
        match (known.shape, found) {
            (Shape::Section(inner), Some(found)) => {
                let child = &mut members[found].1;
                if child.value == Value::Null {
                    child.value = Value::Map(Vec::new());
                }
                fill(inner, child);
            }
            (Shape::Section(inner), None) if !known.optional => {
                let mut child = map(Vec::new());
                fill(inner, &mut child);
                if child.value != Value::Map(Vec::new()) {
                    members.push((key(known.name), child));
                }
            }
            (Shape::List(Shape::Section(inner)), Some(found)) => {
                if let Value::List(items) = &mut members[found].1.value {
                    items.iter_mut().for_each(|item| fill(inner, item));
                }
            }
            _ => {
                let Some(default) = known.default.map(scalar) else { continue };
                match found {
                    Some(found) if members[found].1.value == Value::Null => members[found].1 = default,
                    Some(_) => {}
                    None => members.push((key(known.name), default)),
                }
            }
        }
    }
}
