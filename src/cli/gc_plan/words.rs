//! Reasons of a plan in words.

use crate::gc::inventory::{ContentId, Holding};
use crate::gc::plan::{Fate, TagWhy};
use crate::gc::retention::{KeepReason, Vote};
use crate::gc::view::{Root, Via};
use crate::gc::{Inventory, Policy};

/// Says reasons about things in one repository.
pub(super) struct Words<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) policy: &'a Policy,
    pub(super) holding: &'a Holding,
}

impl Words<'_> {
    /// Why a tag stays or goes.
    pub(super) fn tag(&self, why: TagWhy, fate: Fate) -> String {
        match why {
            TagWhy::Vote(vote) => self.vote(vote),
            TagWhy::Companion(subject) if fate == Fate::Go => {
                format!("named after {}, which goes", self.digest(subject))
            }
            TagWhy::Companion(subject) => format!("named after {}, which stays", self.digest(subject)),
            TagWhy::Stray => "named after a manifest that is not here".into(),
            TagWhy::LeftAlone => "the repository is left alone".into(),
        }
    }

    /// Why a manifest or blob stays or goes.
    pub(super) fn via(&self, via: Via, fate: Fate) -> String {
        let end = if fate == Fate::Go { "goes" } else { "stays" };
        match via {
            Via::Root(Root::Tag(at)) => format!("tag {} {end}", self.holding.tags[at].tag),
            Via::Root(Root::Untagged(Vote::None)) => "untagged, and no rule selects it".into(),
            Via::Root(Root::Untagged(vote)) => format!("untagged: {}", self.vote(vote)),
            Via::Root(Root::Recent) => "written within the grace period".into(),
            Via::Root(Root::LeftAlone) => "the repository is left alone".into(),
            Via::Child(of) => format!("listed by {}, which {end}", self.digest(of)),
            Via::Referrer(of) => format!("refers to {}, which {end}", self.digest(of)),
            Via::Companion(of, at) => {
                format!("tag {} is named after {}, which {end}", self.holding.tags[at].tag, self.digest(of))
            }
        }
    }

    fn vote(&self, vote: Vote) -> String {
        let rule = |at: usize| &self.policy.rules[at];
        match vote {
            Vote::None => "no rule selects it".into(),
            Vote::Delete(at) => rule(at).name.clone(),
            Vote::Keep(at, KeepReason::Protected) => format!("kept by {}", rule(at).name),
            Vote::Keep(at, KeepReason::Excepted) => format!("excepted by {}", rule(at).name),
            Vote::Keep(at, KeepReason::Newest) => {
                format!("among the newest {} ({})", rule(at).keep.unwrap_or_default(), rule(at).name)
            }
            Vote::Keep(at, KeepReason::UnknownAge) => format!("its age is unknown ({})", rule(at).name),
        }
    }

    fn digest(&self, id: ContentId) -> String {
        self.inventory.digest(id).to_string()
    }
}
