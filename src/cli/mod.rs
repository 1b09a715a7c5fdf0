//! The command line: what the arguments say, which command runs, how the program ends.
//!
//! One file per command; [`Command`] has a variant for each. Everything printed goes through [`output`], every exit code
//! comes from [`failure`].

mod catalog;
mod config;
mod configuration;
mod context;
mod copy;
mod delete;
mod digest;
mod distribution;
mod enrich;
mod environment;
mod failure;
mod flags;
mod garbage_collect;
mod gc;
mod gc_plan;
mod generate;
mod inspect;
mod journal;
mod login;
mod logout;
mod naming;
mod output;
mod ping;
mod place;
mod prompt;
mod serve;
mod survey;
mod tag;
mod tags;
mod token;
mod user;

use std::ffi::OsString;
use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, Parser};
use tokio::signal::unix::{Signal, SignalKind, signal};

use context::Context;
use distribution::Called;
use environment::Environment;
use failure::{Failure, Kind};
use flags::Flags;

/// Administer any OCI or Docker registry, or run one.
#[derive(Debug, Parser)]
#[command(name = "reg", version, about, max_term_width = 100, after_help = failure::EXIT_CODES_HELP)]
#[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    #[command(visible_alias = "ls")]
    Catalog(catalog::Args),
    Config(configuration::Args),
    #[command(visible_alias = "cp")]
    Copy(copy::Args),
    #[command(visible_alias = "rm")]
    Delete(delete::Args),
    Digest(digest::Args),
    GarbageCollect(garbage_collect::Args),
    Gc(gc::Args),
    GcPlan(gc_plan::Args),
    Inspect(inspect::Args),
    Login(login::Args),
    Logout(logout::Args),
    Ping(ping::Args),
    Serve(serve::Args),
    Tag(tag::Args),
    Tags(tags::Args),
    Token(token::Args),
    User(user::Args),
    Completions(generate::CompletionsArgs),
    Man(generate::ManArgs),
}

impl Command {
    fn run(&self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Catalog(args) => wait(Threads::One, catalog::run(context, args)),
            Self::Config(args) => configuration::run(context, args),
            Self::Copy(args) => wait(Threads::Many, copy::run(context, args)),
            Self::Delete(args) => wait_for_steps(context, delete::run(context, args)),
            Self::Digest(args) => wait(Threads::One, digest::run(context, args)),
            Self::GarbageCollect(args) => wait(Threads::Many, garbage_collect::run(context, args)),
            Self::Gc(args) => wait_for_steps(context, gc::run(context, args)),
            Self::GcPlan(args) => wait(Threads::Many, gc_plan::run(context, args)),
            Self::Inspect(args) => wait(Threads::One, inspect::run(context, args)),
            Self::Login(args) => wait(Threads::One, login::run(context, args)),
            Self::Logout(args) => wait(Threads::One, logout::run(context, args)),
            Self::Ping(args) => wait(Threads::One, ping::run(context, args)),
            Self::Serve(args) => serve::run(context, args),
            Self::Tag(args) => wait(Threads::One, tag::run(context, args)),
            Self::Tags(args) => wait(Threads::One, tags::run(context, args)),
            Self::Token(args) => token::run(context, args),
            Self::User(args) => user::run(context, args),
            Self::Completions(args) => generate::completions(context, args),
            Self::Man(args) => generate::man(context, args),
        }
    }
}

/// Runs the program with its arguments and says how it went.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let environment = Environment::of_process();
    let arguments = match Called::by(arguments.collect()) {
        Called::Reg(arguments) => arguments,
        Called::Registry(arguments) => return distribution::run(arguments, environment),
    };
    let cli = match Cli::try_parse_from(with_help(arguments)) {
        Ok(cli) => cli,
        Err(answer) => return failure::exit_after_grammar(answer),
    };
    let context = Context::new(cli.flags, environment);
    let result = cli.command.run(&context);
    failure::exit(&context.output, result)
}

/// `reg help tags` asks for `reg tags --help`, `reg help user add` for `reg user add --help`.
fn with_help(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if arguments.get(1).is_some_and(|first| first == "help") {
        arguments.remove(1);
        // What may be wrong behind the command must not keep anybody from help.
        let commands = 1 + commands_in(&arguments[1..]);
        arguments.truncate(commands);
        arguments.push("--help".into());
    }
    arguments
}

/// How many of the first words name commands, or stand where such a name is expected.
fn commands_in(words: &[OsString]) -> usize {
    let (mut command, mut count) = (Cli::command(), 0);
    for word in words.iter().filter_map(|word| word.to_str()).take_while(|word| !word.starts_with('-')) {
        if !command.has_subcommands() {
            break;
        }
        count += 1;
        match command.find_subcommand(word) {
            Some(next) => command = next.clone(),
            None => break,
        }
    }
    count
}

/// How many threads a command's work is spread over. One starts in no time; moving bytes takes more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Threads {
    One,
    Many,
}

/// How long a command that was asked to stop may take to finish what it has begun.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// Runs a command to its end, or to the first signal that asks the program to stop.
fn wait(threads: Threads, command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    block_on(threads, async {
        let mut signals = Signals::listen()?;
        tokio::select! {
            result = command => result,
            kind = signals.next() => Err(Failure::silent(kind)),
        }
    })
}

/// Runs a command that changes things. A signal lets it finish what it has begun and say what it has done; a second one
/// does not.
fn wait_for_steps(context: &Context, command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    block_on(Threads::One, async {
        let mut signals = Signals::listen()?;
        tokio::pin!(command);
        let kind = tokio::select! {
            result = &mut command => return result,
            kind = signals.next() => kind,
        };
        context.stop();
        let result = tokio::select! {
            result = &mut command => result,
            kind = signals.next() => Err(Failure::silent(kind)),
            () = tokio::time::sleep(STOP_PATIENCE) => Err(Failure::silent(kind)),
        };
        result.map_err(|_| Failure::silent(kind))
    })
}

fn block_on(threads: Threads, work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let mut builder = match threads {
        Threads::One => tokio::runtime::Builder::new_current_thread(),
        Threads::Many => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.enable_all().build().map_err(Failure::from)?;
    let result = runtime.block_on(work);
    // A name lookup that hangs in its thread must not keep the program from ending.
    runtime.shutdown_background();
    result
}

/// The signals that ask the program to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Kind {
        tokio::select! {
            _ = self.interrupt.recv() => Kind::Interrupted,
            _ = self.terminate.recv() => Kind::Terminated,
        }
    }
}
