//! `reg config explain`: whether somebody may do something, and which rule says so.

use std::path::PathBuf;

use serde_json::json;

use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::cli::flags::Format;
use crate::cli::output::json as document_json;
use crate::cli::serve::{self, config_path};
use crate::server::auth::rules::{Action, Because, Decision};
use crate::server::auth::users_of;
use crate::server::config::{Auth, Config};
use crate::spec::Repository;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Configuration file; without, as for check and show
    #[arg(short, long, value_name = "CONFIG.yml")]
    config: Option<PathBuf>,
    /// Who asks; - is somebody who is not logged in
    user: String,
    /// pull, push or delete
    #[arg(value_parser = action)]
    action: Action,
    /// A repository without its registry, such as team/app
    repository: Repository,
}

fn action(text: &str) -> Result<Action, String> {
    Action::named(text).ok_or_else(|| "must be pull, push or delete".into())
}

/// The answer in words, and where it is written.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    allowed: bool,
    /// Number and place of the rule that allows it, and its pattern.
    rule: Option<(usize, String, String)>,
    reason: String,
}

impl Answer {
    fn new(allowed: bool, reason: impl Into<String>) -> Self {
        Self { allowed, rule: None, reason: reason.into() }
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let path = config_path(context, args.config.as_deref());
    let config = serve::read_config(context, path.as_deref())?.resolve()?;
    let user = (args.user != "-").then_some(args.user.as_str());
    let answer = answer(&config, user, args.action, &args.repository);
    for note in notes(&config, user, args.action) {
        context.output.note(note);
    }
    let (allowed, action, repository) = (answer.allowed, args.action.name(), &args.repository);
    if context.output.format() == Format::Json {
        let groups: Vec<&str> = match (&config.access, user) {
            (Some(rules), Some(user)) => rules.groups_of(user).collect(),
            _ => Vec::new(),
        };
        let rule = answer.rule.as_ref();
        let head = json!({
            "schema": "reg.config-explain/v1",
            "file": path.map(|path| path.display().to_string()),
            "user": user,
            "groups": groups,
            "action": action,
            "repository": repository.as_str(),
            "allowed": allowed,
            "rule": rule.map(|(number, ..)| number),
            "origin": rule.map(|(_, at, _)| at),
            "pattern": rule.map(|(.., pattern)| pattern),
            "reason": answer.reason,
            "errors": [],
        });
        context.output.data(document_json::value(&head)?.as_bytes())?;
    } else {
        let (who, may) = (user.unwrap_or("a stranger"), if allowed { "yes" } else { "no" });
        let verb = if allowed { "may" } else { "may not" };
        let text = format!("{may}: {who} {verb} {action} {repository}\n{}\n", answer.reason);
        context.output.text(&text)?;
    }
    if allowed { Ok(()) } else { Err(Failure::silent(Kind::AnsweredNo)) }
}

fn answer(config: &Config, user: Option<&str>, action: Action, repository: &Repository) -> Answer {
    let Some(rules) = &config.access else {
        return match (&config.auth, user) {
            (None, _) => {
                Answer::new(true, "there is no auth and there are no access rules: everybody may do everything")
            }
            (Some(Auth::Token(_)), _) => Answer::new(true, "there are no access rules: the token decides"),
            (Some(_), None) => Answer::new(false, "there are no access rules: only who is logged in is let in"),
            (Some(_), Some(_)) => Answer::new(true, "there are no access rules: who is logged in may do everything"),
        };
    };
    let who = user.unwrap_or("strangers");
    let many = |numbers: &[usize]| {
        let texts: Vec<String> = numbers
            .iter()
            .filter_map(|&number| Some(format!("{number} ({})", rules.rules.get(number.checked_sub(1)?)?.at)))
            .collect();
        (if texts.len() == 1 { "rule" } else { "rules" }, texts.join(", "), if texts.len() == 1 { "is" } else { "are" })
    };
    match rules.decide(user, action, repository) {
        Decision::Allowed { number, rule, because, pattern } => {
            let of = match because {
                Because::Everybody => "everybody (anonymous)".to_owned(),
                Because::EveryUser => "everybody who is logged in".to_owned(),
                Because::User => format!("the user {who}"),
                Because::Group(group) => format!("the group {group}"),
            };
            let mut reason = format!("rule {number} ({}) allows it: {pattern} for {of}", rule.at);
            if matches!(config.auth, Some(Auth::Token(_))) {
                reason.push_str("; the token must allow it, too");
            }
            Answer { allowed: true, rule: Some((number, rule.at.clone(), pattern.to_owned())), reason }
        }
        Decision::NoRepository => Answer::new(false, format!("no access rule is for {repository}")),
        Decision::NotForUser(numbers) => {
            let (rules, list, are) = many(&numbers);
            Answer::new(false, format!("{rules} {list} {are} for {repository}, not for {who}"))
        }
        Decision::NotForAction(numbers) => {
            let (rules, list, are) = many(&numbers);
            Answer::new(false, format!("{rules} {list} {are} for {repository} and {who}, not for {}", action.name()))
        }
    }
}

/// What the rules do not know.
fn notes(config: &Config, user: Option<&str>, action: Action) -> Vec<String> {
    let mut notes = Vec::new();
    if let (Some(Auth::Htpasswd { path, .. }), Some(user)) = (&config.auth, user)
        && let Ok(users) = users_of(path)
        && !users.iter().any(|other| other == user)
    {
        notes.push(format!(
            "note: there is no user {user:?} in {}: nobody can log in as that (who is not logged in is written -)",
            path.display()
        ));
    }
    if action != Action::Pull && config.options.read_only {
        notes.push("note: the registry takes no changes, whatever the rules say (storage.maintenance.readonly)".into());
    } else if action == Action::Delete && !config.options.delete_enabled {
        notes.push("note: deletes are switched off, whatever the rules say (storage.delete.enabled)".into());
    }
    notes
}
