//! The checks themselves: each is made again and again, and told to [`Health`].

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Finding, Health, Standing};
use crate::server::config::{Check, CheckKind};
use crate::server::error::Chain;
use crate::server::outbound::{Outbound, Question};
use crate::spec::{UploadId, without_secrets};
use crate::store::{Ailment, Driver, probe};
use crate::sys;

/// How long the store may take to answer before that is a failure.
const STORE_TIMEOUT: Duration = Duration::from_secs(10);

/// What checks look at beside files and addresses.
#[derive(Clone, Debug)]
pub(crate) struct Subjects {
    pub(crate) store: Arc<dyn Driver>,
    /// distribution's word for the kind of the store.
    pub(crate) store_name: &'static str,
    /// The registry takes no pushes, so that nothing needs to be written.
    pub(crate) read_only: bool,
    pub(crate) outbound: Arc<Outbound>,
}

/// Makes checks until the value that comes back is dropped.
pub(crate) fn watch(health: &Arc<Health>, checks: &[Check], subjects: &Subjects) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let mut names = BTreeSet::new();
    for check in checks {
        let mut name = name(&check.kind, subjects);
        // Two that differ in what is not shown are two.
        for number in 2.. {
            if names.insert(name.clone()) {
                break;
            }
            name = format!("{} ({number})", self::name(&check.kind, subjects));
        }
        tasks.spawn(repeat(Arc::clone(health), name, check.clone(), subjects.clone()));
    }
    tasks
}

async fn repeat(health: Arc<Health>, name: String, check: Check, subjects: Subjects) {
    let limit = limit(&check.kind);
    let id = sys::upload_id();
    let mut failures = 0;
    let mut looks = interval(check.interval);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut report = |finding: Option<Finding>| {
        failures = if finding.is_some() { u32::saturating_add(failures, 1) } else { 0 };
        if finding.is_none() || failures >= check.threshold {
            health.report(&name, finding);
        }
    };
    loop {
        looks.tick().await;
        let mut look = pin!(look(&check.kind, &subjects, &id));
        let finding = match timeout(limit, &mut look).await {
            Ok(finding) => finding,
            Err(_) => {
                let text = format!("no answer within {} s", limit.as_secs_f64());
                report(Some(Finding { standing: Standing::Out, text }));
                // One that hangs is not asked again and again: each question may hold a thread.
                look.await
            }
        };
        report(finding);
    }
}

/// What `/debug/health` calls it, as in distribution.
fn name(kind: &CheckKind, subjects: &Subjects) -> String {
    match kind {
        CheckKind::Storage => format!("storagedriver_{}", subjects.store_name),
        CheckKind::File(path) => path.display().to_string(),
        CheckKind::Http { url, .. } => without_secrets(url.as_str()),
        CheckKind::Tcp { address, .. } => address.clone(),
    }
}

fn limit(kind: &CheckKind) -> Duration {
    match kind {
        CheckKind::Storage | CheckKind::File(_) => STORE_TIMEOUT,
        CheckKind::Http { timeout, .. } | CheckKind::Tcp { timeout, .. } => *timeout,
    }
}

async fn look(kind: &CheckKind, subjects: &Subjects, id: &UploadId) -> Option<Finding> {
    let out = |text| Some(Finding { standing: Standing::Out, text });
    match kind {
        CheckKind::Storage => match probe(&*subjects.store, id, !subjects.read_only).await {
            Ok(()) => None,
            Err(error) => {
                let standing = if matches!(error, Ailment::ReadOnly(_)) { Standing::ReadOnly } else { Standing::Out };
                Some(Finding { standing, text: Chain(&error).to_string() })
            }
        },
        CheckKind::File(path) => file(path).and_then(out),
        CheckKind::Tcp { address, .. } => match TcpStream::connect(address).await {
            Ok(_) => None,
            Err(error) => out(format!("connection to {address} failed: {error}")),
        },
        CheckKind::Http { url, headers, status, timeout } => {
            let question = Question {
                method: Method::HEAD,
                url,
                headers: headers.clone(),
                body: Bytes::new(),
                timeout: *timeout,
                follow: true,
                answer_max: 0,
            };
            match subjects.outbound.ask(question).await {
                Ok(answer) if answer.status.as_u16() == *status => None,
                Ok(answer) => out(format!("downstream service returned unexpected status: {}", answer.status.as_u16())),
                Err(error) => out(format!("error while checking: {error}")),
            }
        }
    }
}

/// distribution's words.
fn file(path: &Path) -> Option<String> {
    match fs::metadata(path) {
        Ok(_) => Some("file exists".to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => Some(format!("cannot look for the file: {error}")),
    }
}
