//! Access rules: who may do what in which repositories.
//!
//! A rule only ever allows. What no rule allows is refused, so that neither the order of the rules nor a longer pattern
//! changes what one of them means: to see whether somebody may do something, look for one rule that says so.
//!
//! Values and decisions; knows no request, no file and no password.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use globset::{GlobBuilder, GlobSet};
use thiserror::Error;

use crate::spec::{Repository, Resource, Scopes};

/// Longest pattern, in bytes: as long as a name may be.
const PATTERN_BYTES_MAX: usize = 255;

/// Stands for every user in a list of users, and for every action in a list of actions.
pub(crate) const ALL: &str = "*";

/// What can be done to a repository. Whoever may push may pull: a push asks what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    Pull,
    Push,
    Delete,
}

impl Action {
    pub(crate) const ALL: [Self; 3] = [Self::Pull, Self::Push, Self::Delete];

    /// As scopes and the configuration call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// A text that can be no pattern of repositories.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum PatternError {
    #[error("is no pattern of repositories: they are written in lower case, such as team/app or team/**")]
    Name,
    #[error("is no pattern of repositories: ** stands alone between slashes")]
    Stars,
    #[error("is no pattern of repositories: {0}")]
    Syntax(String),
}

/// Patterns of repository names. `*` and `?` stay between slashes; `**` crosses them.
#[derive(Clone)]
pub(crate) struct Patterns {
    texts: Vec<String>,
    set: GlobSet,
}

/// Checks one pattern. There are no classes (`[a-z]`): one of characters that are not in it would cross slashes.
///
/// # Errors
/// What is wrong with it; the text itself is not repeated.
pub(crate) fn check_pattern(text: &str) -> Result<(), PatternError> {
    let is_known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/*?{},".contains(c);
    if text.is_empty() || text.len() > PATTERN_BYTES_MAX || !text.chars().all(is_known) {
        return Err(PatternError::Name);
    }
    if text.split('/').any(str::is_empty) {
        return Err(PatternError::Name);
    }
    if text.split('/').any(|part| part != "**" && part.contains("**")) {
        return Err(PatternError::Stars);
    }
    compile(text).map(|_| ())
}

fn compile(text: &str) -> Result<globset::Glob, PatternError> {
    let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(false).build();
    glob.map_err(|error| PatternError::Syntax(error.kind().to_string()))
}

impl Patterns {
    /// # Errors
    /// The first text that is no pattern.
    pub(crate) fn new(texts: Vec<String>) -> Result<Self, PatternError> {
        let mut set = GlobSet::builder();
        for text in &texts {
            check_pattern(text)?;
            set.add(compile(text)?);
        }
        let set = set.build().map_err(|error| PatternError::Syntax(error.kind().to_string()))?;
        Ok(Self { texts, set })
    }

    fn is_match(&self, repository: &Repository) -> bool {
        self.set.is_match(repository.as_str())
    }

    /// The first pattern that fits.
    fn first(&self, repository: &Repository) -> Option<&str> {
        self.set.matches(repository.as_str()).first().map(|&at| self.texts[at].as_str())
    }
}

impl PartialEq for Patterns {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

impl Eq for Patterns {}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.texts.fmt(f)
    }
}

/// Actions in repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    repositories: Patterns,
    actions: BTreeSet<Action>,
}

impl Grant {
    pub(crate) fn new(repositories: Patterns, actions: impl IntoIterator<Item = Action>) -> Self {
        let mut actions: BTreeSet<Action> = actions.into_iter().collect();
        if actions.contains(&Action::Push) {
            actions.insert(Action::Pull);
        }
        Self { repositories, actions }
    }

    pub(crate) fn allows(&self, action: Action, repository: &Repository) -> bool {
        self.actions.contains(&action) && self.repositories.is_match(repository)
    }
}

/// For whom a rule is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subjects {
    /// Everybody, logged in or not: who logs in must not lose what strangers have.
    pub(crate) anonymous: bool,
    /// Everybody who is logged in.
    pub(crate) every_user: bool,
    pub(crate) users: BTreeSet<String>,
    pub(crate) groups: BTreeSet<String>,
}

/// What makes a rule somebody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Because<'a> {
    Everybody,
    EveryUser,
    User,
    Group(&'a str),
}

/// One rule: some subjects may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) subjects: Subjects,
    pub(crate) grant: Grant,
    /// Where it is written, for people.
    pub(crate) at: String,
}

/// All rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Users by group.
    pub(crate) groups: BTreeMap<String, BTreeSet<String>>,
    pub(crate) rules: Vec<Rule>,
}

/// Whether somebody may do something, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision<'a> {
    /// `number` counts from 1.
    Allowed { number: usize, rule: &'a Rule, because: Because<'a>, pattern: &'a str },
    /// No rule is for the repository.
    NoRepository,
    /// These rules are for the repository, and not for the user.
    NotForUser(Vec<usize>),
    /// These rules are for the repository and the user, and not for the action.
    NotForAction(Vec<usize>),
}

impl Rules {
    /// Whether `user`, or somebody unknown, may do `action` in `repository`, and what decides that.
    pub(crate) fn decide(&self, user: Option<&str>, action: Action, repository: &Repository) -> Decision<'_> {
        let (mut of_repository, mut of_user) = (Vec::new(), Vec::new());
        for (number, rule) in (1..).zip(&self.rules) {
            let Some(pattern) = rule.grant.repositories.first(repository) else { continue };
            of_repository.push(number);
            let Some(because) = self.because(rule, user) else { continue };
            of_user.push(number);
            if rule.grant.actions.contains(&action) {
                return Decision::Allowed { number, rule, because, pattern };
            }
        }
        if of_repository.is_empty() {
            Decision::NoRepository
        } else if of_user.is_empty() {
            Decision::NotForUser(of_repository)
        } else {
            Decision::NotForAction(of_user)
        }
    }

    /// The answer of [`Self::decide`] alone.
    pub(crate) fn allows(&self, user: Option<&str>, action: Action, repository: &Repository) -> bool {
        let says_so = |rule: &Rule| rule.grant.allows(action, repository) && self.because(rule, user).is_some();
        self.rules.iter().any(says_so)
    }

    /// Whether somebody unknown may do anything at all.
    pub(crate) fn admit_strangers(&self) -> bool {
        self.rules.iter().any(|rule| rule.subjects.anonymous)
    }

    /// The groups that a user is in.
    pub(crate) fn groups_of(&self, user: &str) -> impl Iterator<Item = &str> {
        self.groups.iter().filter(move |(_, users)| users.contains(user)).map(|(group, _)| group.as_str())
    }

    fn because<'a>(&self, rule: &'a Rule, user: Option<&str>) -> Option<Because<'a>> {
        let subjects = &rule.subjects;
        if subjects.anonymous {
            return Some(Because::Everybody);
        }
        let user = user?;
        if subjects.users.contains(user) {
            return Some(Because::User);
        }
        let is_in = |group: &&String| self.groups.get(*group).is_some_and(|users| users.contains(user));
        if let Some(group) = subjects.groups.iter().find(is_in) {
            return Some(Because::Group(group));
        }
        subjects.every_user.then_some(Because::EveryUser)
    }
}

/// Whether everything that `scopes` lists is allowed: actions in repositories by `allows`, the catalog where `lists`. What
/// is neither is refused.
pub(super) fn cover(scopes: &Scopes, lists: bool, allows: impl Fn(Action, &Repository) -> bool) -> bool {
    scopes.iter().all(|(resource, actions)| {
        if *resource == Resource::catalog() {
            return lists;
        }
        let Some(repository) = repository(resource) else { return false };
        actions.iter().all(|name| match Action::named(name) {
            Some(action) => allows(action, &repository),
            None => name == ALL && Action::ALL.into_iter().all(|action| allows(action, &repository)),
        })
    })
}

/// The repository that a resource is, if it is one.
pub(super) fn repository(resource: &Resource) -> Option<Repository> {
    (resource.kind == "repository").then(|| resource.name.parse().ok()).flatten()
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
