//! Progress of a copy: one bar for all bytes that have to move.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::cli::output::progress::{Bar, Progress};
use crate::content::progress::Listener;
use crate::content::{Event, Outcome};

/// A bar that events move. It grows with what is planned, and shrinks by what turns out to be there.
pub(super) struct Watch {
    bar: Arc<Mutex<Option<Bar>>>,
    listener: Listener,
}

impl Watch {
    pub(super) fn new(progress: &Progress, label: &str) -> Self {
        let bar = Arc::new(Mutex::new(Some(progress.bytes(label, Some(0)))));
        let total = AtomicU64::new(0);
        let shared = bar.clone();
        let listener: Listener = Arc::new(move |event| {
            let bar = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(bar) = bar.as_ref() else { return };
            match event {
                Event::Planned { bytes, .. } | Event::Again { bytes, .. } => {
                    bar.set_total(total.fetch_add(bytes, Ordering::Relaxed) + bytes);
                }
                Event::Moved { bytes, .. } => bar.advance(bytes),
                Event::Blob { outcome: Outcome::Copied, .. } | Event::Started { .. } | Event::Manifest { .. } => {}
                Event::Blob { size, .. } => {
                    // Two images may wait for the same blob and have planned it both; a bar is no ledger.
                    let before = total.load(Ordering::Relaxed);
                    total.store(before.saturating_sub(size), Ordering::Relaxed);
                    bar.set_total(before.saturating_sub(size));
                }
            }
        });
        Self { bar, listener }
    }

    pub(super) fn listener(&self) -> Listener {
        self.listener.clone()
    }

    /// Takes the bar off the screen.
    pub(super) fn finish(self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.remove();
        }
    }
}
