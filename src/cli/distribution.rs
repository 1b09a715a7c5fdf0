//! The command line of distribution's `registry`, for whoever starts this program under that name.
//!
//! Words, flags, messages and exit codes are those of registry:2 and registry:3, with what the entry point of their
//! images does before: a configuration file alone is served, and the name of a program in front names the program. One thing
//! differs: what is mistyped ends with 1 here, with 0 there.
//!
//! Knows how a line is read and answered; what the commands do is theirs.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser};
use clap_complete::Shell;

use super::context::Context;
use super::environment::Environment;
use super::failure::{self, Failure, Kind};
use super::flags::Flags;
use super::garbage_collect;
use super::serve;

/// The name under which this command line is understood.
const NAME: &str = "registry";

/// `registry`
#[derive(Debug, Parser)]
#[command(name = NAME, disable_help_flag = true, disable_help_subcommand = true, args_override_self = true)]
struct Line {
    /// help for registry
    #[arg(short, long)]
    help: bool,
    /// show the version and exit
    #[arg(short, long)]
    version: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Generate the autocompletion script for the specified shell
    Completion { shell: Option<Shell> },
    /// `garbage-collect` deletes layers not referenced by any manifests
    GarbageCollect(Collect),
    /// Help about any command
    Help { topic: Vec<String> },
    /// `serve` stores and distributes Docker images
    Serve {
        /// help for serve
        #[arg(short, long)]
        help: bool,
        config: Vec<PathBuf>,
    },
}

#[derive(Debug, clap::Args)]
struct Collect {
    #[command(flatten)]
    flags: CollectFlags,
    config: Vec<PathBuf>,
}

/// Flags as Go's take them: alone, or with `=true` and `=false`.
#[derive(Debug, clap::Args)]
struct CollectFlags {
    /// delete manifests that are not currently referenced via tag
    #[arg(short = 'm', long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = go_bool)]
    delete_untagged: bool,
    /// do everything except remove the blobs
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = go_bool)]
    dry_run: bool,
    /// help for garbage-collect
    #[arg(short, long)]
    help: bool,
    /// silence output
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = go_bool)]
    quiet: bool,
}

/// What Go's `strconv.ParseBool` takes.
fn go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("neither true nor false".into()),
    }
}

/// What is said of a command: what it is for, and how it is called.
struct Usage {
    about: &'static str,
    usage: &'static str,
}

const USAGE: Usage = Usage {
    about: "`registry`",
    usage: "\
Usage:
  registry [flags]
  registry [command]

Available Commands:
  completion      Generate the autocompletion script for the specified shell
  garbage-collect `garbage-collect` deletes layers not referenced by any manifests
  help            Help about any command
  serve           `serve` stores and distributes Docker images

Flags:
  -h, --help      help for registry
  -v, --version   show the version and exit

Use \"registry [command] --help\" for more information about a command.
",
};

const SERVE: Usage = Usage {
    about: "`serve` stores and distributes Docker images.",
    usage: "\
Usage:
  registry serve <config> [flags]

Flags:
  -h, --help   help for serve
",
};

const COLLECT: Usage = Usage {
    about: "`garbage-collect` deletes layers not referenced by any manifests",
    usage: "\
Usage:
  registry garbage-collect <config> [flags]

Flags:
  -m, --delete-untagged   delete manifests that are not currently referenced via tag
  -d, --dry-run           do everything except remove the blobs
  -h, --help              help for garbage-collect
  -q, --quiet             silence output
",
};

const COMPLETION: Usage = Usage {
    about: "Generate the autocompletion script for registry for the specified shell.",
    usage: "\
Usage:
  registry completion [bash|fish|powershell|zsh]
",
};

const HELP: Usage = Usage {
    about: "Help provides help for any command in the application.
Simply type registry help [path to command] for full details.",
    usage: "\
Usage:
  registry help [command] [flags]

Flags:
  -h, --help   help for help
",
};

impl Usage {
    fn of(command: &str) -> Option<&'static Self> {
        match command {
            "serve" => Some(&SERVE),
            "garbage-collect" => Some(&COLLECT),
            "completion" => Some(&COMPLETION),
            "help" => Some(&HELP),
            _ => None,
        }
    }

    /// The usage of the command that a line names.
    fn of_line(words: &[OsString]) -> &'static Self {
        words.iter().skip(1).find_map(|word| Self::of(word.to_str()?)).unwrap_or(&USAGE)
    }

    /// The answer to `--help`.
    fn show(&self, context: &Context) -> Result<(), Failure> {
        context.output.text(&format!("{}\n\n{}", self.about, self.usage))
    }

    /// What stands behind a complaint.
    fn remind(&self, context: &Context) {
        context.output.note(self.usage.trim_end());
    }
}

/// Whose command line it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Called {
    /// `reg`'s, with the name of the program first.
    Reg(Vec<OsString>),
    /// `registry`'s, likewise.
    Registry(Vec<OsString>),
}

impl Called {
    /// Tells by the name of the program, and does what the entry point of registry's images does.
    pub(super) fn by(mut arguments: Vec<OsString>) -> Self {
        if !is_named(arguments.first(), NAME) {
            return Self::Reg(arguments);
        }
        let first = arguments.get(1);
        if is_named(first, env!("CARGO_PKG_NAME")) {
            arguments.remove(0);
            return Self::Reg(arguments);
        }
        if is_named(first, NAME) {
            arguments.remove(0);
        } else if first.is_some_and(|first| is_configuration(first)) {
            arguments.insert(1, "serve".into());
        }
        Self::Registry(arguments)
    }
}

fn is_named(program: Option<&OsString>, name: &str) -> bool {
    program.and_then(|path| Path::new(path).file_name()).is_some_and(|file| file == name)
}

fn is_configuration(word: &OsStr) -> bool {
    Path::new(word).extension().is_some_and(|extension| extension == "yml" || extension == "yaml")
}

/// Runs a line that begins with the name of the program.
pub(super) fn run(arguments: Vec<OsString>, environment: Environment) -> ExitCode {
    let context = Context::new(Flags::default(), environment);
    let program = arguments.first().cloned().unwrap_or_default();
    let usage = Usage::of_line(&arguments);
    let result = match Line::try_parse_from(arguments) {
        Ok(line) => line.run(&context, &program),
        Err(mistake) => Err(complain(&context, &mistake, usage)),
    };
    failure::exit_as_registry(&context.output, result)
}

impl Line {
    fn run(self, context: &Context, program: &OsStr) -> Result<(), Failure> {
        match self.command {
            _ if self.help => USAGE.show(context),
            _ if self.version => {
                let (package, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
                context.output.text(&format!("{} {package} {version}\n", program.to_string_lossy()))
            }
            None => {
                USAGE.remind(context);
                Ok(())
            }
            Some(Command::Help { topic }) => help(context, &topic),
            Some(Command::Completion { shell: None }) => COMPLETION.show(context),
            Some(Command::Completion { shell: Some(shell) }) => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Self::command(), NAME, &mut script);
                context.output.data(&script)
            }
            Some(Command::GarbageCollect(Collect { flags: CollectFlags { help: true, .. }, .. })) => {
                COLLECT.show(context)
            }
            Some(Command::GarbageCollect(Collect { flags, config })) => {
                let path = configuration(context, &config, &COLLECT)?;
                let storage = serve::read_config(context, Some(&path))
                    .and_then(|document| Ok(document.storage()?))
                    .map_err(|failure| misconfigured(context, &failure, &COLLECT))?;
                let CollectFlags { delete_untagged, dry_run, quiet, .. } = flags;
                let mode = garbage_collect::Mode { dry_run, untagged: delete_untagged, quiet };
                super::wait(super::Threads::Many, garbage_collect::run_on(context, &storage, &path, mode))
            }
            Some(Command::Serve { help: true, .. }) => SERVE.show(context),
            Some(Command::Serve { config, .. }) => {
                let path = configuration(context, &config, &SERVE)?;
                let configured = serve::configure(context, serve::Place::default(), Some(path));
                let (origin, config) = configured.map_err(|failure| misconfigured(context, &failure, &SERVE))?;
                serve::start(context, origin, &config)
            }
        }
    }
}

fn help(context: &Context, topic: &[String]) -> Result<(), Failure> {
    let Some(topic) = topic.first() else { return USAGE.show(context) };
    match Usage::of(topic) {
        Some(usage) => usage.show(context),
        None => {
            context.output.note(format!("Unknown help topic [`{topic}`]"));
            USAGE.remind(context);
            Err(Failure::silent(Kind::Usage))
        }
    }
}

/// The configuration that is named by the first argument or the variable; there are no others.
fn configuration(context: &Context, arguments: &[PathBuf], usage: &Usage) -> Result<PathBuf, Failure> {
    serve::config_path(context, arguments.first().map(PathBuf::as_path)).ok_or_else(|| {
        let failure = Failure::usage("configuration path unspecified");
        misconfigured(context, &failure, usage)
    })
}

fn misconfigured(context: &Context, failure: &Failure, usage: &Usage) -> Failure {
    context.output.note(format!("configuration error: {}", failure.line()));
    failure.hints().iter().for_each(|hint| context.output.note(format!("hint: {hint}")));
    usage.remind(context);
    Failure::silent(Kind::Usage)
}

/// Says what is wrong with a line, in the words of distribution's parser.
fn complain(context: &Context, mistake: &clap::Error, usage: &Usage) -> Failure {
    let text = |kind| match mistake.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let flag = text(ContextKind::InvalidArg).filter(|_| mistake.kind() == ErrorKind::UnknownArgument);
    let error = match (text(ContextKind::InvalidSubcommand), flag) {
        (Some(word), _) => {
            let error = format!("Error: unknown command {word:?} for \"{NAME}\"");
            context.output.note(format!("{error}\nRun '{NAME} --help' for usage."));
            return Failure::silent(Kind::Usage);
        }
        (_, Some(flag)) => match flag.strip_prefix('-').and_then(|flag| flag.chars().next()) {
            Some(letter) if letter != '-' => format!("unknown shorthand flag: '{letter}' in {flag}"),
            _ => format!("unknown flag: {flag}"),
        },
        _ => {
            let said = mistake.to_string();
            said.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
    };
    context.output.note(format!("Error: {error}"));
    usage.remind(context);
    Failure::silent(Kind::Usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(line: &str) -> Called {
        Called::by(line.split(' ').map(OsString::from).collect())
    }

    #[test]
    fn the_name_of_the_program_decides() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        for (line, reg) in [
            ("reg serve x.yml", "reg serve x.yml"),
            ("/usr/bin/reg x.yml", "/usr/bin/reg x.yml"),
            ("/bin/registry reg tags app", "reg tags app"),
            ("registry /bin/reg", "/bin/reg"),
            ("docker-registry serve", "docker-registry serve"),
        ] {
            assert_eq!(called(line), Called::Reg(words(reg)), "{line}");
        }
        for (line, registry) in [
            ("registry", "registry"),
            ("/bin/registry serve /etc/x.yml", "/bin/registry serve /etc/x.yml"),
            ("registry /etc/docker/registry/config.yml", "registry serve /etc/docker/registry/config.yml"),
            ("registry a.yaml -h", "registry serve a.yaml -h"),
            ("/bin/registry registry serve x", "registry serve x"),
            ("registry /bin/registry x.yml", "/bin/registry x.yml"),
            ("registry yml", "registry yml"),
        ] {
            assert_eq!(called(line), Called::Registry(words(registry)), "{line}");
        }
    }
}
