//! API tokens: secrets that stand for a user, for some repositories and actions, until some day.
//!
//! A secret is `reg_` and 56 characters: eight name the token, forty are random, eight are a checksum, by which scanners tell
//! a leaked one from other text without asking anybody. It is random enough for a plain hash: nobody guesses 200 bits.
//!
//! Values and their file format; knows no file.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::rules::{self, Action, Grant, Patterns};
use crate::sys;

/// What every secret begins with.
pub(super) const PREFIX: &str = "reg_";

/// Characters of the name, the random part and the checksum.
const ID_CHARS: usize = 8;
const SECRET_CHARS: usize = 40;
const CHECK_CHARS: usize = 8;

/// Longest name of a token or an owner, in characters.
const NAME_CHARS_MAX: usize = 255;

/// Most tokens of one file.
const TOKENS_MAX: usize = 20_000;

/// Why a text is no file of API tokens.
#[derive(Debug, Error)]
pub(crate) enum ParseError {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("it is of version {0}, and only 1 is known")]
    Version(u32),
    #[error("there are more than {TOKENS_MAX} tokens")]
    TooMany,
    #[error("token {id:?}: {reason}")]
    Token { id: String, reason: String },
}

/// A text that is no scope of an API token.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no scope: expected REPOSITORIES:ACTION[,ACTION…], such as team/**:pull,push")]
pub(crate) struct ScopeError(String);

/// One token, as its file has it. What is not known makes the file unreadable: it could have been a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiToken {
    /// What it is listed and revoked by; no secret.
    pub(crate) id: String,
    /// What it is for, in its owner's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The user it stands for.
    pub(crate) owner: String,
    /// Such as `team/**:pull,push`.
    pub(crate) scopes: Vec<String>,
    pub(crate) created: Timestamp,
    /// Without: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<Timestamp>,
    /// SHA-256 of the secret, in hexadecimal.
    sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    tokens: Vec<ApiToken>,
}

/// A secret that somebody shows, whose checksum is right.
pub(super) struct Shown<'a> {
    id: &'a str,
    hash: [u8; 32],
}

impl<'a> Shown<'a> {
    /// `None` where the text is no secret of ours: a password, or one that was mistyped.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        if rest.len() != ID_CHARS + SECRET_CHARS + CHECK_CHARS || !rest.is_ascii() {
            return None;
        }
        let (body, check) = text.split_at(text.len() - CHECK_CHARS);
        (checksum(body) == check).then(|| Self { id: &rest[..ID_CHARS], hash: Sha256::digest(text).into() })
    }

    pub(super) fn id(&self) -> &str {
        self.id
    }
}

/// All tokens of a file.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct ApiTokens {
    /// Each with what it allows, by its id.
    tokens: BTreeMap<String, (ApiToken, Arc<[Grant]>)>,
}

/// What a token is good for now.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) id: String,
    pub(super) owner: String,
    pub(super) grants: Arc<[Grant]>,
}

impl ApiTokens {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// It is no file of tokens, or one that may mean more than is known here.
    pub(crate) fn parse(text: &str) -> Result<Self, ParseError> {
        let document: Document = serde_json::from_str(text)?;
        if document.version != 1 {
            return Err(ParseError::Version(document.version));
        }
        if document.tokens.len() > TOKENS_MAX {
            return Err(ParseError::TooMany);
        }
        let mut all = Self::default();
        for token in document.tokens {
            let wrong = |reason: &str| ParseError::Token { id: token.id.clone(), reason: reason.into() };
            if all.find(&token.id).is_some() {
                return Err(wrong("there are two of them"));
            }
            let is_hash = HEXLOWER.decode(token.sha256.as_bytes()).is_ok_and(|hash| hash.len() == 32);
            if !is_id(&token.id) || !is_name(&token.owner) || !is_hash {
                return Err(wrong("id, owner or sha256 cannot be what they are for"));
            }
            let grants = token.scopes.iter().map(|scope| read_scope(scope)).collect::<Result<Vec<_>, _>>();
            let grants = grants.map_err(|error| wrong(&error.to_string()))?;
            all.tokens.insert(token.id.clone(), (token, grants.into()));
        }
        Ok(all)
    }

    /// The file.
    pub(crate) fn text(&self) -> String {
        let document = Document { version: 1, tokens: self.iter().cloned().collect() };
        serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
    }

    /// The tokens, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &ApiToken> {
        let mut all: Vec<&ApiToken> = self.tokens.values().map(|(token, _)| token).collect();
        all.sort_by_key(|token| token.created);
        all.into_iter()
    }

    pub(crate) fn find(&self, id: &str) -> Option<&ApiToken> {
        self.tokens.get(id).map(|(token, _)| token)
    }

    /// Makes a token; its secret is nowhere else.
    ///
    /// # Errors
    /// A scope that is none.
    pub(crate) fn create(&mut self, draft: Draft<'_>) -> Result<(ApiToken, String), ScopeError> {
        let grants = draft.scopes.iter().map(|scope| read_scope(scope)).collect::<Result<Vec<_>, _>>()?;
        let id = loop {
            let id = letters(&sys::random::<5>());
            if self.find(&id).is_none() {
                break id;
            }
        };
        let body = format!("{PREFIX}{id}{}", letters(&sys::random::<25>()));
        let secret = format!("{body}{}", checksum(&body));
        let token = ApiToken {
            id: id.clone(),
            name: draft.name.map(str::to_owned),
            owner: draft.owner.to_owned(),
            scopes: draft.scopes.to_vec(),
            created: draft.created,
            expires: draft.expires,
            sha256: HEXLOWER.encode(&Sha256::digest(&secret)),
        };
        self.tokens.insert(id, (token.clone(), grants.into()));
        Ok((token, secret))
    }

    /// Takes a token away. Answers whether it was there.
    pub(crate) fn revoke(&mut self, id: &str) -> bool {
        self.tokens.remove(id).is_some()
    }

    /// Whose secret this is, if it counts at `now`.
    pub(super) fn holder(&self, shown: &Shown<'_>, now: Timestamp) -> Option<Holder> {
        let holder = self.holder_by_id(shown.id, now)?;
        let hash = HEXLOWER.decode(self.find(shown.id)?.sha256.as_bytes()).ok()?;
        verify_slices_are_equal(&hash, &shown.hash).ok().map(|()| holder)
    }

    /// The same of a token that was verified before.
    pub(super) fn holder_by_id(&self, id: &str, now: Timestamp) -> Option<Holder> {
        let (token, grants) = self.tokens.get(id)?;
        let counts = token.expires.is_none_or(|expires| now < expires);
        counts.then(|| Holder { id: token.id.clone(), owner: token.owner.clone(), grants: Arc::clone(grants) })
    }
}

impl fmt::Debug for ApiTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiTokens({})", self.tokens.len())
    }
}

/// A token that is to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) owner: &'a str,
    pub(crate) scopes: &'a [String],
    pub(crate) created: Timestamp,
    pub(crate) expires: Option<Timestamp>,
}

/// Whether a text can name an owner or a token.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.chars().count() <= NAME_CHARS_MAX
        && !text.contains(':')
        && !text.chars().any(char::is_control)
}

fn is_id(text: &str) -> bool {
    text.len() == ID_CHARS && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// Reads `team/**:pull,push`; `*` is every action.
///
/// # Errors
/// It is none.
pub(crate) fn read_scope(text: &str) -> Result<Grant, ScopeError> {
    let wrong = || ScopeError(text.chars().take(160).collect());
    let (pattern, actions) = text.rsplit_once(':').ok_or_else(wrong)?;
    let patterns = Patterns::new(vec![pattern.to_owned()]).map_err(|_| wrong())?;
    if actions == rules::ALL {
        return Ok(Grant::new(patterns, Action::ALL));
    }
    let actions =
        actions.split(',').map(|name| Action::named(name).ok_or_else(wrong)).collect::<Result<Vec<_>, _>>()?;
    Ok(Grant::new(patterns, actions))
}

/// Forty bits of a hash: what a scanner looks at.
fn checksum(body: &str) -> String {
    letters(&Sha256::digest(body)[..5])
}

/// Five bytes are eight characters.
fn letters(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

#[cfg(test)]
#[path = "api_token_tests.rs"]
mod tests;
