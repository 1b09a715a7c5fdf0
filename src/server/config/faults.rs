//! Everything that is wrong with a configuration, so that it is said at once and not fault by fault.

use std::fmt;

use super::section::ConfigError;

/// What is wrong with a configuration, in the order of its places. Empty only while it is gathered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults(Vec<ConfigError>);

impl Faults {
    /// Keeps a fault, unless it follows from one that is known.
    pub(super) fn add(&mut self, fault: ConfigError) {
        if !self.0.iter().any(|known| fault.follows_from(known)) {
            self.0.push(fault);
        }
    }

    /// What was read; `None` where there is a fault, which is kept.
    pub(super) fn take<T>(&mut self, read: Result<T, ConfigError>) -> Option<T> {
        read.map_err(|fault| self.add(fault)).ok()
    }

    /// What was read of every item of a list. Where one has a fault the others are read all the same.
    pub(super) fn take_all<T>(&mut self, read: impl Iterator<Item = Result<T, ConfigError>>) -> Vec<T> {
        read.filter_map(|item| self.take(item)).collect()
    }

    /// Whether a section may be meant that is not there, as its name is misspelt.
    pub(super) fn misspell_a_section(&self) -> bool {
        self.0.iter().any(ConfigError::is_unknown_section)
    }

    /// # Errors
    /// Itself, if there is anything.
    pub(super) fn check(mut self) -> Result<(), Self> {
        self.0.sort_by(|a, b| a.at.cmp(&b.at));
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl From<ConfigError> for Faults {
    fn from(fault: ConfigError) -> Self {
        Self(vec![fault])
    }
}

impl IntoIterator for Faults {
    type Item = ConfigError;
    type IntoIter = std::vec::IntoIter<ConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
