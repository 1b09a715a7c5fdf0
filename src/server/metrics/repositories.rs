//! What is pulled and pushed, by repository: a bounded number of series, however many repositories there are.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use prometheus::{IntCounter, IntCounterVec, Registry};

use super::counters;
use crate::server::deeds::Action;
use crate::spec::Repository;

/// Repositories with series of their own: the first that are used after the start. A series never ends, so that a rate
/// means what it says; all others are counted together.
const REPOSITORIES_MAX: usize = 200;

/// In place of the name of a repository; none has it.
const OTHERS: &str = "_other";

/// Of one repository: pulls and pushes of blobs, and of manifests.
#[derive(Clone)]
struct Counts([[IntCounter; 2]; 2]);

pub(in crate::server) struct Repositories {
    vectors: [IntCounterVec; 2],
    known: RwLock<HashMap<Repository, Counts>>,
    others: Counts,
}

impl Repositories {
    pub(super) fn new(all: &Registry) -> prometheus::Result<Self> {
        let labels = &["repository", "type"];
        let vectors = [
            counters(all, "registry_repository_pulls_total", "Blobs and manifests that were pulled", labels)?,
            counters(
                all,
                "registry_repository_pushes_total",
                "Blobs and manifests that were pushed or mounted",
                labels,
            )?,
        ];
        let others = Counts::of(&vectors, OTHERS);
        Ok(Self { vectors, known: RwLock::default(), others })
    }

    /// Counts what a request did.
    pub(in crate::server) fn count(&self, action: Action, repository: &Repository, is_blob: bool) {
        let action = match action {
            Action::Pull => 0,
            Action::Push | Action::Mount => 1,
            Action::Delete => return,
        };
        let kind = usize::from(!is_blob);
        if let Some(counts) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(repository) {
            counts.0[action][kind].inc();
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REPOSITORIES_MAX && !known.contains_key(repository) {
            self.others.0[action][kind].inc();
            return;
        }
        let counts =
            known.entry(repository.clone()).or_insert_with(|| Counts::of(&self.vectors, &repository.to_string()));
        counts.0[action][kind].inc();
    }
}

impl Counts {
    fn of(vectors: &[IntCounterVec; 2], name: &str) -> Self {
        let counter = |vector: &IntCounterVec, kind: &str| vector.with_label_values(&[name, kind]);
        Self([0, 1].map(|at: usize| ["blob", "manifest"].map(|kind| counter(&vectors[at], kind))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_series_has_an_end() {
        let all = Registry::new();
        let repositories = Repositories::new(&all).expect("metrics");
        for round in 0..2 {
            for number in 0..REPOSITORIES_MAX + 5 {
                let name = format!("r{number}").parse().expect("a name");
                repositories.count(Action::Pull, &name, true);
                repositories.count(Action::Mount, &name, true);
                repositories.count(Action::Push, &name, round == 0);
                repositories.count(Action::Delete, &name, false);
            }
        }
        let text = prometheus::TextEncoder::new().encode_to_string(&all.gather()).expect("a text");
        assert_eq!(text.matches("registry_repository_pulls_total{").count(), 2 * (REPOSITORIES_MAX + 1));
        for line in [
            "registry_repository_pulls_total{repository=\"r0\",type=\"blob\"} 2",
            "registry_repository_pulls_total{repository=\"r0\",type=\"manifest\"} 0",
            "registry_repository_pushes_total{repository=\"r199\",type=\"blob\"} 3",
            "registry_repository_pushes_total{repository=\"_other\",type=\"manifest\"} 5",
            "registry_repository_pulls_total{repository=\"_other\",type=\"blob\"} 10",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
