//! What the manual says of every key: the schema and the words about it, put together.

use super::keys;
use super::schema::{Effect, Known, Section, Shape};
use super::words::{GROUPS, Group, Since, Words};

/// The keys of one section.
#[derive(Debug)]
pub(crate) struct Chapter {
    /// Path of the section; empty at the top, `[]` for any item of a list.
    pub(crate) path: &'static str,
    pub(crate) says: &'static str,
    pub(crate) entries: Vec<Entry>,
}

/// A key.
#[derive(Debug)]
pub(crate) struct Entry {
    /// From the top: `http.tls.key`.
    pub(crate) path: String,
    /// `list of texts`; empty for a section.
    pub(crate) shape: String,
    pub(crate) default: Option<&'static str>,
    pub(crate) says: &'static str,
    pub(crate) since: Since,
    /// What happens instead of what is expected.
    pub(crate) ignored: Option<&'static str>,
    /// Keys below one that has no effect.
    pub(crate) below: Vec<&'static str>,
    pub(crate) secret: bool,
}

/// Every key of the configuration, in the manual's order.
pub(crate) fn chapters() -> Vec<Chapter> {
    let chapter = |group: &Group| {
        let entry = |words: &Words| {
            let path = super::check::below(group.path, words.name);
            let known = find(&path)?;
            let ignored = match known.effect {
                Effect::Ignored(why) => Some(why),
                Effect::Works => None,
            };
            let below = match (&ignored, &known.shape) {
                (Some(_), Shape::Section(section)) => section.keys.iter().map(|key| key.name).collect(),
                _ => Vec::new(),
            };
            let (shape, default, secret) = (shape(&known.shape), known.default, known.secret);
            Some(Entry { path, shape, default, says: words.says, since: words.since, ignored, below, secret })
        };
        Chapter { path: group.path, says: group.says, entries: group.keys.iter().filter_map(entry).collect() }
    };
    GROUPS.iter().map(chapter).collect()
}

/// The key at a path.
fn find(path: &str) -> Option<&'static Known> {
    let (mut section, mut found) = (Some(&keys::ROOT), None);
    for name in path.split('.') {
        let known = section?.get(name.trim_end_matches("[]"))?;
        section = inside(&known.shape);
        found = Some(known);
    }
    found
}

/// The section that a key is, or has in its list.
fn inside(shape: &'static Shape) -> Option<&'static Section> {
    match shape {
        Shape::Section(section) | Shape::List(Shape::Section(section)) => Some(section),
        _ => None,
    }
}

fn shape(shape: &Shape) -> String {
    match shape {
        Shape::Text => "text".into(),
        Shape::Boolean => "true or false".into(),
        Shape::Number => "number".into(),
        Shape::Duration => "duration".into(),
        Shape::Any | Shape::Section(_) => String::new(),
        Shape::List(Shape::Text) => "list of texts".into(),
        Shape::List(_) => "list".into(),
        Shape::Map(Shape::List(_)) => "lists by name".into(),
        Shape::Map(_) => "values by name".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::check::below;
    use super::*;

    /// Sections that are another name of one that has the lines.
    const SAME: &[&str] = &["storage.s3aws"];

    /// Paths of all keys that need a line: what has an effect or says why it has none, but nothing below the latter.
    fn needed(section: &Section, path: &str, into: &mut BTreeSet<String>) {
        for known in section.keys {
            let path = below(path, known.name);
            let is_silent = known.effect == Effect::Works;
            match known.shape {
                _ if SAME.contains(&path.as_str()) => {}
                Shape::Section(inner) if is_silent && !inner.keys.is_empty() => needed(inner, &path, into),
                Shape::List(Shape::Section(inner)) if is_silent => needed(inner, &format!("{path}[]"), into),
                _ => {
                    into.insert(path);
                }
            }
        }
    }

    #[test]
    fn every_key_has_a_line_in_the_manual() {
        let mut needed_paths = BTreeSet::new();
        needed(&keys::ROOT, "", &mut needed_paths);
        let mut there = BTreeSet::new();
        for group in GROUPS {
            assert!(
                group.path.is_empty() || find(group.path).is_some(),
                "words.rs: there is no section {}",
                group.path
            );
            for words in group.keys {
                let path = below(group.path, words.name);
                let known = find(&path).unwrap_or_else(|| panic!("words.rs: there is no key {path}"));
                let is_silent = known.effect == Effect::Works;
                assert!(!is_silent || !words.says.is_empty(), "words.rs: say what {path} is for");
                assert!(there.insert(path.clone()), "words.rs: {path} stands there twice");
            }
        }
        let missing: Vec<_> = needed_paths.difference(&there).collect();
        assert!(missing.is_empty(), "words.rs has no line for {missing:#?}");
    }

    /// A value that a key may have and that asks for something.
    fn any(shape: &Shape) -> String {
        match shape {
            Shape::Text | Shape::Any => "x".into(),
            Shape::Boolean => "true".into(),
            Shape::Number => "5".into(),
            Shape::Duration => "5s".into(),
            Shape::List(inner) => format!("[{}]", any(inner)),
            Shape::Map(inner) => format!("{{x: {}}}", any(inner)),
            // What is disabled asks for nothing.
            Shape::Section(section) => match section.keys.iter().find(|key| key.name != "disabled") {
                Some(known) => format!("{{{}: {}}}", known.name, any(&known.shape)),
                None => "{}".into(),
            },
        }
    }

    /// What is said of a file with one key.
    fn said_of(path: &str, value: &str) -> Vec<String> {
        let open = path.split('.').map(|name| match name.strip_suffix("[]") {
            Some(name) => format!("{{{name}: ["),
            None => format!("{{{name}: "),
        });
        let close = path.rsplit('.').map(|name| if name.ends_with("[]") { "]}" } else { "}" });
        let text = format!("{}{value}{}", open.collect::<String>(), close.collect::<String>());
        let tree = super::super::yaml::parse(&"f".into(), &text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let mut faults = super::super::Faults::default();
        let warnings = super::super::check::check(&tree, &mut faults);
        assert_eq!(faults.len(), 0, "{text}: {faults}");
        warnings.into_iter().map(|warning| warning.path).collect()
    }

    /// Whoever writes a key without effect hears of it; whoever writes one that is not needed, or works, does not.
    #[test]
    fn every_key_is_warned_of_or_not() {
        let chapters = chapters();
        let all = || chapters.iter().flat_map(|chapter| &chapter.entries);
        let is_below_idle =
            |path: &str| all().any(|idle| idle.ignored.is_some() && path.starts_with(&format!("{}.", idle.path)));
        for entry in all().filter(|entry| !is_below_idle(&entry.path)) {
            let known = find(&entry.path).expect("it has an entry");
            let expected = Vec::from_iter(entry.ignored.map(|_| entry.path.clone()));
            assert_eq!(said_of(&entry.path, &any(&known.shape)), expected, "{}", entry.path);
        }
    }

    #[test]
    fn an_entry_is_made_of_both_tables() {
        let chapters = chapters();
        let entry = |path: &str| {
            let entries = chapters.iter().flat_map(|chapter| &chapter.entries);
            entries.into_iter().find(|entry| entry.path == path).unwrap_or_else(|| panic!("no {path}"))
        };
        let age = entry("storage.maintenance.uploadpurging.age");
        assert_eq!((&*age.shape, age.default, age.since, age.ignored), ("duration", Some("168h"), Since::Both, None));
        let key = entry("storage.s3.secretkey");
        assert!(key.secret && key.says == "The secret of accesskey.", "{key:?}");
        let compatibility = entry("compatibility.schema1");
        assert_eq!((&*compatibility.below, &*compatibility.shape), (&["signingkeyfile", "enabled"][..], ""));
        assert!(compatibility.ignored.is_some_and(|why| why.starts_with("has no effect")), "{compatibility:?}");
    }
}
