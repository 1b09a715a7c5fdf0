//! What differs between two configurations and waits for a restart.

use super::check::below;
use super::keys;
use super::schema::{Effect, Section, Shape};
use super::tree::Node;

/// The keys, in the order of the schema, whose values differ, have an effect, and are read at the start alone. Both trees
/// are complete.
pub(super) fn waiting(old: &Node, new: &Node) -> Vec<String> {
    let mut found = Vec::new();
    compare(&keys::ROOT, Some(old), Some(new), "", &mut found);
    found
}

fn compare(section: &Section, old: Option<&Node>, new: Option<&Node>, path: &str, found: &mut Vec<String>) {
    for known in section.keys.iter().filter(|known| !known.live && known.effect == Effect::Works) {
        let [was, is] = [old, new].map(|node| node.and_then(|node| node.get(known.name)));
        if was.map(Node::to_json) == is.map(Node::to_json) {
            continue;
        }
        let (path, count) = (below(path, known.name), found.len());
        if let Shape::Section(inner) = known.shape {
            compare(inner, was, is, &path, found);
        }
        let is_section = matches!(known.shape, Shape::Section(_));
        // A section that comes or goes says something, even with nothing in it.
        if !is_section || (found.len() == count && was.is_some() != is.is_some()) {
            found.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::document::{Document, Sources};

    fn document(text: &str) -> Document {
        let text = format!("version: 0.1\n{text}\n");
        let file = Some(("f", text.as_str()));
        let sources = Sources { file, variables: &BTreeMap::new(), address: None, root: None, home: None };
        Document::read(sources).expect("a document")
    }

    #[test]
    fn what_waits_is_what_differs_and_is_not_live() {
        let base = "storage: inmemory\nhttp: {addr: ':1'}";
        for (old, new, expected) in [
            (base, base, &[][..]),
            (base, "log: {level: debug}\nstorage: inmemory\nhttp: {addr: ':1'}", &[]),
            (base, "loglevel: debug\nstorage: inmemory\nhttp: {addr: ':1', draintimeout: }", &[]),
            (base, "redis: {addr: a}\nstorage: inmemory\nhttp: {addr: ':1'}", &[]),
            (base, "zzz: a\nstorage: {inmemory: {}, delete: {enabled: false}}\nhttp: {addr: ':1'}", &[]),
            (base, "storage: inmemory\nhttp: {addr: ':2'}", &["http.addr"]),
            (
                base,
                "storage: filesystem\nhttp: {addr: ':1'}",
                &["storage.filesystem.rootdirectory", "storage.inmemory"],
            ),
            (
                base,
                "storage: inmemory\nhttp: {addr: ':1', headers: {a: [b]}, tls: {certificate: c, key: k}}",
                &["http.headers", "http.tls.certificate", "http.tls.key", "http.tls.minimumtls"],
            ),
        ] {
            assert_eq!(document(old).waiting(&document(new)), expected, "{old} -> {new}");
            assert_eq!(document(new).waiting(&document(old)), expected, "{new} -> {old}");
        }
    }
}
