//! The clock, the source of ids, the certificates that this machine trusts, and files that may be none. Nothing else asks
//! the operating system for the time or for randomness.

use std::fmt;
#[cfg(test)]
use std::sync::{Arc, Mutex};

#[cfg(test)]
use jiff::SignedDuration;
use jiff::Timestamp;

use crate::spec::UploadId;

pub(crate) mod files;
pub(crate) mod trust;

/// Tells the time: the system's, or one that a test moves by hand.
#[derive(Clone)]
pub(crate) enum Clock {
    System,
    #[cfg(test)]
    Manual(Arc<Mutex<Timestamp>>),
}

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            #[cfg(test)]
            Self::Manual(now) => *now.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
        }
    }

    #[cfg(test)]
    /// A clock that stands at `start` until it is moved.
    pub(crate) fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(Mutex::new(start)))
    }

    #[cfg(test)]
    /// Moves a manual clock; the system's stays what it is.
    pub(crate) fn advance(&self, by: SignedDuration) {
        if let Self::Manual(now) = self {
            let mut now = now.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *now += by;
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// Fresh random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness no upload id is safe to hand out, and Linux gives it from the first second of its life.
    getrandom::fill(&mut bytes).expect("the operating system's random source works");
    bytes
}

/// A name that nothing else has (version 4, RFC 9562).
pub(crate) fn uuid() -> String {
    upload_id().to_string()
}

/// An upload id that nobody can guess.
pub(crate) fn upload_id() -> UploadId {
    UploadId::from_random(random())
}
