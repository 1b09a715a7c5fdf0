//! What a configuration may hold: shapes of values, keys of sections, and what a key does here.
//!
//! Knows no key: those stand in `keys`.

use crate::spec::nearest::nearest;

/// What a value must look like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Text,
    Boolean,
    /// A whole number.
    Number,
    /// As Go writes it: `1h30m`.
    Duration,
    /// Whatever its writer likes.
    Any,
    List(&'static Shape),
    /// Names of the writer's choice.
    Map(&'static Shape),
    Section(&'static Section),
}

/// A mapping with known keys.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) keys: &'static [Known],
    pub(super) unknown: Unknown,
    /// A single word stands for a mapping with that key and nothing under it: `storage: inmemory`.
    pub(super) named: bool,
    /// What may stand in a variable in front of the keys: Go's name for a section that its file format does not show.
    pub(super) inlined: Option<&'static str>,
}

/// What a key means that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// Nothing, as in distribution.
    Ignored,
    /// A fault where it is much like one of these: to go on without what was meant would lose data or open a registry.
    FaultNear(&'static [&'static str]),
    /// A fault where it is much like any key of the section.
    FaultNearAny,
    /// A fault: every key stands for something to start with.
    Fault,
}

/// A key that distribution 2.8 or 3.x has.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: &'static str,
    /// How variables may call it beside its name: the name of Go's field.
    pub(super) go: Option<&'static str>,
    pub(super) shape: Shape,
    pub(super) effect: Effect,
    pub(super) default: Option<&'static str>,
    /// Not for other eyes.
    pub(super) secret: bool,
    /// A section that means something by being there; the others are there with their defaults.
    pub(super) optional: bool,
    /// A running server takes a change of it over. The value is part of [`Live`](super::Live).
    pub(super) live: bool,
}

/// What a key does here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// What it does there, or there is nothing to do.
    Works,
    /// What happens instead; follows the path in a warning.
    Ignored(&'static str),
}

pub(super) const fn key(name: &'static str, shape: Shape) -> Known {
    Known { name, go: None, shape, effect: Effect::Works, default: None, secret: false, optional: false, live: false }
}

pub(super) const fn text(name: &'static str) -> Known {
    key(name, Shape::Text)
}

pub(super) const fn boolean(name: &'static str) -> Known {
    key(name, Shape::Boolean)
}

pub(super) const fn number(name: &'static str) -> Known {
    key(name, Shape::Number)
}

pub(super) const fn duration(name: &'static str) -> Known {
    key(name, Shape::Duration)
}

pub(super) const fn texts(name: &'static str) -> Known {
    key(name, Shape::List(&Shape::Text))
}

pub(super) const fn section(name: &'static str, section: &'static Section) -> Known {
    key(name, Shape::Section(section))
}

impl Known {
    pub(super) const fn go(self, name: &'static str) -> Self {
        Self { go: Some(name), ..self }
    }

    pub(super) const fn ignored(self, what_happens: &'static str) -> Self {
        Self { effect: Effect::Ignored(what_happens), ..self }
    }

    pub(super) const fn default(self, value: &'static str) -> Self {
        Self { default: Some(value), ..self }
    }

    pub(super) const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    pub(super) const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    pub(super) const fn live(self) -> Self {
        Self { live: true, ..self }
    }
}

impl Section {
    pub(super) const fn of(keys: &'static [Known]) -> Self {
        Self { keys, unknown: Unknown::Ignored, named: false, inlined: None }
    }

    pub(super) const fn unknown(self, unknown: Unknown) -> Self {
        Self { unknown, ..self }
    }

    pub(super) const fn named(self) -> Self {
        Self { named: true, ..self }
    }

    pub(super) const fn inlined(self, go: &'static str) -> Self {
        Self { inlined: Some(go), ..self }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'static Known> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The key that the beginning of a variable's parts names, and how many parts that takes.
    pub(super) fn find(&self, parts: &[&str]) -> Option<(&'static Known, usize)> {
        let skip = match (self.inlined, parts) {
            (Some(go), [first, _, ..]) if go.eq_ignore_ascii_case(first) => 1,
            _ => 0,
        };
        // A few keys have a `_` themselves.
        (skip + 1..=parts.len().min(skip + 2)).find_map(|end| {
            let name = parts[skip..end].join("_");
            let is = |other: &str| other.eq_ignore_ascii_case(&name);
            self.keys.iter().find(|key| is(key.name) || key.go.is_some_and(is)).map(|key| (key, end))
        })
    }

    /// The key that was probably meant, and whether it is a fault that it was not written.
    pub(super) fn judge(&self, unknown: &str) -> (Option<&'static str>, bool) {
        let near = nearest(&unknown.to_ascii_lowercase(), self.keys.iter().map(|key| key.name));
        let fault = match self.unknown {
            Unknown::Ignored => false,
            Unknown::FaultNear(names) => near.is_some_and(|near| names.contains(&near)),
            Unknown::FaultNearAny => near.is_some(),
            Unknown::Fault => true,
        };
        (near, fault)
    }
}
