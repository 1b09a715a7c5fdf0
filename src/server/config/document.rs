//! Everything that was said about a server, as one tree.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::check::{Warning, What, check};
use super::faults::Faults;
use super::section::{self, ConfigError, Section};
use super::show::{self, Setting};
use super::tree::{Node, Origin, Position, Value};
use super::{Config, Storage, changes, defaults, keys, overlay, read, storage, yaml};
use crate::server::Door;

/// Who says what a server does. Flags win over variables, variables over the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sources<'a> {
    /// Name and text of distribution's configuration file. Without one, it is a registry for one person.
    pub(crate) file: Option<(&'a str, &'a str)>,
    /// The environment; what is not for the configuration is left alone.
    pub(crate) variables: &'a BTreeMap<String, String>,
    /// `--addr`, or a socket that is open already, and what said so.
    pub(crate) address: Option<(&'static str, &'a Door)>,
    /// `--root`
    pub(crate) root: Option<&'a Path>,
    /// Where the data of one person is.
    pub(crate) home: Option<&'a Path>,
}

/// A tree in which every default stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    tree: Node,
    warnings: Vec<Warning>,
    /// Of variables, and of shapes.
    faults: Faults,
}

impl Document {
    /// Lays the sources over each other. Nothing in the document has a wrong shape.
    ///
    /// # Errors
    /// Faults of the file's text, of variables, of shapes, each with its place.
    pub(crate) fn read(sources: Sources<'_>) -> Result<Self, Faults> {
        let document = Self::look(sources)?;
        document.faults.clone().check()?;
        Ok(document)
    }

    /// The same whatever is wrong with it: [`Self::resolve`] says all of it.
    ///
    /// # Errors
    /// The text of the file is none that can be read.
    pub(crate) fn look(sources: Sources<'_>) -> Result<Self, ConfigError> {
        let mut faults = Faults::default();
        let (mut tree, mut warnings) = match sources.file {
            Some((name, text)) => file(name, text, &mut faults)?,
            None => (Node::new(Origin::Default, Value::Map(Vec::new())), Vec::new()),
        };
        let variables = sources.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        warnings.extend(overlay::apply(&mut tree, variables, &mut faults));
        warnings.extend(check(&tree, &mut faults));
        warnings.extend(super::tls::warnings(&tree));
        if let Some((who, door)) = sources.address {
            let (net, address) = match door {
                Door::Tcp(address) => ("tcp", address.to_string()),
                Door::Unix(path) => ("unix", path.to_string_lossy().into_owned()),
            };
            faults.take(overlay::flag(&mut tree, who, &["http", "net"], net.into()));
            faults.take(overlay::flag(&mut tree, who, &["http", "addr"], address));
        }
        if let Some(root) = sources.root {
            let root = root.to_string_lossy().into_owned();
            faults.take(overlay::flag(&mut tree, "--root", &["storage", "filesystem", "rootdirectory"], root));
        }
        if sources.file.is_none() {
            defaults::local(&mut tree, sources.home);
        }
        defaults::complete(&mut tree);
        Ok(Self { tree, warnings, faults })
    }

    /// What does not do what its writer expects.
    pub(crate) fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The keys that a server of this configuration does not take over from a newer one while it runs.
    pub(crate) fn waiting(&self, newer: &Self) -> Vec<String> {
        changes::waiting(&self.tree, &newer.tree)
    }

    /// What all of it means.
    ///
    /// # Errors
    /// Everything that is wrong: faults of shape, values that cannot be meant, and what has no default and is not there.
    pub(crate) fn resolve(&self) -> Result<Config, Faults> {
        let mut faults = self.faults.clone();
        let config = read::read(&self.tree, &mut faults);
        faults.check()?;
        // Where nothing is at fault, everything was read.
        config.ok_or_else(Faults::default)
    }

    #[cfg(test)]
    pub(super) fn auth(&self) -> Result<Option<super::Auth>, ConfigError> {
        super::auth::read(&Section::root(&self.tree))
    }

    #[cfg(test)]
    pub(super) fn tls(&self) -> Result<Option<super::Tls>, ConfigError> {
        super::tls::read(&Section::root(&self.tree).section("http")?)
    }

    /// Every value that holds, and who said so. What is secret is hidden.
    pub(crate) fn settings(&self) -> Vec<Setting> {
        show::settings(&self.tree)
    }

    /// The same as YAML, with the origins as comments.
    pub(crate) fn yaml(&self) -> String {
        show::yaml(&self.settings())
    }

    /// Where the bytes are. Whatever else is wrong does not matter.
    ///
    /// # Errors
    /// There is no storage, or one that cannot be meant.
    pub(crate) fn storage(&self) -> Result<Storage, ConfigError> {
        storage::read(&Section::root(&self.tree))
    }
}

/// The tree of a file, of the one version that there is, and what stands there twice.
fn file(name: &str, text: &str, faults: &mut Faults) -> Result<(Node, Vec<Warning>), ConfigError> {
    let name: Arc<str> = name.into();
    let start = |position| Origin::File { name: Arc::clone(&name), position };
    let (mut tree, again) =
        yaml::read(&name, text).map_err(|fault| ConfigError::at(start(fault.at), "", fault.message))?;
    let again = again.into_iter().map(|(at, path)| Warning { at: start(at), path, what: What::Again }).collect();
    if tree.value == Value::Null {
        tree.value = Value::Map(Vec::new());
    }
    if !matches!(tree.value, Value::Map(_)) {
        // Another file than was meant: what it does not say would be no news.
        let message = format!("must be a mapping, found {}", tree.kind());
        return Err(ConfigError::at(tree.at, "", message).with_hint("begin the file with: version: 0.1"));
    }
    tree.at = start(Position::START);
    overlay::expand_name(&keys::ROOT, &mut tree);
    let root = Section::root(&tree);
    let fault = match faults.take(root.text("version")) {
        None | Some(Some((_, "0.1"))) => None,
        Some(Some((at, other))) => {
            Some(ConfigError::at(at.clone(), "version", section::not("only 0.1 is known", "version", other)))
        }
        Some(None) => Some(root.missing("version").with_hint("begin the file with: version: 0.1")),
    };
    if let Some(fault) = fault {
        faults.add(fault);
    }
    Ok((tree, again))
}
