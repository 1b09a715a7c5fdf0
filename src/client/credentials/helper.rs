//! Credential helpers: `docker-credential-<name> get|store|erase` (docker-credential-helpers, `credentials`).
//!
//! A miss is a failure with a known text, on stdout of all places; so are all other failures.

use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::super::Event;
use super::super::error::{Error, Result};
use super::file::DOCKER_HUB_KEY;
use super::{Credential, Tell};
use crate::spec::Host;

/// A helper may ask a cloud or its user; one that takes longer hangs.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// After this, the user should know what is waited for.
const SILENCE: Duration = Duration::from_secs(2);

/// What helpers say when they have nothing (`credentials.errCredentialsNotFoundMessage`).
const MISS: &str = "credentials not found";

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Kept<'a> {
    #[serde(rename = "ServerURL", default)]
    server_url: std::borrow::Cow<'a, str>,
    username: std::borrow::Cow<'a, str>,
    secret: std::borrow::Cow<'a, str>,
}

/// The key under which a helper keeps `host`.
pub(super) fn key(host: &Host) -> String {
    if host.is_docker_hub() { DOCKER_HUB_KEY.into() } else { host.to_string() }
}

/// What the helper keeps for `host`.
pub(super) async fn get(name: &str, host: &Host, tell: Tell<'_>) -> Result<Option<Credential>> {
    // Older docker stored under a URL.
    let keys = if host.is_docker_hub() { vec![key(host)] } else { vec![key(host), format!("https://{host}")] };
    for key in keys {
        let Some(answer) = run(name, "get", key.as_bytes(), tell).await? else { continue };
        let kept: Kept<'_> = serde_json::from_slice(&answer).map_err(|_| Error::Credentials {
            place: program(name),
            reason: "its answer is not the JSON of a credential".into(),
        })?;
        if !kept.secret.is_empty() {
            return Ok(Some(Credential::from_pair(kept.username.into_owned(), kept.secret.into_owned())));
        }
    }
    Ok(None)
}

pub(super) async fn store(name: &str, host: &Host, user: &str, secret: &str) -> Result<()> {
    let kept = Kept { server_url: key(host).into(), username: user.into(), secret: secret.into() };
    let input = serde_json::to_vec(&kept).unwrap_or_default();
    run(name, "store", &input, &|_| {}).await.map(|_| ())
}

/// Whether there was something to erase.
pub(super) async fn erase(name: &str, host: &Host) -> Result<bool> {
    if get(name, host, &|_| {}).await?.is_none() {
        return Ok(false);
    }
    run(name, "erase", key(host).as_bytes(), &|_| {}).await.map(|_| true)
}

fn program(name: &str) -> String {
    format!("docker-credential-{name}")
}

/// Runs a helper; `None` when it has nothing.
async fn run(name: &str, verb: &str, input: &[u8], tell: Tell<'_>) -> Result<Option<Vec<u8>>> {
    let program = program(name);
    let failed = |reason: String| Error::Credentials { place: program.clone(), reason };
    let mut child = Command::new(&program)
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => failed("no such program in PATH".into()),
            _ => failed(error.to_string()),
        })?;
    let stdin = child.stdin.take();
    let talk = async {
        if let Some(mut stdin) = stdin {
            // A helper that knows enough may stop reading.
            let _ = stdin.write_all(input).await;
        }
        child.wait_with_output().await
    };
    let mut talk = std::pin::pin!(talk);
    let output = match tokio::time::timeout(SILENCE, &mut talk).await {
        Ok(output) => output,
        Err(_) => {
            tell(Event::Waiting(format!("waiting for {program}")));
            let Ok(output) = tokio::time::timeout(TIME_LIMIT - SILENCE, talk).await else {
                return Err(failed(format!("no answer within {} s", TIME_LIMIT.as_secs())));
            };
            output
        }
    };
    let output = output.map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(Some(output.stdout));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    if said.contains(MISS) {
        return Ok(None);
    }
    let line: String = said.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect();
    Err(failed(if line.is_empty() { output.status.to_string() } else { line }))
}
