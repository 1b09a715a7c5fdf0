//! Where what is said about a server comes from: a file, variables and flags, gathered for `server::config`.

use std::path::{Path, PathBuf};

use super::Place;
use crate::cli::context::Context;
use crate::cli::environment::Environment;
use crate::cli::failure::{Failure, Kind};
use crate::server::config::{Document, Sources};
use crate::sys::files;

/// Largest configuration that is read, in bytes. Real ones have some thousands.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// The file that the user named, by argument or by registry:2's variable.
pub(in crate::cli) fn config_path(context: &Context, argument: Option<&Path>) -> Option<PathBuf> {
    let variable = || context.environment.get("REGISTRY_CONFIGURATION_PATH").map(PathBuf::from);
    argument.map(Path::to_path_buf).or_else(variable)
}

/// Reads a configuration file with the variables over it; what is wrong with them and harmless is said.
pub(in crate::cli) fn read_config(context: &Context, path: Option<&Path>) -> Result<Document, Failure> {
    let document = gather(&context.environment, &Place::default(), path, |sources| Ok(Document::read(sources)?))?;
    say_warnings(context, &document);
    Ok(document)
}

/// The same, whatever is wrong with it.
pub(in crate::cli) fn look_at_config(context: &Context, path: Option<&Path>) -> Result<Document, Failure> {
    let document = look(&context.environment, &Place::default(), path)?;
    say_warnings(context, &document);
    Ok(document)
}

/// What the flags say, too; for whoever resolves it, and hears then of what is wrong.
pub(super) fn look(environment: &Environment, flags: &Place, path: Option<&Path>) -> Result<Document, Failure> {
    gather(environment, flags, path, |sources| Ok(Document::look(sources)?))
}

pub(super) fn say_warnings(context: &Context, document: &Document) {
    for warning in document.warnings() {
        context.output.note(format!("warning: {warning}"));
    }
}

fn gather(
    environment: &Environment,
    flags: &Place,
    path: Option<&Path>,
    read: impl FnOnce(Sources<'_>) -> Result<Document, Failure>,
) -> Result<Document, Failure> {
    let file = path
        .map(|path| {
            let name = path.display().to_string();
            let text = files::read_text(path, CONFIG_BYTES_MAX)
                .map_err(|error| Failure::new(Kind::Usage, error).context(format!("cannot read {name}")))?;
            Ok::<_, Failure>((name, text))
        })
        .transpose()?;
    if let Some(name) = environment.no_text("REGISTRY_") {
        return Err(Failure::usage(format!("{name}: the value is not UTF-8")));
    }
    let home = environment.data_home().map(|data| data.join("reg").join("registry"));
    read(Sources {
        file: file.as_ref().map(|(name, text)| (name.as_str(), text.as_str())),
        variables: environment.variables(),
        address: flags.door.as_ref().map(|(who, door)| (*who, door)),
        root: flags.root.as_deref(),
        home: home.as_deref(),
    })
}
