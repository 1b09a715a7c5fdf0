//! `reg completions` and `reg man`: generated from the grammar of the command line, so that they are never out of date.

mod config_page;
mod sections;

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Cli;
use super::context::Context;
use super::failure::Failure;

/// Write the completion script of a shell
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    #[arg(value_enum)]
    shell: Shell,
}

/// Write the manual page of reg, of one command or of config.yml, or all of them into a directory
///
/// What is a directory, or has a slash, is where all pages go; any other word is a command: `reg man tags | man -l -`.
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Command whose page to write, such as `user add`; config.yml for the file of `reg serve`; or directory that receives
    /// reg.1, reg-tags.1 and so on
    #[arg(value_name = "COMMAND|config.yml|DIR/")]
    what: Vec<OsString>,
}

pub(crate) fn completions(context: &Context, args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "reg", &mut script);
    context.output.data(&script)
}

pub(crate) fn man(context: &Context, args: &ManArgs) -> Result<(), Failure> {
    match args.what.as_slice() {
        [directory] if is_directory(directory) => pages(context, Path::new(directory)),
        [file] if file == "config.yml" => context.output.data(config_page::page().as_bytes()),
        words => page(context, words),
    }
}

fn is_directory(word: &OsStr) -> bool {
    word.as_encoded_bytes().contains(&b'/') || Path::new(word).is_dir()
}

/// Prints the page of the command that the words name; that of `reg` for none.
fn page(context: &Context, words: &[OsString]) -> Result<(), Failure> {
    let mut command = Cli::command();
    command.build();
    for word in words {
        let unknown = || {
            Failure::usage(format!("there is no command {}", words.join(OsStr::new(" ")).display())).with_hint(format!(
                "reg help lists them; to write all pages into a directory, reg man {}/",
                word.display()
            ))
        };
        command = word.to_str().and_then(|word| command.find_subcommand(word)).ok_or_else(unknown)?.clone();
    }
    let name = command.get_display_name().unwrap_or("reg").to_owned();
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    page.extend(sections::of(&name).as_bytes());
    context.output.data(&page)
}

/// Writes all pages into a directory, which is made.
fn pages(context: &Context, directory: &Path) -> Result<(), Failure> {
    let write = || {
        std::fs::create_dir_all(directory)?;
        clap_mangen::generate_to(Cli::command(), directory)?;
        for page in sections::PAGES {
            let path = directory.join(format!("{page}.1"));
            std::fs::OpenOptions::new().append(true).open(path)?.write_all(sections::of(page).as_bytes())?;
        }
        std::fs::write(directory.join("reg-config.5"), config_page::page())
    };
    write().map_err(|error| Failure::from(error).context(format!("cannot write to {}", directory.display())))?;
    context.output.note(format!("the pages of all commands are in {}: man -l {0}/reg.1", directory.display()));
    Ok(())
}
