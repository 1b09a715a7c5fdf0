//! The planner of garbage collection and retention: what is there ([`Inventory`]), what should stay ([`Policy`]), and
//! what follows from both ([`Plan`]).
//!
//! Pure: no I/O, no clock, the same answer for the same question. `reg gc-plan` fills the inventory from a storage
//! directory or over the API of any registry, a server from its own driver; all of them get their plan here.
//!
//! Three rules stand above every policy: keep beats delete; what a kept tag reaches is never deleted; a repository that
//! could not be read whole is left alone, with everything that it may refer to.

pub(crate) mod account;
pub(crate) mod explain;
pub(crate) mod inventory;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod reading;
pub(crate) mod recheck;
pub(crate) mod retention;
pub(crate) mod view;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod plan_tests;

pub(crate) use explain::explain;
pub(crate) use inventory::{ContentId, Inventory};
pub(crate) use plan::{Plan, plan};
pub(crate) use policy::{Policy, Rule};
