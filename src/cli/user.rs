//! `reg user`: the users of an `htpasswd` file, without Apache's tools.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::context::Context;
use super::failure::{Failure, Kind};
use super::output::Document;
use super::output::table::{Cell, Column, Row};
use super::prompt;
use crate::server::auth::{OpenError, UserFile};

/// Cost of a hash: 2^10 rounds, a twentieth of a second, as registry:2 makes them.
const COST: u32 = 10;

/// Longest password in bytes: bcrypt looks at no more.
const PASSWORD_BYTES_MAX: usize = 72;

/// Manage the users of an htpasswd file, as auth.htpasswd.path of reg serve names it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Add a user, or change the password of one
    Add(OneArgs),
    /// Remove users
    Remove(ManyArgs),
    /// List the users
    List(FileArgs),
    /// Say whether a password is the user's
    Verify(OneArgs),
}

#[derive(Debug, clap::Args)]
struct FileArgs {
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
struct OneArgs {
    /// One that does not exist is made by add
    file: PathBuf,
    user: String,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, clap::Args)]
struct ManyArgs {
    file: PathBuf,
    #[arg(required = true)]
    user: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Item {
    user: String,
    /// Whether the server takes the hash.
    usable: bool,
    scheme: &'static str,
}

impl Row for Item {
    const COLUMNS: &'static [Column] = &[Column::new("user"), Column::new("usable"), Column::new("scheme")];

    fn cell(&self, key: &str) -> Cell<'_> {
        match key {
            "user" => Cell::text(&self.user),
            "usable" => Cell::text(if self.usable { "yes" } else { "no" }),
            _ => Cell::text(self.scheme),
        }
    }

    fn name(&self) -> String {
        self.user.clone()
    }
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Add(args) => add(context, args),
        Command::Remove(args) => remove(context, args),
        Command::List(args) => list(context, &args.file),
        Command::Verify(args) => verify(context, args),
    }
}

fn add(context: &Context, args: &OneArgs) -> Result<(), Failure> {
    let password = password(context, args)?;
    if password.len() > PASSWORD_BYTES_MAX || password.contains('\0') {
        let limit =
            format!("a password has at most {PASSWORD_BYTES_MAX} bytes, none of them 0: bcrypt looks at no more");
        return Err(Failure::usage(limit));
    }
    let hash = bcrypt::hash(&password, COST).map_err(|error| Failure::new(Kind::Failed, error))?;
    let mut file = open(&args.file)?;
    let was_there = file.entries.set(&args.user, &hash).map_err(|error| Failure::new(Kind::Usage, error))?;
    save(&file, &args.file)?;
    let done = if was_there { "changed the password of" } else { "added" };
    context.output.note(format!("{done} {} in {}", args.user, args.file.display()));
    Ok(())
}

fn remove(context: &Context, args: &ManyArgs) -> Result<(), Failure> {
    let mut file = open(&args.file)?;
    // All or none: a name that was mistyped must not leave somebody in whom the caller takes to be out.
    if let Some(unknown) = args.user.iter().find(|user| file.entries.hash(user).is_none()) {
        return Err(not_there(unknown, &args.file));
    }
    for user in &args.user {
        file.entries.remove(user);
    }
    save(&file, &args.file)?;
    context.output.note(format!("removed {} from {}", args.user.join(", "), args.file.display()));
    Ok(())
}

fn list(context: &Context, path: &Path) -> Result<(), Failure> {
    let file = existing(path)?;
    let mut rows = context.output.rows(Document { schema: "reg.user/v1", registry: None, repository: None });
    for user in file.entries.users() {
        let foreign = file.entries.unusable().find(|(unusable, _)| *unusable == user);
        let scheme = foreign.map_or("bcrypt", |(_, scheme)| scheme);
        rows.push(Item { user: user.to_owned(), usable: foreign.is_none(), scheme })?;
    }
    rows.finish()
}

fn verify(context: &Context, args: &OneArgs) -> Result<(), Failure> {
    let file = existing(&args.file)?;
    let Some(hash) = file.entries.hash(&args.user) else { return Err(not_there(&args.user, &args.file)) };
    if file.entries.bcrypt(&args.user).is_none() {
        let message =
            format!("the hash of {} in {} is no bcrypt: the server refuses it", args.user, args.file.display());
        let hint = format!("reg user add {} {}", args.file.display(), args.user);
        return Err(Failure::message(Kind::Denied, message).with_hint(hint));
    }
    if bcrypt::verify(password(context, args)?, hash).unwrap_or(false) {
        context.output.note(format!("this is the password of {}", args.user));
        return Ok(());
    }
    Err(Failure::message(Kind::Denied, format!("this is not the password of {}", args.user)))
}

fn password(context: &Context, args: &OneArgs) -> Result<String, Failure> {
    if args.password_stdin {
        return prompt::secret_of_stdin("password");
    }
    let password = prompt::password(context, &format!("Password of {}", args.user))
        .map_err(|failure| failure.with_hint("--password-stdin reads the password from standard input"))?;
    if password.is_empty() { Err(Failure::usage("the password is empty")) } else { Ok(password) }
}

fn open(path: &Path) -> Result<UserFile, Failure> {
    UserFile::open(path).map_err(failed)
}

/// Opens a file that is to be read only.
fn existing(path: &Path) -> Result<UserFile, Failure> {
    match path.metadata() {
        Ok(_) => open(path),
        Err(error) => {
            let kind = if error.kind() == std::io::ErrorKind::NotFound { Kind::NotFound } else { Kind::Failed };
            Err(Failure::new(kind, error).context(format!("cannot read {}", path.display())))
        }
    }
}

fn save(file: &UserFile, path: &Path) -> Result<(), Failure> {
    file.save().map_err(|error| failed(error).context(format!("cannot write {}", path.display())))
}

fn failed(error: OpenError) -> Failure {
    let kind = if matches!(error, OpenError::Parse { .. }) { Kind::Usage } else { Kind::Failed };
    Failure::new(kind, error)
}

fn not_there(user: &str, path: &Path) -> Failure {
    let message = format!("there is no user {user:?} in {}; nothing was changed", path.display());
    Failure::message(Kind::NotFound, message)
}
