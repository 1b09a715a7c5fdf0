//! Sections as people write them, and those that would allow something else than they say.

use std::collections::BTreeMap;

use super::super::{Document, Sources};
use super::*;
use crate::spec::Repository;

const HTPASSWD: &str = "auth: {htpasswd: {realm: r, path: p}}";

fn access(auth: &str, text: &str) -> Result<Option<Rules>, String> {
    let text = format!("version: 0.1\nhttp: {{addr: ':0'}}\nstorage: inmemory\n{auth}\n{text}\n");
    let variables = BTreeMap::new();
    let sources = Sources { file: Some(("f", &text)), variables: &variables, address: None, root: None, home: None };
    let document = Document::read(sources).map_err(|fault| fault.to_string())?;
    document.resolve().map(|config| config.access).map_err(|fault| fault.to_string())
}

#[test]
fn sections_as_people_write_them() {
    assert_eq!(access(HTPASSWD, ""), Ok(None));
    let text = "access:\n  groups: {dev: [bob, 7]}\n  rules:\n  - {repositories: ['team/**'], groups: [dev], actions: [push]}\n  \
                - {repositories: [a], users: ['*', carol], anonymous: no, actions: ['*']}\n  -\n";
    let rules = access(HTPASSWD, text).expect("valid").expect("rules");
    let team: Repository = "team/app".parse().expect("a name");
    assert!(rules.allows(Some("7"), Action::Pull, &team) && !rules.allows(Some("carol"), Action::Pull, &team));
    assert_eq!(rules.rules[0].at, "f:8:5");
    assert!(rules.rules[1].subjects.every_user && !rules.rules[1].subjects.anonymous);
    assert!(rules.allows(Some("dave"), Action::Delete, &"a".parse().expect("a name")));
    for empty in ["access: {rules: []}", "access: {rules: }"] {
        assert_eq!(access(HTPASSWD, empty), Ok(Some(Rules::default())), "{empty}: nobody may do anything");
    }
    let strangers = "access: {rules: [{repositories: ['**'], anonymous: true, actions: [pull]}]}";
    assert!(access("", strangers).expect("valid").expect("rules").admit_strangers());
}

#[test]
fn what_would_allow_something_else_is_a_fault() {
    let rule = |rule: &str| format!("access: {{groups: {{dev: [a]}}, rules: [{{{rule}}}]}}");
    let all = "repositories: ['**'], actions: [pull], ";
    for (text, fault) in [
        ("access:".into(), "f:5:7: access.rules: is missing"),
        ("access: {}".into(), "f:5:9: access.rules: is missing"),
        ("access: {groups: {dev: [a]}}".into(), "f:5:9: access.rules: is missing"),
        ("acces: {rules: []}".into(), "f:5:1: acces: is not known"),
        ("access: {rule: []}".into(), "f:5:10: access.rule: is not known"),
        (rule(&format!("{all} users: [a], deny: true")), "f:5:91: access.rules.deny: is not known"),
        (rule(all), "f:5:38: access.rules.users: is missing"),
        (rule(&format!("{all} anonymous: false")), "f:5:38: access.rules.users: is missing"),
        (rule("users: [a], actions: [pull]"), "f:5:38: access.rules.repositories: is missing"),
        (rule("repositories: [a], users: [a]"), "f:5:38: access.rules.actions: is missing"),
        (
            rule("repositories: [a], users: [a], actions: [write]"),
            "f:5:80: access.rules.actions: must be pull, push, delete or *, not \"write\"",
        ),
        (rule(&format!("{all} groups: [ops]")), "f:5:88: access.rules.groups: is none of access.groups, not \"ops\""),
        (
            rule(&format!("{all} users: [a*]")),
            "f:5:87: access.rules.users: is no name of a user (only * alone stands for all), not \"a*\"",
        ),
        (
            rule("repositories: [Team], users: [a], actions: [pull]"),
            "f:5:54: access.rules.repositories: is no pattern of repositories: they are written in lower case, such as \
             team/app or team/**, not \"Team\"",
        ),
    ] {
        assert_eq!(access(HTPASSWD, &text), Err(fault.to_owned()), "{text}");
    }
    let all = "access: {rules: [{repositories: ['**'], users: ['*'], actions: [pull]}]}";
    let fault = "f:5:48: access.rules.users: names users, and nobody can be one: there is no auth";
    assert_eq!(access("", all), Err(fault.to_owned()));
    let fault = "f:5:17: access.rules: needs callers that are who they say they are";
    assert_eq!(access("auth: {silly: {realm: r, service: s}}", all), Err(fault.to_owned()));
}
