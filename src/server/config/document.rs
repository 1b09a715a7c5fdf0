//! Everything that was said about a server, as one tree.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::check::{Warning, What, check};
use super::section::{ConfigError, Section};
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

/// A tree in which nothing has a wrong shape and every default stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    tree: Node,
    warnings: Vec<Warning>,
}

impl Document {
    /// Lays the sources over each other.
    ///
    /// # Errors
    /// The first fault, with its place: of the file's text, of a variable, of a value's shape.
    pub(crate) fn read(sources: Sources<'_>) -> Result<Self, ConfigError> {
        let (mut tree, mut warnings) = match sources.file {
            Some((name, text)) => file(name, text)?,
            None => (Node::new(Origin::Default, Value::Map(Vec::new())), Vec::new()),
        };
        let variables = sources.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        warnings.extend(overlay::apply(&mut tree, variables)?);
        warnings.extend(check(&tree)?);
        warnings.extend(super::tls::warnings(&tree));
        if let Some((who, door)) = sources.address {
            let (net, address) = match door {
                Door::Tcp(address) => ("tcp", address.to_string()),
                Door::Unix(path) => ("unix", path.to_string_lossy().into_owned()),
            };
            overlay::flag(&mut tree, who, &["http", "net"], net.into())?;
            overlay::flag(&mut tree, who, &["http", "addr"], address)?;
        }
        if let Some(root) = sources.root {
            let root = root.to_string_lossy().into_owned();
            overlay::flag(&mut tree, "--root", &["storage", "filesystem", "rootdirectory"], root)?;
        }
        if sources.file.is_none() {
            defaults::local(&mut tree, sources.home);
        }
        defaults::complete(&mut tree);
        Ok(Self { tree, warnings })
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
    /// The first value that cannot be meant, and what has no default and is not there.
    pub(crate) fn resolve(&self) -> Result<Config, ConfigError> {
        read::read(&self.tree)
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

/// The tree of a file, a mapping of the one version that there is, and what stands there twice.
fn file(name: &str, text: &str) -> Result<(Node, Vec<Warning>), ConfigError> {
    let name: Arc<str> = name.into();
    let start = |position| Origin::File { name: Arc::clone(&name), position };
    let (mut tree, again) =
        yaml::read(&name, text).map_err(|fault| ConfigError::at(start(fault.at), "", fault.message))?;
    let again = again.into_iter().map(|(at, path)| Warning { at: start(at), path, what: What::Again }).collect();
    if tree.value == Value::Null {
        tree.value = Value::Map(Vec::new());
    }
    tree.at = start(Position::START);
    overlay::expand_name(&keys::ROOT, &mut tree);
    let root = Section::root(&tree);
    match root.text("version")? {
        Some((_, "0.1")) => Ok((tree, again)),
        Some((at, other)) => Err(ConfigError::at(at.clone(), "version", format!("only 0.1 is known, not {other:?}"))),
        None => Err(root.missing("version").with_hint("begin the file with: version: 0.1")),
    }
}
