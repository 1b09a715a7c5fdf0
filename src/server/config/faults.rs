//! Everything that is wrong with a configuration, so that it is said at once and not fault by fault.

use std::collections::HashSet;
use std::fmt;

use super::section::ConfigError;
use super::tree::Origin;

/// Most faults that are said of one configuration. Who has written more has written another file than they meant.
const SAID_MAX: usize = 100;

/// What is wrong with a configuration, in the order of its places. Empty only while it is gathered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// The first of them, and while they are gathered some more.
    said: Vec<ConfigError>,
    /// How many there are beside those.
    more: usize,
    known: Known,
}

/// What another fault may follow from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    values: HashSet<(String, Origin)>,
    /// Keys that are not known, and the sections that they are in.
    misspelt: HashSet<String>,
    sections: HashSet<String>,
}

impl Known {
    /// Whether a fault is said already: of the same value, or of what a misspelt key was to say.
    fn imply(&self, fault: &ConfigError) -> bool {
        let meant = |path: &str| self.sections.contains(path);
        self.misspelt.contains(fault.path())
            || self.values.contains(&(fault.path().to_owned(), fault.at.clone()))
            || (fault.is_missing() && (meant(fault.path()) || meant(fault.section())))
    }

    fn add(&mut self, fault: &ConfigError) {
        if fault.is_unknown() {
            self.misspelt.insert(fault.path().to_owned());
            self.sections.insert(fault.section().to_owned());
        }
        self.values.insert((fault.path().to_owned(), fault.at.clone()));
    }
}

impl Faults {
    /// Keeps a fault, unless it follows from one that is known.
    pub(super) fn add(&mut self, fault: ConfigError) {
        if self.known.imply(&fault) {
            return;
        }
        self.known.add(&fault);
        self.said.push(fault);
        // Not with each: they are put in their order for that.
        if self.said.len() == 2 * SAID_MAX {
            self.shorten(SAID_MAX);
        }
    }

    /// Lets go of all but the first of them, and counts the others.
    fn shorten(&mut self, most: usize) {
        self.said.sort_by(|a, b| a.at.cmp(&b.at));
        self.more += self.said.len().saturating_sub(most);
        self.said.truncate(most);
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
        self.known.sections.contains("")
    }

    /// # Errors
    /// Itself, if there is anything.
    pub(super) fn check(mut self) -> Result<(), Self> {
        self.shorten(SAID_MAX);
        if self.said.is_empty() { Ok(()) } else { Err(self) }
    }

    /// The same, of which fewer are said.
    pub(crate) fn first(mut self, most: usize) -> Self {
        self.shorten(most);
        self
    }

    /// Those that are said.
    pub(crate) fn said(self) -> impl Iterator<Item = ConfigError> {
        self.said.into_iter()
    }

    /// How many there are that nobody says.
    pub(crate) fn unsaid(&self) -> usize {
        self.more
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.said.len() + self.more
    }
}

impl From<ConfigError> for Faults {
    fn from(fault: ConfigError) -> Self {
        Self { said: vec![fault], ..Self::default() }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.said.iter().enumerate() {
            write!(f, "{}{fault}", if at == 0 { "" } else { "; " })?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for Faults {}

#[cfg(test)]
mod tests {
    use super::super::tree::Position;
    use super::*;

    fn fault(line: usize, path: &str) -> ConfigError {
        let at = Origin::File { name: "f".into(), position: Position { line, column: 1 } };
        ConfigError::at(at, path, "is wrong")
    }

    #[test]
    fn the_first_of_many_are_said_and_the_others_counted() {
        let mut faults = Faults::default();
        // From the last to the first: it is the place that counts, and each of them twice.
        for line in (1..=30_000).rev() {
            faults.add(fault(line, "a.b"));
            faults.add(fault(line, "a.b"));
        }
        let faults = faults.check().expect_err("many");
        assert_eq!((faults.len(), faults.unsaid()), (30_000, 29_900));
        let lines: Vec<String> = faults.clone().said().map(|fault| fault.to_string()).collect();
        assert_eq!(
            (lines.len(), lines[0].as_str(), lines[99].as_str()),
            (100, "f:1:1: a.b: is wrong", "f:100:1: a.b: is wrong")
        );
        assert_eq!(faults.first(2).to_string(), "f:1:1: a.b: is wrong; f:2:1: a.b: is wrong; and 29998 more");
    }

    #[test]
    fn as_many_as_are_said_leave_nothing_out() {
        let mut faults = Faults::default();
        (1..=100).for_each(|line| faults.add(fault(line, "a")));
        let faults = faults.check().expect_err("faults");
        assert_eq!((faults.len(), faults.unsaid()), (100, 0));
        assert_eq!(Faults::default().check(), Ok(()));
    }

    #[test]
    fn what_a_file_says_is_one_line_that_ends() {
        let path = format!("a\nerror: forged\t{}", "x".repeat(1 << 20));
        let shown = fault(1, &path).with_hint("b\nc").to_string();
        assert!(shown.starts_with("f:1:1: a\\nerror: forged\\txxx") && shown.ends_with("x…: is wrong"), "{shown}");
        assert!(shown.len() < 300, "{}", shown.len());
    }
}
