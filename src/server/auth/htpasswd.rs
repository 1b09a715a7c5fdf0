//! The text of an `htpasswd` file: a user and a password hash a line. Knows no file.
//!
//! As in distribution only bcrypt is believed: the other schemes that Apache knows fall to a dictionary in minutes. A
//! user with another one is told apart, so that somebody can be told why they are refused.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

/// A line that makes the file none of this format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub(crate) struct ParseError {
    pub(crate) line: usize,
    pub(crate) reason: &'static str,
}

/// A name that no line can hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} cannot be a user: a name has no colon, no control characters, no space or # in front")]
pub(crate) struct UserError(String);

/// Users and their hashes. Comments and the order of lines survive a change.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Entries {
    lines: Vec<String>,
    /// User to the index of its line; the last line of a user counts, as in distribution.
    users: BTreeMap<String, usize>,
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entries({} users)", self.users.len())
    }
}

impl Entries {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// The first line that is neither empty, a comment, nor a user and a hash.
    pub(crate) fn parse(text: &str) -> Result<Self, ParseError> {
        let mut entries = Self::default();
        for (at, line) in text.lines().enumerate() {
            let trimmed = line.trim();
            if !trimmed.is_empty() && !trimmed.starts_with('#') {
                let wrong = |reason| ParseError { line: at + 1, reason };
                let (user, _) = trimmed.split_once(':').ok_or_else(|| wrong("expected USER:HASH"))?;
                if user.is_empty() {
                    return Err(wrong("the user has no name"));
                }
                entries.users.insert(user.to_owned(), at);
            }
            entries.lines.push(line.to_owned());
        }
        Ok(entries)
    }

    /// The users, in byte order.
    pub(crate) fn users(&self) -> impl Iterator<Item = &str> {
        self.users.keys().map(String::as_str)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// What stands behind a user, whatever its scheme.
    pub(crate) fn hash(&self, user: &str) -> Option<&str> {
        let line = self.lines.get(*self.users.get(user)?)?.trim();
        line.split_once(':').map(|(_, hash)| hash)
    }

    /// Gives a user a hash, in its line or in a new one. Answers whether the user was there.
    ///
    /// # Errors
    /// A name that no line can hold.
    pub(crate) fn set(&mut self, user: &str, hash: &str) -> Result<bool, UserError> {
        let is_name = !user.is_empty() && user.trim() == user && !user.starts_with('#');
        if !is_name || user.contains(':') || user.chars().any(char::is_control) {
            return Err(UserError(user.to_owned()));
        }
        let was_there = self.remove(user);
        self.users.insert(user.to_owned(), self.lines.len());
        self.lines.push(format!("{user}:{hash}"));
        Ok(was_there)
    }

    /// Removes a user, every line of it. Answers whether there was one.
    pub(crate) fn remove(&mut self, user: &str) -> bool {
        if !self.users.contains_key(user) {
            return false;
        }
        let of_user = |line: &str| line.trim().split_once(':').is_some_and(|(name, _)| name == user);
        let text: Vec<&str> = self.lines.iter().map(String::as_str).filter(|line| !of_user(line)).collect();
        // What was read once is read again without a part of it.
        *self = Self::parse(&text.join("\n")).unwrap_or_default();
        true
    }

    /// The file.
    pub(crate) fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Users whose hash is no bcrypt: each with the name of its scheme.
    pub(crate) fn unusable(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.users().filter_map(|user| Some((user, foreign_scheme(self.hash(user)?)?)))
    }

    /// The hash of a user, if it is a bcrypt.
    pub(crate) fn bcrypt(&self, user: &str) -> Option<&str> {
        self.hash(user).filter(|hash| foreign_scheme(hash).is_none())
    }

    /// The bcrypt hashes of all users.
    pub(crate) fn all_bcrypt(&self) -> Vec<&str> {
        self.users().filter_map(|user| self.bcrypt(user)).collect()
    }
}

/// The name of a scheme that is not believed; `None` for bcrypt.
fn foreign_scheme(hash: &str) -> Option<&'static str> {
    let is_bcrypt = ["$2a$", "$2b$", "$2x$", "$2y$"].iter().any(|prefix| hash.starts_with(prefix));
    if is_bcrypt && hash.parse::<bcrypt::HashParts>().is_ok() {
        return None;
    }
    Some(match hash {
        _ if is_bcrypt => "a damaged bcrypt hash",
        _ if hash.starts_with("$apr1$") => "MD5 (apr1)",
        _ if hash.starts_with("{SHA}") => "SHA-1",
        _ if hash.starts_with("$5$") => "SHA-256 (crypt)",
        _ if hash.starts_with("$6$") => "SHA-512 (crypt)",
        _ => "crypt or plain text",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e";

    #[test]
    fn a_file_as_people_have_it() {
        let text = format!("# the team\n\nalice:{HASH}\n  bob:$apr1$x$y  \r\nalice:{HASH}\ncarol:{{SHA}}0\ndave:pw\n");
        let entries = Entries::parse(&text).expect("a file");
        assert_eq!(entries.users().collect::<Vec<_>>(), ["alice", "bob", "carol", "dave"]);
        assert_eq!(entries.hash("alice"), Some(HASH));
        assert_eq!(entries.hash("bob"), Some("$apr1$x$y"));
        assert_eq!(entries.hash("Alice"), None);
        assert_eq!(entries.all_bcrypt(), [HASH]);
        assert_eq!((entries.bcrypt("alice"), entries.bcrypt("bob")), (Some(HASH), None));
        let unusable: Vec<_> = entries.unusable().collect();
        assert_eq!(unusable, [("bob", "MD5 (apr1)"), ("carol", "SHA-1"), ("dave", "crypt or plain text")]);
        assert!(Entries::parse("").expect("a file").is_empty());
    }

    #[test]
    fn users_are_added_changed_and_removed() {
        let mut entries = Entries::parse("# team\nalice:old\n\nbob:b\nalice:older\n").expect("a file");
        assert_eq!(entries.set("carol", HASH), Ok(false));
        assert_eq!(entries.set("alice", HASH), Ok(true));
        assert_eq!(entries.text(), format!("# team\n\nbob:b\ncarol:{HASH}\nalice:{HASH}\n"));
        assert_eq!(entries.bcrypt("alice"), Some(HASH));
        assert!(entries.remove("bob") && !entries.remove("bob") && !entries.remove("# team"));
        assert_eq!(entries.text(), format!("# team\n\ncarol:{HASH}\nalice:{HASH}\n"));
        assert_eq!(Entries::parse(&entries.text()), Ok(entries.clone()));
        for name in ["", "a:b", "a\nb", " a", "a ", "#a", "a\u{7}"] {
            assert_eq!(entries.set(name, HASH), Err(UserError(name.into())), "{name:?}");
        }
    }

    #[test]
    fn lines_that_are_none() {
        for (text, line) in [("alice", 1), ("\n# c\nalice hash", 3), (":hash", 1), ("a:b\n:", 2)] {
            assert_eq!(Entries::parse(text).map_err(|error| error.line), Err(line), "{text:?}");
        }
    }

    #[test]
    fn only_whole_bcrypt_hashes_are_believed() {
        let cut = &HASH[..HASH.len() - 1];
        for (hash, believed) in [(HASH, true), (cut, false), ("$2y$05$", false), ("$2y$99$x", false), ("", false)] {
            assert_eq!(foreign_scheme(hash).is_none(), believed, "{hash:?}");
        }
        assert!(foreign_scheme(&HASH.replace("$2y$", "$2a$")).is_none());
        assert!(foreign_scheme(&HASH.replace("$2y$", "$2z$")).is_some());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "(?s).{0,300}") {
            if let Ok(entries) = Entries::parse(&text) {
                for user in entries.users() {
                    assert!(entries.hash(user).is_some());
                }
                let _ = (entries.all_bcrypt(), entries.unusable().count());
            }
        }
    }
}
