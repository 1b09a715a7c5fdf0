//! `reg login`: credentials are tried before they are kept, and kept where docker and podman find them.

use std::sync::Arc;

use serde::Serialize;

use super::context::Context;
use super::failure::{Explain as _, Failure, Kind};
use super::flags::Format;
use super::output::Document;
use super::output::table::{Cell, Column, Row};
use super::prompt;
use crate::client::credentials::{Credential, Environment, Saved, Secret, Store};
use crate::client::ping::Demand;
use crate::client::{Keychain, Remote};
use crate::spec::Host;

/// Log in to a registry
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Registry to log in to; the default one if none is named
    registry: Option<String>,

    /// User name [env: REG_USERNAME]
    #[arg(short, long, value_name = "USER")]
    username: Option<String>,

    /// Read the password from standard input
    #[arg(long, conflicts_with = "identity_token_stdin")]
    password_stdin: bool,

    /// Read an identity token (OAuth2 refresh token) from standard input
    #[arg(long)]
    identity_token_stdin: bool,

    /// Where to keep the credentials [default: the store in use]
    #[arg(long, value_enum, value_name = "STORE")]
    store: Option<Place>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Place {
    /// Docker's config.json, and its credential helper where one is set
    Docker,
    /// The operating system's keyring
    Keyring,
}

#[derive(Debug, Serialize)]
struct Item {
    registry: String,
    user: Option<String>,
    /// `file`, `helper` or `keyring`.
    store: &'static str,
    /// The file or the helper.
    place: Option<String>,
    /// Whether the registry was seen to take the credentials.
    verified: bool,
}

impl Row for Item {
    const COLUMNS: &'static [Column] = &[
        Column::new("registry"),
        Column::new("user"),
        Column::new("store"),
        Column::new("place"),
        Column::new("verified"),
    ];

    fn cell(&self, key: &str) -> Cell<'_> {
        let text = |text: &Option<String>| text.clone().map_or(Cell::Unknown, Cell::text);
        match key {
            "registry" => Cell::text(&self.registry),
            "user" => text(&self.user),
            "store" => Cell::text(self.store),
            "place" => text(&self.place),
            _ => Cell::text(if self.verified { "yes" } else { "no" }),
        }
    }

    fn name(&self) -> String {
        self.registry.clone()
    }
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let host = context.host(args.registry.as_deref())?;
    let credential = read(context, args, &host)?;
    let demand = verify(context, &host, &credential).await?;
    let verified = demand != Demand::Nothing;
    if !verified {
        context.output.warn(format!("{host} asks nobody for credentials; these could not be verified"));
    }
    let store = match args.store {
        None => Store::InUse,
        Some(Place::Docker) => Store::Docker,
        Some(Place::Keyring) => Store::Keyring,
    };
    let saved = context.keychain().save(store, &host, &credential).await;
    let saved = saved.explain(&host, || format!("cannot keep the credentials of {host}"))?;
    if let Saved::File(path) = &saved {
        let path = path.display();
        context
            .output
            .warn(format!("the credentials are kept unencrypted in {path}; a credential helper would keep them safe"));
    }
    if context.environment.get("DOCKER_AUTH_CONFIG").is_some() {
        context.output.warn("DOCKER_AUTH_CONFIG is set and comes before what was kept now");
    }
    report(context, &host, &credential, &saved, verified)
}

fn report(
    context: &Context,
    host: &Host,
    credential: &Credential,
    saved: &Saved,
    verified: bool,
) -> Result<(), Failure> {
    let user = credential.user();
    if matches!(context.output.format(), Format::Table | Format::Wide) {
        let user = user.map_or_else(|| "with an identity token".into(), |user| format!("as {user}"));
        context.output.note(format!("logged in to {host} {user}"));
        return Ok(());
    }
    let (store, place) = match saved {
        Saved::File(path) => ("file", Some(path.display().to_string())),
        Saved::Helper(program) => ("helper", Some(program.clone())),
        Saved::Keyring => ("keyring", None),
    };
    let document = Document { schema: "reg.login/v1", registry: Some(host.to_string()), repository: None };
    let mut rows = context.output.rows(document);
    rows.push(Item { registry: host.to_string(), user, store, place, verified })?;
    rows.finish()
}

/// The credentials, from flags, standard input or the person at the terminal.
fn read(context: &Context, args: &Args, host: &Host) -> Result<Credential, Failure> {
    let named = args.username.clone().or_else(|| context.environment.get("REG_USERNAME").map(Into::into));
    if args.identity_token_stdin {
        return Ok(Credential::IdentityToken {
            user: named,
            token: Secret::new(prompt::secret_of_stdin("identity token")?),
        });
    }
    if args.password_stdin {
        let user = named.ok_or_else(|| {
            Failure::usage("--password-stdin needs a user name")
                .with_hint("-u USER, or REG_USERNAME in the environment")
        })?;
        return Ok(Credential::Basic { user, password: Secret::new(prompt::secret_of_stdin("password")?) });
    }
    let terminal =
        |failure: Failure| failure.with_hint("-u USER --password-stdin reads the password from standard input");
    let user = match named {
        Some(user) => user,
        None => prompt::line(context, &format!("User name for {host}")).map_err(terminal)?,
    };
    let password = prompt::password(context, &format!("Password of {user} at {host}")).map_err(terminal)?;
    if password.is_empty() {
        return Err(Failure::usage("the password is empty"));
    }
    Ok(Credential::Basic { user, password: Secret::new(password) })
}

/// Lets the registry judge the credentials, and them alone.
async fn verify(context: &Context, host: &Host, credential: &Credential) -> Result<Demand, Failure> {
    let mut options = context.remote_options(host)?;
    let explicit = Some(credential.clone());
    options.keychain = Arc::new(Keychain::new(Environment { explicit, ..Environment::default() }));
    let remote = Remote::open(host.clone(), options)?;
    let what = match credential {
        Credential::Basic { .. } => "wrong user name or password",
        _ => "the registry does not take this token",
    };
    remote.verify().await.map_err(|error| {
        let failure = Failure::from(error);
        let failure = if failure.kind() == Kind::Denied { failure.with_only_hint(what) } else { failure };
        failure.context(format!("cannot log in to {host}"))
    })
}
