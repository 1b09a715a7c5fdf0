//! `reg serve`: builds the store, the registry and the server out of what the user said, and runs them to their end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::context::Context;
use super::failure::{Failure, Kind};
use crate::registry::Registry;
use crate::server::config::{Config, Notifications, Storage};
use crate::server::logging::{self, Verbosity};
use crate::server::{
    self, Address, BindError, Door, Endpoint, Listening, Notifier, Server, Setup, Signal, Sink, Stamp, Stopped,
    Timeouts,
};
use crate::store::{self, Driver, Fs, Memory, S3, S3Config, Unusable};

use background::Background;
use operators::Operators;
use reload::Origin;
pub(super) use sources::{config_path, look_at_config, read_config};

mod background;
mod doors;
mod in_use;
mod operators;
pub(super) mod rehearsal;
mod reload;
mod sources;
mod switch;
mod systemd;

/// Run a registry
///
/// Without a configuration there is no access log on standard output; -v writes one. With a configuration its `log`
/// section says so.
///
/// SIGHUP reads the configuration again, SIGUSR1 makes the registry read-only and SIGUSR2 lets it take changes again;
/// SIGTERM and SIGINT let requests in progress end.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Configuration file of registry:2 or registry:3; without, a registry for one person
    #[arg(value_name = "CONFIG.yml")]
    config: Option<PathBuf>,

    /// Address to listen on; :PORT for every interface [default: 127.0.0.1:5000]
    #[arg(long, value_name = "HOST:PORT")]
    addr: Option<Address>,

    /// Directory of the data [default: $XDG_DATA_HOME/reg/registry]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let path = config_path(context, args.config.as_deref());
    let door = args.addr.clone().map(|address| ("--addr", address.into()));
    let place = Place { door, root: args.root.clone() };
    let (origin, config) = configure(context, place, path)?;
    start(context, origin, &config).map_err(Failure::in_one_line)
}

/// Where a server is to be, as flags say.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// And what said so.
    door: Option<(&'static str, Door)>,
    root: Option<PathBuf>,
}

/// Serves until a signal ends it.
pub(super) fn start(context: &Context, origin: Origin, config: &Config) -> Result<(), Failure> {
    let log = Sink::from(context.output.log_lines());
    let verbosity = logging::install(&config.log, context.clock.clone(), log);
    // A worker per core, and threads beside them for the disk.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serve(context, origin, config, verbosity));
    // A file system that does not answer keeps its thread, and not the program.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match result? {
        Stopped::Drained => Ok(()),
        Stopped::Cut(Signal::Interrupt) => Err(Failure::silent(Kind::Interrupted)),
        Stopped::Cut(Signal::Terminate) => Err(Failure::silent(Kind::Terminated)),
    }
}

/// The configuration that file, variables and flags describe together, and where it comes from. What is wrong with it and
/// harmless is said.
pub(super) fn configure(context: &Context, flags: Place, path: Option<PathBuf>) -> Result<(Origin, Config), Failure> {
    // As in distribution, a socket that is open already wins.
    let socket = systemd::socket(context)?;
    let opened = socket.as_ref().map(|socket| ("LISTEN_FDS", socket.endpoint.door()));
    let flags = Place { door: opened.or(flags.door), ..flags };
    // Before the bytes: a file that changes meanwhile has another stamp when it is looked at again.
    let stamp = path.as_deref().map(Stamp::of).unwrap_or_default();
    let document = sources::look(&context.environment, &flags, path.as_deref())?;
    sources::say_warnings(context, &document);
    let (environment, verbose) = (context.environment.clone(), context.flags.verbose);
    let origin = Origin { environment, verbose, flags, socket, path, stamp, document };
    let config = origin.resolve(&origin.document)?;
    Ok((origin, config))
}

async fn serve(
    context: &Context,
    mut origin: Origin,
    config: &Config,
    verbosity: Verbosity,
) -> Result<Stopped, Failure> {
    let (signals, hangups) = (systemd::tell_of_the_end(server::signals()?), server::hangups()?);
    let switch = switch::Switch::listen()?;
    // In this order: a start that fails makes no directory.
    let listening = match origin.socket.take() {
        Some(socket) => socket.listening()?,
        None => Listening::on(&config.door).await.map_err(|error| cannot_listen(&config.door, error))?,
    };
    let operators = Operators::open(context, config).await?;
    let guard = doors::guard(context, config)?;
    guard.fetch().await.map_err(doors::no_keys)?;
    let tls = doors::tls(config.tls.as_ref())?;
    let driver = operators.observe(open(context, &config.storage).await?, &config.storage)?;
    let mut in_use = in_use::mark(context, &config.storage)?;
    let notifier = notifier(config.notifications.as_ref(), listening.endpoint().port())?;
    in_use::complete(in_use.as_mut())?;
    let registry = Registry::new(Arc::clone(&driver), context.clock.clone(), config.options.clone());
    let access_log = config.log.access_log.then(|| Sink::from(context.output.access_log_lines()));
    let timeouts = Timeouts { drain: config.drain, ..Timeouts::STANDARD };
    let strangers = doors::strangers(listening.endpoint(), &guard, tls.as_ref());
    let setup = Setup {
        registry: registry.clone(),
        guard,
        tls,
        clock: context.clock.clone(),
        timeouts,
        access_log,
        notifier: notifier.clone(),
        limits: config.limits.clone(),
        face: config.face.clone(),
        trusted: config.trusted.clone(),
        h2c: config.h2c,
        health: operators.health(),
        metrics: operators.metrics(),
        traces: operators.traces(),
    };
    let server = Server::new(listening, setup);
    if let Some(note) = doors::advice(config) {
        context.output.note(note);
    }
    warn_of_proxy(config);
    if let Some(warning) = strangers {
        context.output.note(warning);
    }
    if origin.path.is_none() {
        announce(context, &server, config)?;
    }
    tracing::info!("{}", place(&config.storage));
    let operators = operators.start(driver, registry.lookups(), notifier.clone(), &context.clock, config);
    tracing::info!("listening on {}", server.endpoint());
    systemd::ready(server.endpoint());
    let background = Background::start(&registry, config, switch, notifier, operators);
    let follow = origin.follow(config.live(), server.reloadable(verbosity), hangups);
    let stopped = tokio::select! {
        stopped = server.run(signals) => stopped,
        never = follow => match never {},
    };
    background.end().await;
    Ok(stopped)
}

/// Said on the terminal, too; whoever reads the log alone must not wait for images of elsewhere.
fn warn_of_proxy(config: &Config) {
    if config.proxy.is_some() {
        tracing::warn!(
            "proxy: nothing is fetched from remoteurl; only what is in the storage is served, and pushes are refused"
        );
    }
}

pub(super) async fn open(context: &Context, storage: &Storage) -> Result<Arc<dyn Driver>, Failure> {
    match storage {
        Storage::S3(config) => {
            let bucket = open_bucket(context, config)?;
            bucket.check().await.map_err(|error| unusable(context, config, error))?;
            Ok(Arc::new(bucket))
        }
        Storage::Memory => Ok(Arc::new(Memory::new(context.clock.clone()))),
        Storage::Filesystem { root } => {
            let fs = Fs::open_writable(root, context.clock.clone());
            Ok(Arc::new(fs.map_err(|error| cannot_open(root, error))?))
        }
    }
}

/// Who tells webhooks, where there are any.
fn notifier(settings: Option<&Notifications>, port: Option<u16>) -> Result<Option<Arc<Notifier>>, Failure> {
    let Some(settings) = settings else { return Ok(None) };
    let directory = settings.directory.display().to_string();
    let notifier = Notifier::open(settings.clone(), port).map_err(|error| {
        Failure::new(Kind::Failed, error)
            .context(format!("cannot keep events in {directory}"))
            .with_hint("notifications.queue.directory names a directory that this user may write to")
    })?;
    Ok(Some(Arc::new(notifier)))
}

/// Nothing is sent yet.
fn open_bucket(context: &Context, config: &S3Config) -> Result<S3, Failure> {
    let aws = context.environment.variables().iter().filter(|(name, _)| name.starts_with("AWS_"));
    let environment = aws.map(|(name, value)| (name.clone(), value.clone())).collect();
    S3::new(S3Config { environment, ..config.clone() }).map_err(|error| {
        let what = format!("cannot start the registry on bucket {}", config.bucket);
        Failure::new(Kind::Failed, error).context(what)
    })
}

/// In one line; what the server answered, often a document, is for those who ask for it.
fn unusable(context: &Context, config: &S3Config, error: Unusable) -> Failure {
    let (server, bucket) = (config.server(), &config.bucket);
    let (what, hint) = match &error {
        Unusable::Missing(_) => {
            (format!("bucket {bucket} at {server} {error}"), "storage.s3.bucket names one that is there")
        }
        Unusable::Denied(_) => (
            format!("bucket {bucket} at {server} {error}"),
            "storage.s3.accesskey and secretkey, else AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, are those of the bucket",
        ),
        Unusable::Unreachable(_) => (
            format!("{server}, the server of bucket {bucket}, {error}"),
            "storage.s3.regionendpoint names it; storage.s3.secure: false speaks HTTP without TLS",
        ),
        Unusable::Other(_) => (
            format!("bucket {bucket} at {server} {error}"),
            "storage.s3.region, regionendpoint and forcepathstyle say where it is",
        ),
    };
    let what = format!("cannot start the registry: {what}");
    if context.flags.verbose > 0 {
        return Failure::new(Kind::Failed, error).context(what).with_hint(hint);
    }
    Failure::message(Kind::Failed, what).with_hint(hint).with_hint("-v shows what the server said")
}

fn cannot_open(root: &Path, error: store::Error) -> Failure {
    let hint = match &error {
        store::Error::Denied { .. } => "name a directory that you may write to with --root DIR",
        store::Error::OutOfSpace { .. } => "make room, or name another directory with --root DIR",
        _ => "name another directory with --root DIR",
    };
    Failure::new(Kind::Failed, error)
        .context(format!("cannot start the registry in {}", root.display()))
        .with_hint(hint)
}

/// Where the data is.
fn place(storage: &Storage) -> String {
    match storage {
        Storage::Filesystem { root } => format!("data in {}", root.display()),
        Storage::Memory => "data in memory only".into(),
        Storage::S3(config) => format!("data in bucket {}", config.bucket),
    }
}

/// Says where the registry is and what to do with it. The first line is a contract: scripts and tests wait for it.
fn announce(context: &Context, server: &Server, config: &Config) -> Result<(), Failure> {
    let place = place(&config.storage);
    let scheme = server.scheme();
    let text = match server.endpoint() {
        Endpoint::Tcp(address) => {
            let ip = address.ip();
            let is_here = ip.is_loopback() || ip.is_unspecified();
            let name = if is_here { format!("localhost:{}", address.port()) } else { address.to_string() };
            let first_steps = first_steps(scheme, &name, config.auth.is_some());
            format!("listening on {scheme}://{address}\n{place}\ntry:\n{first_steps}")
        }
        // What is in front of it has the name that clients use.
        socket @ Endpoint::Unix(_) => format!("listening on {socket}\n{place}\n"),
    };
    context.output.text(&text)?;
    context.output.flush()
}

fn first_steps(scheme: &str, name: &str, asks_who: bool) -> String {
    let shown = if scheme == "https" { format!("https://{name}") } else { name.to_owned() };
    let login = if asks_who { format!("  docker login {shown}\n") } else { String::new() };
    format!("{login}  docker tag alpine {name}/alpine && docker push {name}/alpine\n  reg tags {name}/alpine\n")
}

fn cannot_listen(door: &Door, error: BindError) -> Failure {
    let hint = match &error {
        BindError::InUse { .. } if matches!(door, Door::Unix(_)) => Some("another registry is running there"),
        BindError::Denied { .. } if matches!(door, Door::Unix(_)) => {
            Some("http.addr names a socket in a directory that this user may write to")
        }
        BindError::InUse { .. } => {
            Some("another registry may be running; choose another port with --addr 127.0.0.1:5001")
        }
        BindError::Denied { .. } => Some("ports below 1024 are for root; choose another with --addr"),
        BindError::NotHere { .. } => Some("--addr :5000 listens on every interface"),
        BindError::Io { .. } => None,
    };
    let failure = Failure::new(Kind::Failed, error).context("cannot start the registry");
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_steps_fit_the_server() {
        let push = "  docker tag alpine r:1/alpine && docker push r:1/alpine\n  reg tags r:1/alpine\n";
        assert_eq!(first_steps("http", "r:1", false), push);
        assert_eq!(first_steps("http", "r:1", true), format!("  docker login r:1\n{push}"));
        assert_eq!(first_steps("https", "r:1", true), format!("  docker login https://r:1\n{push}"));
    }
}
