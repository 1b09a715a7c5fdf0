//! `reg completions` and `reg man`: generated from the grammar of the command line, so that they are never out of date.

mod sections;

use std::io::Write as _;
use std::path::PathBuf;

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

/// Write the manual page, or the pages of all commands into a directory
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Directory that receives reg.1, reg-tags.1 and so on
    directory: Option<PathBuf>,
}

pub(crate) fn completions(context: &Context, args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "reg", &mut script);
    context.output.data(&script)
}

pub(crate) fn man(context: &Context, args: &ManArgs) -> Result<(), Failure> {
    let command = Cli::command();
    let Some(directory) = &args.directory else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        page.extend(sections::of("reg").as_bytes());
        return context.output.data(&page);
    };
    let write = || {
        std::fs::create_dir_all(directory)?;
        clap_mangen::generate_to(command, directory)?;
        for page in sections::PAGES {
            let path = directory.join(format!("{page}.1"));
            std::fs::OpenOptions::new().append(true).open(path)?.write_all(sections::of(page).as_bytes())?;
        }
        Ok::<_, std::io::Error>(())
    };
    write().map_err(|error| Failure::from(error).context(format!("cannot write to {}", directory.display())))
}
