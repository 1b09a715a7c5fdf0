//! Where the inventory of a plan comes from, and how things in it are called.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::{What, remote};
use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::cli::serve;
use crate::gc::inventory::Sight;
use crate::gc::{Inventory, Policy};
use crate::registry::snapshot::snapshot;
use crate::server::config::Storage;
use crate::spec::{Digest, Host, Reference, Repository, Tag};
use crate::store::{Driver, Fs, Prefix};

/// An inventory and whose it is.
#[derive(Debug)]
pub(in crate::cli) struct Source {
    pub(in crate::cli) inventory: Inventory,
    pub(in crate::cli) place: Place,
}

#[derive(Debug)]
pub(in crate::cli) enum Place {
    Registry(Host),
    /// What the user calls it.
    Storage(String),
}

impl Source {
    pub(super) fn sees_everything(&self) -> bool {
        self.inventory.sight == Sight::Storage
    }

    /// The registry, where there is one.
    pub(super) fn registry(&self) -> Option<String> {
        match &self.place {
            Place::Registry(host) => Some(host.to_string()),
            Place::Storage(_) => None,
        }
    }

    pub(super) fn repository(&self, name: &Repository) -> String {
        match &self.place {
            Place::Registry(host) => format!("{}/{name}", host.in_reference()),
            Place::Storage(_) => name.to_string(),
        }
    }

    pub(super) fn tag(&self, name: &Repository, tag: &Tag) -> String {
        format!("{}:{tag}", self.repository(name))
    }

    pub(super) fn manifest(&self, name: &Repository, digest: &Digest) -> String {
        format!("{}@{digest}", self.repository(name))
    }

    /// What a reference names in the inventory. In a storage there is no host.
    pub(super) fn resolve(&self, context: &Context, text: &str) -> Result<Reference, Failure> {
        match &self.place {
            Place::Registry(_) => context.reference(text),
            Place::Storage(_) => Reference::parse(text, &context.default_host()?)
                .map_err(|error| Failure::from(error).context(format!("invalid reference {text:?}"))),
        }
    }
}

/// Reads what the arguments name, and narrows the policy to it.
pub(in crate::cli) async fn read(context: &Context, args: &What, policy: &mut Policy) -> Result<Source, Failure> {
    let (driver, called) = match (&args.storage, &args.config) {
        (Some(directory), _) => (open_directory(context, directory)?, directory.display().to_string()),
        (None, Some(path)) => {
            let storage = serve::read_config(context, Some(path))?.storage()?;
            (open_storage(context, &storage).await?, path.display().to_string())
        }
        (None, None) => return remote::read(context, args, policy).await,
    };
    let mut only = BTreeSet::new();
    for target in &args.targets {
        let name: Repository =
            target.parse().map_err(|error| Failure::from(error).context(format!("{target:?} is no repository")))?;
        only.insert(name);
    }
    let inventory = snapshot(&*driver, policy.needs_created())
        .await
        .map_err(|error| Failure::new(Kind::Failed, error).context(format!("cannot read {called}")))?;
    let known: BTreeSet<_> = inventory.repositories.iter().map(|holding| &holding.name).collect();
    if let Some(missing) = only.iter().find(|name| !known.contains(name)) {
        let failure = format!("there is no repository {missing} in {called}");
        return Err(Failure::message(Kind::NotFound, failure));
    }
    policy.only = (!only.is_empty()).then_some(only);
    Ok(Source { inventory, place: Place::Storage(called) })
}

/// Opens the storage of a server to read it, or to collect in it.
pub(in crate::cli) async fn open_storage(context: &Context, storage: &Storage) -> Result<Arc<dyn Driver>, Failure> {
    match storage {
        Storage::Filesystem { root } => open_directory(context, root),
        Storage::Memory => Err(Failure::usage("the configuration keeps everything in the memory of the server")
            .with_hint("plan over its API: reg gc-plan HOST")),
        Storage::S3(_) => serve::open(context, storage).await,
    }
}

/// Opens a directory that is a store, or an empty one: what is misspelt must not look like a store without garbage.
fn open_directory(context: &Context, directory: &Path) -> Result<Arc<dyn Driver>, Failure> {
    let called = directory.display();
    let cannot = |error| Failure::new(Kind::Usage, error).context(format!("cannot read {called}"));
    let mut entries = std::fs::read_dir(directory).map_err(cannot)?;
    if !directory.join(Prefix::registry().as_str()).is_dir() && entries.next().is_some() {
        let failure = format!("{called} holds no registry: there is no {} in it", Prefix::registry());
        return Err(
            Failure::usage(failure).with_hint("name the directory that a server has as its rootdirectory or --root")
        );
    }
    let opened = Fs::open(directory, context.clock.clone());
    Ok(Arc::new(opened.map_err(|error| Failure::usage(error).context(format!("cannot read {called}")))?))
}
