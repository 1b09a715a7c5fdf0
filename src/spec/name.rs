//! Names inside a registry: repository, tag, locator, upload id (distribution-spec, "Pulling manifests").
//!
//! A value of these types is safe as a path component sequence: no `..`, no empty component, no leading `_`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use super::digest::{Digest, DigestError};
use super::limits::{REPOSITORY_BYTES_MAX, TAG_BYTES_MAX};

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum NameError {
    #[error(
        "invalid repository name {0:?}: lower-case letters and digits, separated by '.', '_', '__', '-' or '/', are allowed"
    )]
    Repository(String),
    #[error("repository name is longer than {REPOSITORY_BYTES_MAX} bytes")]
    RepositoryTooLong,
    #[error("invalid tag {0:?}: up to {TAG_BYTES_MAX} letters, digits, '_', '.' and '-', not starting with '.' or '-'")]
    Tag(String),
    #[error(transparent)]
    Digest(#[from] DigestError),
    #[error("invalid upload id {0:?}")]
    Upload(String),
}

/// At most this much of a bad name is repeated in an error.
fn excerpt(text: &str) -> String {
    text.chars().take(160).collect()
}

/// A repository name: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` components joined by `/`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Repository(Arc<str>);

impl Repository {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Sorted sets of repositories are searched by text.
impl std::borrow::Borrow<str> for Repository {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Whether `text` is one component of a repository name.
fn is_component(text: &str) -> bool {
    let bytes = text.as_bytes();
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut at = 0;
    loop {
        let start = at;
        while at < bytes.len() && alphanumeric(bytes[at]) {
            at += 1;
        }
        if at == start {
            return false;
        }
        if at == bytes.len() {
            return true;
        }
        match bytes[at] {
            b'.' => at += 1,
            b'_' => at += if bytes.get(at + 1) == Some(&b'_') { 2 } else { 1 },
            b'-' => {
                while bytes.get(at) == Some(&b'-') {
                    at += 1;
                }
            }
            _ => return false,
        }
    }
}

impl FromStr for Repository {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() > REPOSITORY_BYTES_MAX {
            return Err(NameError::RepositoryTooLong);
        }
        if text.split('/').all(is_component) {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Repository(excerpt(text)))
        }
    }
}

/// A tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tag(Arc<str>);

impl Tag {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let well_formed = match text.as_bytes() {
            [first, rest @ ..] => word(*first) && rest.iter().all(|&b| word(b) || b == b'.' || b == b'-'),
            [] => false,
        };
        if well_formed && text.len() <= TAG_BYTES_MAX {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Tag(excerpt(text)))
        }
    }
}

/// What names a manifest inside a repository. (The spec calls it `<reference>`.)
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Locator {
    Tag(Tag),
    Digest(Digest),
}

impl Locator {
    pub(crate) fn tag(&self) -> Option<&Tag> {
        match self {
            Self::Tag(tag) => Some(tag),
            Self::Digest(_) => None,
        }
    }
}

impl FromStr for Locator {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.contains(':') { Ok(Self::Digest(text.parse()?)) } else { Ok(Self::Tag(text.parse()?)) }
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl From<Tag> for Locator {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for Locator {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

/// The id of an upload session: a UUID in its canonical text, as distribution names the session's directory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UploadId(Arc<str>);

impl UploadId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A version 4 UUID (RFC 9562) from 16 random bytes.
    pub(crate) fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex = data_encoding::HEXLOWER.encode(&bytes);
        let text = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
        Self(text.into())
    }
}

impl FromStr for UploadId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let well_formed = text.len() == 36
            && text.bytes().enumerate().all(|(at, b)| match at {
                8 | 13 | 18 | 23 => b == b'-',
                _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
            });
        if well_formed { Ok(Self(text.into())) } else { Err(NameError::Upload(excerpt(text))) }
    }
}

macro_rules! text_of {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
text_of!(Repository Tag UploadId);

#[cfg(test)]
#[path = "name_tests.rs"]
mod tests;
