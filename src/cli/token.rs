//! `reg token`: API tokens of a registry's users, in the file that `tokens.file` names.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;

use super::context::Context;
use super::failure::{Failure, Kind};
use super::flags::{Format, duration};
use super::output::Document;
use super::output::json as document_json;
use super::output::table::{Cell, Column, Row};
use crate::server::auth::{ApiToken, Draft, TokenFile, TokenFileError, check_scope, is_token_name};

/// Manage API tokens, as tokens.file of reg serve names them
///
/// An API token stands for a user of auth.htpasswd, for some repositories and actions, until some day. It is shown instead of
/// their password, beside their name (docker login -u OWNER), or as a bearer token. The file holds hashes; a server follows it without a restart.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a token and write it to standard output, once
    Create(CreateArgs),
    /// List the tokens, without what is secret
    List(FileArgs),
    /// Take tokens away, by their ids
    Revoke(RevokeArgs),
}

#[derive(Debug, clap::Args)]
struct FileArgs {
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
struct CreateArgs {
    /// One that does not exist is made
    file: PathBuf,
    /// The user that it stands for: it may do nothing that they may not, and goes with them
    #[arg(value_parser = name)]
    owner: String,
    /// What it may do, such as 'team/**:pull,push'; actions are pull, push (with pull), delete and *
    #[arg(short, long, required = true, value_name = "REPOSITORIES:ACTIONS", value_parser = scope)]
    scope: Vec<String>,
    /// When it ends, such as 30d; never, if it has no end
    #[arg(short, long, value_name = "TIME", default_value = "90d", value_parser = end)]
    expires: End,
    /// What it is for, to tell it from others
    #[arg(short, long, value_parser = name)]
    name: Option<String>,
}

#[derive(Debug, clap::Args)]
struct RevokeArgs {
    file: PathBuf,
    #[arg(required = true)]
    id: Vec<String>,
}

/// How long a token lives; `None` is for ever.
#[derive(Clone, Copy, Debug)]
struct End(Option<Duration>);

fn name(text: &str) -> Result<String, String> {
    if is_token_name(text) {
        Ok(text.to_owned())
    } else {
        Err("is no name: it has a colon or control characters".into())
    }
}

fn scope(text: &str) -> Result<String, String> {
    check_scope(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

fn end(text: &str) -> Result<End, String> {
    match text {
        "never" => Ok(End(None)),
        _ => match duration(text)? {
            Duration::ZERO => Err("a token that has ended is none".into()),
            length => Ok(End(Some(length))),
        },
    }
}

#[derive(Debug, Serialize)]
struct Item {
    id: String,
    name: Option<String>,
    owner: String,
    scopes: Vec<String>,
    created: Timestamp,
    expires: Option<Timestamp>,
    expired: bool,
}

impl Item {
    fn of(token: &ApiToken, now: Timestamp) -> Self {
        Self {
            id: token.id.clone(),
            name: token.name.clone(),
            owner: token.owner.clone(),
            scopes: token.scopes.clone(),
            created: token.created,
            expires: token.expires,
            expired: token.expires.is_some_and(|expires| now >= expires),
        }
    }
}

impl Row for Item {
    const COLUMNS: &'static [Column] =
        &[Column::new("id"), Column::new("name"), Column::new("owner"), Column::new("scopes"), Column::new("expires")];

    fn cell(&self, key: &str) -> Cell<'_> {
        match key {
            "id" => Cell::text(&self.id),
            "name" => Cell::text(self.name.as_deref().unwrap_or("-")),
            "owner" => Cell::text(&self.owner),
            "scopes" => Cell::text(self.scopes.join(" ")),
            _ => match self.expires {
                None => Cell::text("never"),
                Some(at) => Cell::text(format!("{}{at}", if self.expired { "expired " } else { "" })),
            },
        }
    }

    fn name(&self) -> String {
        self.id.clone()
    }
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Create(args) => create(context, args),
        Command::List(args) => list(context, &args.file),
        Command::Revoke(args) => revoke(context, args),
    }
}

fn create(context: &Context, args: &CreateArgs) -> Result<(), Failure> {
    let now = context.clock.now();
    // To the second: nobody reads more of it.
    let created = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let too_far = || Failure::usage("--expires: that is too far away");
    let expires = match args.expires.0 {
        None => None,
        Some(length) => {
            let length = SignedDuration::try_from(length).map_err(|_| too_far())?;
            Some(created.checked_add(length).map_err(|_| too_far())?)
        }
    };
    let mut file = open(&args.file)?;
    let draft = Draft { name: args.name.as_deref(), owner: &args.owner, scopes: &args.scope, created, expires };
    let (token, secret) = file.tokens.create(draft).map_err(|error| Failure::new(Kind::Usage, error))?;
    save(&file, &args.file)?;
    if context.output.format() == Format::Json {
        let item = serde_json::to_value(Item::of(&token, now)).map_err(|error| Failure::new(Kind::Failed, error))?;
        let head = json!({ "schema": "reg.token-create/v1", "token": secret, "item": item, "errors": [] });
        context.output.data(document_json::value(&head)?.as_bytes())?;
    } else {
        context.output.text(&format!("{secret}\n"))?;
    }
    let until = expires.map_or_else(|| "for ever".to_owned(), |at| format!("until {at}"));
    context.output.note(format!("token {} of {} is good {until}; it is not shown again", token.id, token.owner));
    Ok(())
}

fn list(context: &Context, path: &Path) -> Result<(), Failure> {
    let file = existing(path)?;
    let now = context.clock.now();
    let mut rows = context.output.rows(Document { schema: "reg.token/v1", registry: None, repository: None });
    for token in file.tokens.iter() {
        rows.push(Item::of(token, now))?;
    }
    rows.finish()
}

fn revoke(context: &Context, args: &RevokeArgs) -> Result<(), Failure> {
    let mut file = existing(&args.file)?;
    // All or none: an id that was mistyped must not leave a token that the caller takes to be gone.
    if let Some(unknown) = args.id.iter().find(|id| file.tokens.find(id).is_none()) {
        let message = format!("there is no token {unknown:?} in {}; nothing was changed", args.file.display());
        return Err(Failure::message(Kind::NotFound, message));
    }
    for id in &args.id {
        file.tokens.revoke(id);
    }
    save(&file, &args.file)?;
    context.output.note(format!("revoked {} in {}", args.id.join(", "), args.file.display()));
    Ok(())
}

fn open(path: &Path) -> Result<TokenFile, Failure> {
    TokenFile::open(path).map_err(failed)
}

/// Opens a file that must be there.
fn existing(path: &Path) -> Result<TokenFile, Failure> {
    if let Err(error) = path.metadata() {
        let kind = if error.kind() == std::io::ErrorKind::NotFound { Kind::NotFound } else { Kind::Failed };
        return Err(Failure::new(kind, error).context(format!("cannot read {}", path.display())));
    }
    open(path)
}

fn save(file: &TokenFile, path: &Path) -> Result<(), Failure> {
    file.save().map_err(|error| failed(error).context(format!("cannot write {}", path.display())))
}

fn failed(error: TokenFileError) -> Failure {
    let kind = if matches!(error, TokenFileError::Parse { .. }) { Kind::Usage } else { Kind::Failed };
    Failure::new(kind, error)
}
