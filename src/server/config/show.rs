//! A complete tree for people and programs: every value that holds, and who said so. What is secret is not shown.

use std::fmt::Write as _;

use super::keys;
use super::schema::{Effect, Shape};
use super::tree::{Node, Origin, Value};
use super::values::{boolean, number};
use crate::spec::{HIDDEN, without_secrets};

/// A step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// A value that holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setting {
    /// From the top.
    pub(crate) path: Vec<Step>,
    pub(crate) value: serde_json::Value,
    pub(crate) origin: Origin,
    /// Whether it changes anything here.
    pub(crate) effective: bool,
}

/// A value while the tree is walked.
struct Place<'a> {
    shape: &'a Shape,
    secret: bool,
    effective: bool,
}

/// Every value of a tree, in its order. Keys that are not known are left out.
pub(super) fn settings(tree: &Node) -> Vec<Setting> {
    let mut all = Vec::new();
    let top = Place { shape: &Shape::Section(&keys::ROOT), secret: false, effective: true };
    collect(&top, tree, &mut Vec::new(), &mut all);
    all
}

fn collect(place: &Place<'_>, node: &Node, path: &mut Vec<Step>, all: &mut Vec<Setting>) {
    let mut below = |place: &Place<'_>, step: Step, child: &Node| {
        path.push(step);
        collect(place, child, path, all);
        path.pop();
    };
    match (&node.value, place.shape) {
        (Value::Map(members), Shape::Section(section)) => {
            for (key, child) in members {
                let Some(known) = section.get(&key.name) else { continue };
                let place = Place {
                    shape: &known.shape,
                    secret: place.secret || known.secret,
                    effective: place.effective && known.effect == Effect::Works,
                };
                below(&place, Step::Key(key.name.clone()), child);
            }
        }
        (Value::Map(members), shape) => {
            let shape = if let Shape::Map(inner) = shape { inner } else { &Shape::Any };
            for (key, child) in members {
                below(&Place { shape, ..*place }, Step::Key(key.name.clone()), child);
            }
        }
        (Value::List(items), shape) => {
            let shape = if let Shape::List(inner) = shape { inner } else { &Shape::Any };
            for (index, child) in items.iter().enumerate() {
                below(&Place { shape, ..*place }, Step::Index(index), child);
            }
        }
        (Value::Null | Value::Scalar(_), _) => {}
    }
    let value = match &node.value {
        Value::Scalar(text) => scalar(place, text),
        // Nothing has no place but in a list, where it has a number.
        Value::Null if matches!(path.last(), Some(Step::Index(_))) => serde_json::Value::Null,
        Value::Map(members) if members.is_empty() => serde_json::json!({}),
        Value::List(items) if items.is_empty() => serde_json::json!([]),
        _ => return,
    };
    all.push(Setting { path: path.clone(), value, origin: node.at.clone(), effective: place.effective });
}

fn scalar(place: &Place<'_>, text: &str) -> serde_json::Value {
    if place.secret {
        return HIDDEN.into();
    }
    match place.shape {
        Shape::Boolean => boolean(text).map_or_else(|| text.into(), Into::into),
        Shape::Number => number(text).map_or_else(|_| text.into(), Into::into),
        _ => without_secrets(text).into(),
    }
}

/// The same as YAML, with a comment behind each value.
pub(super) fn yaml(settings: &[Setting]) -> String {
    let mut out = String::new();
    let mut open: &[Step] = &[];
    for setting in settings {
        let Some((last, parents)) = setting.path.split_last() else { continue };
        let common = open.iter().zip(parents).take_while(|(a, b)| a == b).count();
        for (depth, step) in parents.iter().enumerate().skip(common) {
            let _ = writeln!(out, "{}{}", "  ".repeat(depth), head(step));
        }
        open = parents;
        let (indent, value) = ("  ".repeat(parents.len()), plain(&setting.value));
        let comment = if setting.effective { "" } else { ", has no effect" };
        let _ = writeln!(out, "{indent}{} {value}  # {}{comment}", head(last), setting.origin);
    }
    out
}

fn head(step: &Step) -> String {
    match step {
        Step::Key(name) => format!("{}:", quoted(name)),
        Step::Index(_) => "-".to_owned(),
    }
}

fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

/// A text as it stands in YAML: bare where nobody could take it for something else.
fn quoted(text: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "/._-:+=".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
    let is_word = text.contains(|c: char| c.is_ascii_alphabetic()) && text.parse::<f64>().is_err();
    let is_other = boolean(text).is_some()
        || text.eq_ignore_ascii_case("null")
        || text.starts_with("0x")
        || text.starts_with("0o")
        || text.ends_with(':');
    if begins && is_word && !is_other && text.chars().all(bare) {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

impl Setting {
    /// `http.tls.clientcas.0`
    pub(crate) fn name(&self) -> String {
        let steps = self.path.iter().map(|step| match step {
            Step::Key(name) => name.clone(),
            Step::Index(index) => index.to_string(),
        });
        steps.collect::<Vec<_>>().join(".")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Document, Sources};

    fn document(text: &str, variables: &[(&str, &str)]) -> Document {
        let variables: BTreeMap<_, _> = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let sources =
            Sources { file: Some(("c.yml", text)), variables: &variables, address: None, root: None, home: None };
        Document::read(sources).expect("a document")
    }

    #[test]
    fn values_and_who_said_them() {
        let text = "version: 0.1\nstorage: {s3: {secretkey: abc, region: '1', bucket: b}}\nhttp: {addr: ':5000', adr: x}\n\
                    notifications:\n  endpoints:\n    - {name: e, url: 'https://u:p@h/x', headers: {Authorization: [Bearer x]}}\n";
        let shown = document(text, &[("REGISTRY_STORAGE_S3_SECURE", "no"), ("REGISTRY_LOG_FIELDS_A", "yes")]).yaml();
        expect_test::expect![[r#"
            version: "0.1"  # c.yml:1:10
            storage:
              s3:
                secretkey: "***"  # c.yml:2:27
                region: "1"  # c.yml:2:40
                bucket: b  # c.yml:2:53
                secure: false  # REGISTRY_STORAGE_S3_SECURE
                encrypt: false  # default
                skipverify: false  # default
                chunksize: 10485760  # default
                storageclass: STANDARD  # default
              delete:
                enabled: false  # default
              maintenance:
                readonly:
                  enabled: false  # default
                uploadpurging:
                  enabled: true  # default
                  age: 168h  # default
                  interval: 24h  # default
                  dryrun: false  # default
            http:
              addr: ":5000"  # c.yml:3:14
              relativeurls: false  # default
              http2:
                disabled: false  # default
              h2c:
                enabled: false  # default
            notifications:
              endpoints:
                -
                  name: e  # c.yml:6:14
                  url: "https://***@h/x"  # c.yml:6:22
                  headers:
                    Authorization:
                      - "***"  # c.yml:6:67
                  version: v1  # default
                  timeout: 1s  # default
                  threshold: 10  # default
                  backoff: 1s  # default
              events:
                includereferences: false  # default
              queue:
                maxbytes: 268435456  # default
            log:
              fields:
                a: "yes"  # REGISTRY_LOG_FIELDS_A
              level: info  # default
              formatter: text  # default
              accesslog:
                disabled: false  # default
            validation:
              disabled: false  # default
              manifests:
                indexes:
                  platforms: all  # default
            catalog:
              maxentries: 1000  # default
            tags:
              maxtags: 10000  # default
        "#]]
        .assert_eq(&shown);
    }

    #[test]
    fn what_is_shown_reads_as_the_same() {
        let text = "version: 0.1\nstorage: {inmemory: }\nlog: {fields: {a: '5', b: [x, ~, {c: ' d'}], '<<': 1, e: \"\\n\"}}\n\
                    http: {headers: {X-A: ['#', ': ', '- a', '']}}\n";
        let settings =
            |document: &Document| document.settings().into_iter().map(|s| (s.name(), s.value)).collect::<Vec<_>>();
        let first = document(text, &[]);
        let again = document(&first.yaml(), &[]);
        assert_eq!(settings(&again), settings(&first), "{}", first.yaml());
    }
}
