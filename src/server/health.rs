//! What a server knows of its own health, and what it therefore refuses.
//!
//! Knows no check: those are in `checks`, and report here. distribution answers every request with 503 while any check
//! fails; here writes fail first, and reads go on as long as the store answers them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::Error;

mod checks;

pub(crate) use checks::{Subjects, watch};

/// What a server does not do any more. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Standing {
    Well,
    /// Changes are refused.
    ReadOnly,
    /// `/` and `/v2/` say so too, so that a load balancer takes the server out. What is asked of it all the same is read.
    Out,
}

/// Why a check fails, and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) standing: Standing,
    pub(super) text: String,
}

/// The checks that fail at the moment.
#[derive(Debug)]
pub(crate) struct Health {
    failing: Mutex<BTreeMap<String, Finding>>,
    /// The worst of them; requests look at nothing else.
    standing: AtomicU8,
}

/// distribution's name of the check that people make.
const MANUAL: &str = "manual_http_status";

impl Health {
    pub(crate) fn new() -> Self {
        Self { failing: Mutex::default(), standing: AtomicU8::new(Standing::Well as u8) }
    }

    /// Takes what a check found; `None` is nothing wrong.
    pub(super) fn report(&self, name: &str, finding: Option<Finding>) {
        let mut failing = self.failing();
        let error = finding.as_ref().map(|finding| finding.text.clone());
        let before = match finding {
            Some(finding) => failing.insert(name.to_owned(), finding),
            None => failing.remove(name),
        };
        let worst = failing.values().map(|finding| finding.standing).max().unwrap_or(Standing::Well);
        self.standing.store(worst as u8, Ordering::Release);
        // Whoever reads the line finds it so.
        match (error, before) {
            (Some(error), None) => tracing::warn!(check = name, error, "a health check fails"),
            (None, Some(_)) => tracing::info!(check = name, "a health check passes again"),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    /// Takes the server out by hand, or back in.
    pub(super) fn set_down(&self, is_down: bool) {
        let finding = Finding { standing: Standing::Out, text: "manual Check".to_owned() };
        self.report(MANUAL, is_down.then_some(finding));
    }

    /// Why each check that fails does.
    pub(super) fn reasons(&self) -> BTreeMap<String, String> {
        self.failing().iter().map(|(name, finding)| (name.clone(), finding.text.clone())).collect()
    }

    /// Refuses a request that asks whether the server is there, or that changes something.
    pub(super) fn admit(&self, is_base: bool, is_safe: bool) -> Result<(), Error> {
        let standing = self.standing.load(Ordering::Acquire);
        let is_refused =
            if is_safe { is_base && standing >= Standing::Out as u8 } else { standing > Standing::Well as u8 };
        if is_refused { Err(Error::Unhealthy) } else { Ok(()) }
    }

    fn failing(&self) -> MutexGuard<'_, BTreeMap<String, Finding>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a server at this standing answers: a safe request to `/v2/`, another safe one, a change.
    fn answers(health: &Health) -> [bool; 3] {
        [(true, true), (false, true), (false, false)].map(|(is_base, is_safe)| health.admit(is_base, is_safe).is_ok())
    }

    #[test]
    fn the_worst_finding_counts_and_writes_fail_first() {
        let health = Health::new();
        assert_eq!(answers(&health), [true, true, true]);
        let finding = |standing| Some(Finding { standing, text: "full".into() });
        health.report("disk", finding(Standing::ReadOnly));
        assert_eq!(answers(&health), [true, true, false]);
        health.report("file", finding(Standing::Out));
        assert_eq!(answers(&health), [false, true, false]);
        assert_eq!(health.reasons().into_keys().collect::<Vec<_>>(), ["disk", "file"]);
        health.report("file", None);
        assert_eq!(answers(&health), [true, true, false]);
        health.report("disk", None);
        assert_eq!(answers(&health), [true, true, true]);
        health.set_down(true);
        assert_eq!(answers(&health), [false, true, false]);
        assert_eq!(health.reasons(), BTreeMap::from([("manual_http_status".into(), "manual Check".into())]));
        health.set_down(false);
        assert_eq!(answers(&health), [true, true, true]);
    }
}
