//! What of a start can be tried without one: the files that a server would open, and the place of its data.
//!
//! Makes nothing and sends nothing.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::doors;
use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::server::config::{Auth, Certificates, Config, Storage, Tls};
use crate::spec::inert::one_line;
use crate::store::{self, Prospect};
use crate::sys::files;

/// How a start would go, as far as can be told.
#[derive(Debug, Default)]
pub(in crate::cli) struct Rehearsal {
    /// Everything that would keep the server from starting.
    pub(in crate::cli) failures: Vec<Failure>,
    /// What the server would do beyond serving.
    pub(in crate::cli) notes: Vec<String>,
    /// The directory of the data, where it is one and could be used.
    pub(in crate::cli) root: Option<Prospect>,
}

impl FromIterator<Failure> for Rehearsal {
    fn from_iter<I: IntoIterator<Item = Failure>>(failures: I) -> Self {
        Self { failures: failures.into_iter().collect(), ..Self::default() }
    }
}

/// Tries what `reg serve` does before it serves.
pub(in crate::cli) fn of(context: &Context, config: &Config) -> Rehearsal {
    let mut rehearsal = Rehearsal::default();
    rehearsal.doors(context, config);
    rehearsal.notes.extend(doors::advice(config).map(str::to_owned));
    if let Some(tls) = &config.tls {
        rehearsal.tls(tls);
    }
    rehearsal.storage(context, &config.storage);
    rehearsal.failures = rehearsal.failures.into_iter().map(Failure::in_one_line).collect();
    rehearsal
}

impl Rehearsal {
    fn doors(&mut self, context: &Context, config: &Config) {
        match &config.auth {
            Some(Auth::Htpasswd { path, .. }) if is_missing(path) => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
                match store::prospect(folder) {
                    Ok(_) => self.notes.push(format!(
                        "note: {} is missing; the server makes it, with a user docker whose password the log says once",
                        one_line(&path.display().to_string())
                    )),
                    Err(error) => self.failures.push(cannot_make("auth.htpasswd.path", path, error)),
                }
            }
            _ => self.failures.extend(doors::door(context, config).err()),
        }
    }

    /// Every file that cannot be read is a failure of its own; what they say is looked at when all of them can.
    fn tls(&mut self, tls: &Tls) {
        let mut unreadable = Vec::new();
        for (key, path) in files(tls) {
            if let Err(error) = files::read(path, u64::MAX) {
                let failure = Failure::new(Kind::Usage, error);
                unreadable.push(failure.context(format!("{key}: cannot read {}", path.display())));
            }
        }
        if unreadable.is_empty() {
            unreadable.extend(doors::tls(Some(tls)).err());
        }
        self.failures.append(&mut unreadable);
    }

    fn storage(&mut self, context: &Context, storage: &Storage) {
        match storage {
            Storage::Memory => {}
            Storage::S3(config) => self.failures.extend(super::open_bucket(context, config).err()),
            Storage::Filesystem { root } => match store::prospect(root) {
                Ok(prospect) => self.root = Some(prospect),
                Err(error) => self.failures.push(cannot_make("storage.filesystem.rootdirectory", root, error)),
            },
        }
    }
}

fn is_missing(path: &Path) -> bool {
    fs::metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

fn files(tls: &Tls) -> Vec<(&'static str, &PathBuf)> {
    let mut files = Vec::new();
    if let Certificates::Files { certificate, key } = &tls.certificates {
        files.extend([("http.tls.certificate", certificate), ("http.tls.key", key)]);
    }
    let authorities = tls.clients.iter().flat_map(|clients| &clients.authorities);
    files.extend(authorities.map(|path| ("http.tls.clientcas", path)));
    files
}

fn cannot_make(key: &str, path: &Path, error: store::Error) -> Failure {
    Failure::new(Kind::Usage, error).context(format!("{key}: cannot use {}", path.display()))
}
