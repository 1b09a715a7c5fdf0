//! What a caller may do, once it is known who they are.

use std::sync::Arc;

use super::User;
use super::rules::{self, Action, Grant, Rules};
use crate::spec::{Repository, Scopes};

/// What a caller may do: everything, unless something narrows it.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct Rights {
    pub(super) user: Option<User>,
    /// `access.rules`
    pub(super) rules: Option<Arc<Rules>>,
    /// What the API token allows that was shown.
    pub(super) grants: Option<Arc<[Grant]>>,
}

impl Rights {
    /// Whether there may be something that the caller may not do.
    pub(in crate::server) fn are_limited(&self) -> bool {
        self.rules.is_some() || self.grants.is_some()
    }

    pub(in crate::server) fn allow(&self, action: Action, repository: &Repository) -> bool {
        let user = self.user.as_ref().map(|User(name)| name.as_str());
        self.rules.as_ref().is_none_or(|rules| rules.allows(user, action, repository))
            && self.grants.as_ref().is_none_or(|grants| grants.iter().any(|grant| grant.allows(action, repository)))
    }

    /// Whether somebody unknown may do anything.
    pub(super) fn admit_strangers(&self) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.admit_strangers())
    }

    /// Whether everything that is listed is allowed. Whoever may do anything may ask for the catalog, which shows them
    /// what they may pull.
    pub(super) fn cover(&self, scopes: &Scopes) -> bool {
        if !self.are_limited() {
            return true;
        }
        let lists = self.user.is_some() || self.admit_strangers();
        rules::cover(scopes, lists, |action, repository| self.allow(action, repository))
    }
}
