//! The operating system's keyring, for those who ask for it (`reg login --store keyring`).
//!
//! A keyring may hang, on a sick D-Bus for one: every call has its own thread and a time limit, and none is made for a
//! host that has not been stored there. Which hosts have is written down beside the configuration.

use std::path::PathBuf;
use std::time::Duration;

use super::super::error::{Error, Result};
use super::{Credential, Environment};
use crate::spec::Host;

pub(super) const PLACE: &str = "the system's keyring";

const SERVICE: &str = "reg";
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// User and secret, as one secret: a keyring's entry is found by service and name.
const SEPARATOR: char = '\n';

fn failed(reason: impl Into<String>) -> Error {
    Error::Credentials { place: PLACE.into(), reason: reason.into() }
}

/// The file that lists the hosts with an entry, one a line.
fn list_path(environment: &Environment) -> Option<PathBuf> {
    environment.reg_dir.as_ref().map(|directory| directory.join("keyring-hosts"))
}

fn hosts(environment: &Environment) -> Vec<String> {
    let text = list_path(environment).and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
    text.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect()
}

fn write_hosts(environment: &Environment, hosts: &[String]) -> Result<()> {
    let path = list_path(environment).ok_or_else(|| failed("no configuration directory to note the host in"))?;
    let mut text = hosts.join("\n");
    text.push('\n');
    super::save::replace(&path, text.as_bytes())
}

/// Whether the keyring has been given credentials of `host`.
pub(super) fn holds(environment: &Environment, host: &Host) -> bool {
    hosts(environment).iter().any(|line| line == host.as_str())
}

pub(super) async fn get(host: &Host) -> Result<Option<Credential>> {
    let secret = with_entry(host, |entry| match entry.get_password() {
        Ok(secret) => Ok(Some(secret)),
        Err(::keyring::Error::NoEntry) => Ok(None),
        Err(error) => Err(error),
    });
    let pair = secret
        .await?
        .and_then(|secret| secret.split_once(SEPARATOR).map(|(user, secret)| (user.to_owned(), secret.to_owned())));
    Ok(pair.map(|(user, secret)| Credential::from_pair(user, secret)))
}

pub(super) async fn store(environment: &Environment, host: &Host, user: &str, secret: &str) -> Result<()> {
    if list_path(environment).is_none() {
        return Err(failed("no configuration directory to note the host in"));
    }
    let kept = format!("{user}{SEPARATOR}{secret}");
    with_entry(host, move |entry| entry.set_password(&kept)).await?;
    let mut all = hosts(environment);
    if !all.iter().any(|line| line == host.as_str()) {
        all.push(host.to_string());
    }
    write_hosts(environment, &all)
}

/// Whether there was something to erase.
pub(super) async fn erase(environment: &Environment, host: &Host) -> Result<bool> {
    if !holds(environment, host) {
        return Ok(false);
    }
    let erased = with_entry(host, |entry| match entry.delete_credential() {
        Err(::keyring::Error::NoEntry) => Ok(false),
        other => other.map(|()| true),
    });
    let erased = erased.await?;
    let rest: Vec<String> = hosts(environment).into_iter().filter(|line| line != host.as_str()).collect();
    write_hosts(environment, &rest)?;
    Ok(erased)
}

/// Runs `work` on the entry of `host` in a thread that may be left behind.
async fn with_entry<T: Send + 'static>(
    host: &Host,
    work: impl FnOnce(&::keyring::Entry) -> ::keyring::Result<T> + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let name = host.to_string();
    // Not of the runtime's own: it would wait for a stuck one when the program ends.
    std::thread::spawn(move || {
        let done = ::keyring::Entry::new(SERVICE, &name).and_then(|entry| work(&entry));
        // Nobody waits any more when the time is over.
        let _ = sender.send(done);
    });
    match tokio::time::timeout(TIME_LIMIT, receiver).await {
        Ok(Ok(done)) => done.map_err(|error| failed(error.to_string())),
        Ok(Err(_)) => Err(failed("its thread died")),
        Err(_) => Err(failed(format!("no answer within {} s", TIME_LIMIT.as_secs()))),
    }
}
