//! Scopes of the token protocol: what a token lets its bearer do (distribution, "Token Scope Documentation").
//!
//! `repository:team/app:pull,push registry:catalog:*`: several scopes, separated by spaces. Knows no token.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::name::Repository;

/// A text that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid scope {0:?}: expected TYPE:NAME:ACTION[,ACTION…]")]
pub(crate) struct ScopeError(String);

/// What an action is done to: `repository:team/app`, `registry:catalog`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Resource {
    /// `repository`, `registry`, or with a class, `repository(plugin)`.
    pub(crate) kind: String,
    /// May hold a colon: some registries put their host and port before the repository.
    pub(crate) name: String,
}

impl Resource {
    pub(crate) fn repository(name: &Repository) -> Self {
        Self { kind: "repository".into(), name: name.to_string() }
    }

    pub(crate) fn catalog() -> Self {
        Self { kind: "registry".into(), name: "catalog".into() }
    }
}

/// Actions by resource. Two scopes for one resource are one scope with the actions of both.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Scopes(BTreeMap<Resource, BTreeSet<String>>);

/// Every action.
const ALL: &str = "*";

impl Scopes {
    /// No scope at all: a token that only says who one is.
    pub(crate) const fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// `repository:<name>:<actions>`
    pub(crate) fn repository(name: &Repository, actions: &[&str]) -> Self {
        Self::none().with(Resource::repository(name), actions)
    }

    /// `registry:catalog:*`
    pub(crate) fn catalog() -> Self {
        Self::none().with(Resource::catalog(), &[ALL])
    }

    /// These, and `actions` on `resource`.
    pub(crate) fn with(mut self, resource: Resource, actions: &[&str]) -> Self {
        self.0.entry(resource).or_default().extend(actions.iter().map(|&action| action.to_owned()));
        self
    }

    /// These and those.
    pub(crate) fn union(mut self, other: &Self) -> Self {
        for (resource, actions) in &other.0 {
            self.0.entry(resource.clone()).or_default().extend(actions.iter().cloned());
        }
        self
    }

    /// Reads a list separated by spaces. What is no scope is skipped: one odd word must not cost the others.
    pub(crate) fn parse_lenient(text: &str) -> Self {
        text.split_ascii_whitespace()
            .filter_map(|word| word.parse::<Self>().ok())
            .fold(Self::none(), |all, one| all.union(&one))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The actions on every resource, resources in the order of their text.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Resource, &BTreeSet<String>)> {
        self.0.iter()
    }

    /// Whether `action` on `resource` is covered.
    pub(crate) fn allows(&self, resource: &Resource, action: &str) -> bool {
        self.0.get(resource).is_some_and(|actions| actions.contains(action) || actions.contains(ALL))
    }

    /// Whether whoever has these may do everything that `other` lists.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        other.iter().all(|(resource, actions)| actions.iter().all(|action| self.allows(resource, action)))
    }

    /// One text for each resource, as a token request repeats them.
    pub(crate) fn texts(&self) -> impl Iterator<Item = String> + '_ {
        self.iter().map(|(resource, actions)| {
            let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
            format!("{}:{}:{}", resource.kind, resource.name, actions.join(","))
        })
    }
}

impl FromStr for Scopes {
    type Err = ScopeError;

    /// Reads a list separated by spaces; the empty text is the empty list.
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let mut scopes = Self::none();
        for word in text.split_ascii_whitespace() {
            let invalid = || ScopeError(word.chars().take(160).collect());
            let (kind, rest) = word.split_once(':').ok_or_else(invalid)?;
            let (name, actions) = rest.rsplit_once(':').ok_or_else(invalid)?;
            let actions: Vec<&str> = actions.split(',').filter(|action| !action.is_empty()).collect();
            if kind.is_empty() || name.is_empty() || actions.is_empty() {
                return Err(invalid());
            }
            scopes = scopes.with(Resource { kind: kind.into(), name: name.into() }, &actions);
        }
        Ok(scopes)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, text) in self.texts().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            f.write_str(&text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scopes(text: &str) -> Scopes {
        text.parse().expect("scopes")
    }

    #[test]
    fn read_and_written_sorted_and_once() {
        for (text, printed) in [
            ("repository:a/b:push,pull,pull", "repository:a/b:pull,push"),
            ("repository:a:pull repository:a:push", "repository:a:pull,push"),
            ("registry:catalog:*", "registry:catalog:*"),
            ("repository:host:5000/a:pull", "repository:host:5000/a:pull"),
            ("repository(plugin):a/b:pull", "repository(plugin):a/b:pull"),
            ("repository:b:pull  repository:a:pull ", "repository:a:pull repository:b:pull"),
            ("", ""),
        ] {
            assert_eq!(scopes(text).to_string(), printed, "{text}");
        }
        for bad in ["repository", "repository:a", "repository:a:", ":a:pull", "repository::pull", "repository:a:,"] {
            assert!(bad.parse::<Scopes>().is_err(), "{bad}");
        }
        assert_eq!(Scopes::parse_lenient("aws repository:a:pull").to_string(), "repository:a:pull");
    }

    #[test]
    fn more_covers_less() {
        let both = scopes("repository:a:pull,push repository:b:pull");
        assert!(both.covers(&scopes("repository:a:pull")));
        assert!(both.covers(&scopes("repository:b:pull repository:a:push")));
        assert!(both.covers(&Scopes::none()));
        assert!(!both.covers(&scopes("repository:b:push")));
        assert!(!both.covers(&scopes("repository:c:pull")));
        assert!(!both.covers(&scopes("repository(plugin):a:pull")));
        assert!(scopes("repository:a:*").covers(&scopes("repository:a:delete")));
        assert!(!scopes("repository:a:delete").covers(&scopes("repository:a:*")));
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(text in "([a-z()]{1,9}:[a-z0-9:/]{1,12}:[a-z*]{1,5}(,[a-z*]{1,5}){0,2} ?){0,3}") {
            if let Ok(scopes) = text.parse::<Scopes>() {
                prop_assert_eq!(&scopes.to_string().parse::<Scopes>().expect("own text"), &scopes);
                prop_assert!(scopes.covers(&scopes));
            }
        }

        #[test]
        fn never_panics(text in "\\PC{0,80}") {
            let _ = text.parse::<Scopes>();
            let _ = Scopes::parse_lenient(&text);
        }
    }
}
