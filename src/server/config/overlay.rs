//! `REGISTRY_*`: variables over the tree of a file.
//!
//! A superset of distribution's rules. As there: the rest of the name is split at `_`, values are YAML, parents are set
//! before their children, a list is appended to by the index behind its last, unknown variables are warned about. Beyond
//! it: keys by their YAML names as well as by those of Go's fields, every list by index, every map by whatever spelling
//! the file has, `_10` behind `_2`, and no part of the file is dropped for its type.
//!
//! Knows no process: variables are pairs of name and value, and their order does not matter.

use std::sync::Arc;

use super::check::{Warning, What, below};
use super::faults::Faults;
use super::keys;
use super::schema::{Section, Shape};
use super::section::ConfigError;
use super::tree::{Key, Node, Origin, Value};
use super::yaml;

const PREFIX: &str = "REGISTRY_";

/// Variables of other programs: what podman calls its credentials, what names the file itself.
const OTHERS: [&str; 2] = ["AUTH_FILE", "CONFIGURATION_PATH"];

/// A way down the tree. In their order, parents come before children and numbers in theirs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Index(usize),
    /// An index where there is a list, else a name.
    Number(usize),
    /// A key of a section, as it is spelt.
    Key(&'static str),
    /// A key of a map, in lower case; it stands for every spelling.
    Name(String),
}

/// A variable and its place.
struct Assignment<'a> {
    steps: Vec<Step>,
    shape: &'static Shape,
    secret: bool,
    name: &'a str,
    value: &'a str,
}

/// Lays variables over a tree. Those that are not for the configuration are left alone.
/// Faults are values that are no YAML, two variables for one place, an index behind the end of a list, and names that
/// must not be ignored.
pub(super) fn apply<'a>(
    document: &mut Node,
    variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    faults: &mut Faults,
) -> Vec<Warning> {
    let mut ours: Vec<(&str, &str)> = variables.into_iter().filter(|(name, value)| is_ours(name, value)).collect();
    ours.sort_unstable();
    let (mut assignments, mut warnings) = (Vec::new(), Vec::new());
    for (name, value) in ours {
        match faults.take(resolve(name, value)) {
            Some(Ok(assignment)) => assignments.push(assignment),
            Some(Err(warning)) => warnings.push(warning),
            None => {}
        }
    }
    assignments.sort_by(|a, b| a.steps.cmp(&b.steps));
    let clash = |pair: &&[Assignment<'_>]| pair[0].steps == pair[1].steps && pair[0].value != pair[1].value;
    for pair in assignments.windows(2).filter(clash) {
        let message = format!("{} sets the same to another value", pair[0].name);
        faults.add(ConfigError::at(origin(pair[1].name), "", message).with_hint("unset one of them"));
    }
    for assignment in assignments {
        let at = origin(assignment.name);
        let put = parse(&assignment, &at).and_then(|node| set(document, &assignment.steps, node, &at));
        faults.take(put);
    }
    warnings
}

fn is_ours(name: &str, value: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else { return false };
    !OTHERS.contains(&rest) && !is_service(&rest.split('_').collect::<Vec<_>>(), value)
}

/// What Kubernetes and docker's links set for a service whose name begins with `registry`: `…_SERVICE_HOST`,
/// `…_PORT=tcp://…`, `…_PORT_5000_TCP_ADDR`.
fn is_service(parts: &[&str], value: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let pair = |pair: &[&str]| match pair {
        ["SERVICE", "HOST" | "PORT"] => true,
        ["PORT", number] => digits(number),
        _ => false,
    };
    parts.windows(2).any(pair) || parts.last() == Some(&"PORT") && value.contains("://")
}

fn origin(name: &str) -> Origin {
    Origin::Variable(name.into())
}

/// Where a variable belongs, by the schema alone.
fn resolve<'a>(name: &'a str, value: &'a str) -> Result<Result<Assignment<'a>, Warning>, ConfigError> {
    let unknown = |nearest| Ok(Err(Warning { at: origin(name), path: String::new(), what: What::Unknown { nearest } }));
    let parts: Vec<&str> = name[PREFIX.len()..].split('_').collect();
    if parts == ["VERSION"] {
        let what = What::Ignored("has no effect: the version is that of the file");
        return Ok(Err(Warning { at: origin(name), path: String::new(), what }));
    }
    let (mut shape, mut secret, mut at) = (&Shape::Section(&keys::ROOT), false, 0);
    let (mut steps, mut path) = (Vec::new(), String::new());
    while at < parts.len() {
        let part = parts[at];
        match shape {
            Shape::Section(section) => {
                let Some((known, used)) = section.find(&parts[at..]) else {
                    let (nearest, fault) = section.judge(part);
                    if fault {
                        let path = below(&path, &part.to_ascii_lowercase());
                        return Err(ConfigError::unknown(origin(name), &path, section, nearest));
                    }
                    return unknown(nearest.map(|near| suggestion(&parts, at, near)));
                };
                path = below(&path, known.name);
                steps.push(Step::Key(known.name));
                shape = &known.shape;
                secret |= known.secret;
                at += used;
                continue;
            }
            Shape::Map(inner) => {
                steps.push(Step::Name(part.to_ascii_lowercase()));
                shape = inner;
            }
            Shape::List(inner) => {
                let Ok(index) = part.parse() else { return unknown(None) };
                steps.push(Step::Index(index));
                shape = inner;
            }
            Shape::Any => steps.push(match part.parse() {
                Ok(number) => Step::Number(number),
                Err(_) => Step::Name(part.to_ascii_lowercase()),
            }),
            Shape::Text | Shape::Boolean | Shape::Number | Shape::Duration => return unknown(None),
        }
        path = below(&path, &part.to_ascii_lowercase());
        at += 1;
    }
    Ok(Ok(Assignment { steps, shape, secret, name, value }))
}

/// The variable with another part.
fn suggestion(parts: &[&str], at: usize, near: &str) -> String {
    let mut parts: Vec<String> = parts.iter().map(|&part| part.to_owned()).collect();
    parts[at] = near.to_ascii_uppercase();
    format!("{PREFIX}{}", parts.join("_"))
}

/// The value as a tree.
fn parse(assignment: &Assignment<'_>, at: &Origin) -> Result<Node, ConfigError> {
    let parsed = yaml::parse(&Arc::from(assignment.name), assignment.value);
    let scalar = |text: &str| Node::new(at.clone(), Value::Scalar(text.to_owned()));
    // A password may begin with anything.
    let literal = assignment.secret && matches!(assignment.shape, Shape::Text);
    match parsed {
        Ok(Node { value: Value::List(_) | Value::Map(_), .. }) | Err(_) if literal => Ok(scalar(assignment.value)),
        Ok(node) => {
            let mut node = node.said_by(at);
            if let Shape::Section(section) = assignment.shape {
                expand_name(section, &mut node);
            }
            Ok(node)
        }
        Err(fault) => Err(ConfigError::at(at.clone(), "", format!("the value is no YAML: {fault}"))
            .with_hint("put a value with special characters between quotes")),
    }
}

/// Says what a flag of the command line says.
///
/// # Errors
/// Something stands in the way.
pub(super) fn flag(
    document: &mut Node,
    name: &'static str,
    path: &[&'static str],
    value: String,
) -> Result<(), ConfigError> {
    let at = Origin::Flag(name);
    let steps: Vec<Step> = path.iter().map(|name| Step::Key(name)).collect();
    set(document, &steps, Node::new(at.clone(), Value::Scalar(value)), &at)
}

/// Puts a value in its place, and makes the places on the way there.
fn set(document: &mut Node, steps: &[Step], value: Node, at: &Origin) -> Result<(), ConfigError> {
    let (mut place, mut path) = (document, String::new());
    for step in steps {
        if place.value == Value::Null {
            place.value = if let Step::Index(_) = step { Value::List(Vec::new()) } else { Value::Map(Vec::new()) };
        }
        let found = format!("{} is {} there, and nothing can be below it", place.at, place.kind());
        let (name, next) = match (step, &mut place.value) {
            (Step::Index(index) | Step::Number(index), Value::List(items)) => {
                if *index > items.len() {
                    let message = format!("there is no element {index}: the next one is {}", items.len());
                    return Err(ConfigError::at(at.clone(), &path, message));
                }
                if *index == items.len() {
                    items.push(Node::null(at.clone()));
                }
                (index.to_string(), &mut items[*index])
            }
            (Step::Key(name), Value::Map(members)) => {
                ((*name).to_owned(), member(members, name, |known| known == *name, at))
            }
            (Step::Number(number), Value::Map(members)) => {
                let name = number.to_string();
                let next = member(members, &name, |known| known == name, at);
                (name, next)
            }
            (Step::Name(name), Value::Map(members)) => {
                (name.clone(), member(members, name, |known| known.eq_ignore_ascii_case(name), at))
            }
            _ => return Err(ConfigError::at(at.clone(), &path, found)),
        };
        path = below(&path, &name);
        place = next;
    }
    *place = value;
    Ok(())
}

/// The value of a member, which keeps the spelling that it has.
fn member<'a>(members: &'a mut Vec<(Key, Node)>, name: &str, is: impl Fn(&str) -> bool, at: &Origin) -> &'a mut Node {
    let index = members.iter().position(|(key, _)| is(&key.name)).unwrap_or_else(|| {
        members.push((Key { at: at.clone(), name: name.to_owned() }, Node::null(at.clone())));
        members.len() - 1
    });
    &mut members[index].1
}

/// Makes a mapping of the single word that stands for one.
pub(super) fn expand_name(section: &Section, node: &mut Node) {
    let at = node.at.clone();
    match &mut node.value {
        Value::Scalar(name) if section.named => {
            let key = Key { at: at.clone(), name: std::mem::take(name) };
            node.value = Value::Map(vec![(key, Node::null(at))]);
        }
        Value::Map(members) => {
            for (key, child) in members {
                if let Some(Shape::Section(section)) = section.get(&key.name).map(|known| known.shape) {
                    expand_name(section, child);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
#[path = "overlay_tests.rs"]
mod tests;
