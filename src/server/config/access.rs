//! The `access` section: who may do what in which repositories. Ours; distribution ignores it.

use std::collections::{BTreeMap, BTreeSet};

use super::faults::Faults;
use super::section::{ConfigError, Section};
use super::{Auth, tree::Node};
use crate::server::auth::rules::{self, Action, Grant, Patterns, Rule, Rules, Subjects};

/// The rules, where the section is there; with it, what no rule allows is refused.
/// `auth`: `None` where nobody knows what it says.
pub(super) fn read(root: &Section<'_>, auth: Option<Option<&Auth>>, faults: &mut Faults) -> Option<Option<Rules>> {
    let access = faults.take(root.section("access"))?;
    let Some(list) = access.members().find(|(name, _)| *name == "rules").map(|(_, node)| node) else {
        // Groups alone, or a section whose rules lost their place, must not leave the door open.
        let is_there = root.members().any(|(name, _)| name == "access");
        if is_there {
            faults.add(access.missing("rules"));
        }
        return (!is_there).then_some(None);
    };
    if let Some(Some(Auth::Silly { .. })) = auth {
        let message = "needs callers that are who they say they are";
        faults.add(access.error("rules", list.at.clone(), message).with_hint("replace auth.silly by auth.htpasswd"));
    }
    let groups = faults.take(groups(&access))?;
    let sections = faults.take(access.sections("rules"))?;
    let rules = faults.take_all(sections.iter().map(|section| rule(section, &groups, auth)));
    Some(Some(Rules { groups, rules }))
}

fn groups(access: &Section<'_>) -> Result<BTreeMap<String, BTreeSet<String>>, ConfigError> {
    let groups = access.section("groups")?;
    let one = |(name, _): (&str, &Node)| Ok((name.to_owned(), groups.list(name, user)?.into_iter().collect()));
    groups.members().map(one).collect()
}

fn rule(
    section: &Section<'_>,
    groups: &BTreeMap<String, BTreeSet<String>>,
    auth: Option<Option<&Auth>>,
) -> Result<Rule, ConfigError> {
    let pattern = |text: &str| rules::check_pattern(text).map(|()| text.to_owned()).map_err(|error| error.to_string());
    let patterns = filled(section, "repositories", section.list("repositories", pattern)?)?;
    let patterns = Patterns::new(patterns).map_err(|error| section.fault("repositories", error.to_string()))?;
    let actions = filled(section, "actions", section.list("actions", action)?)?;
    let named = |text: &str| if text == rules::ALL { Ok(text.to_owned()) } else { user(text) };
    let mut users: BTreeSet<String> = section.list("users", named)?.into_iter().collect();
    let group = |text: &str| match groups.contains_key(text) {
        true => Ok(text.to_owned()),
        false => Err("is none of access.groups".to_owned()),
    };
    let subjects = Subjects {
        anonymous: section.boolean("anonymous")?.unwrap_or_default(),
        every_user: users.remove(rules::ALL),
        groups: section.list("groups", group)?.into_iter().collect(),
        users,
    };
    if subjects == Subjects::default() {
        let hint = "say for whom it is with users, groups or anonymous: true; users: [\"*\"] are all who are logged in";
        return Err(section.missing("users").with_hint(hint));
    }
    if matches!(auth, Some(None)) && subjects != (Subjects { anonymous: true, ..Subjects::default() }) {
        let message = "names users, and nobody can be one: there is no auth";
        return Err(section.fault("users", message).with_hint("add auth.htpasswd, or write anonymous: true instead"));
    }
    let grant = Grant::new(patterns, actions.into_iter().flatten());
    Ok(Rule { subjects, grant, at: section.origin().to_string() })
}

/// A list that must say something.
fn filled<T>(section: &Section<'_>, name: &str, list: Vec<T>) -> Result<Vec<T>, ConfigError> {
    if list.is_empty() { Err(section.missing(name)) } else { Ok(list) }
}

fn action(text: &str) -> Result<Vec<Action>, String> {
    if text == rules::ALL {
        return Ok(Action::ALL.to_vec());
    }
    Action::named(text).map(|action| vec![action]).ok_or_else(|| "must be pull, push, delete or *".into())
}

/// A name that somebody can log in with.
fn user(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty() && !text.contains(['*', ':']) && !text.chars().any(char::is_control);
    if is_name { Ok(text.to_owned()) } else { Err("is no name of a user (only * alone stands for all)".into()) }
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
