//! The document of a plan, read back: where it is for, and what it wants gone.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;

use crate::cli::failure::{Failure, Kind};
use crate::cli::gc_plan::SCHEMA;
use crate::gc::recheck::Wish;
use crate::spec::{Digest, Host};

/// Largest plan that is read, in bytes. An item takes some 300.
const PLAN_BYTES_MAX: u64 = 1 << 30;

/// Where a plan is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum At {
    Registry(Host),
    /// A storage directory, or the configuration of a server.
    Storage(PathBuf),
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Saved {
    pub(super) at: At,
    pub(super) planned_at: Timestamp,
    pub(super) wishes: Vec<Wish>,
    /// How each of them is called.
    pub(super) references: Vec<String>,
}

#[derive(Deserialize)]
struct Document {
    schema: String,
    source: Source,
    planned_at: Timestamp,
    items: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Source {
    Registry(String),
    Storage(PathBuf),
}

#[derive(Deserialize)]
struct Item {
    reference: String,
    action: String,
    digest: Option<Digest>,
}

impl Saved {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let called = path.display();
        let cannot = |error: std::io::Error| Failure::new(Kind::Usage, error).context(format!("cannot read {called}"));
        if std::fs::metadata(path).map_err(cannot)?.len() > PLAN_BYTES_MAX {
            return Err(Failure::usage(format!("{called} is too large for a plan")));
        }
        let text = std::fs::read_to_string(path).map_err(cannot)?;
        Self::parse(&text).map_err(|failure| {
            failure.context(format!("{called} is no plan")).with_hint("reg gc-plan --out FILE writes one")
        })
    }

    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let document: Document = serde_json::from_str(text).map_err(|error| Failure::new(Kind::Usage, error))?;
        if document.schema != SCHEMA {
            return Err(Failure::usage(format!("its schema is {:?}, not {SCHEMA:?}", document.schema)));
        }
        let (at, prefix) = match document.source {
            Source::Registry(host) => {
                let host = host.parse::<Host>().map_err(Failure::from)?;
                let prefix = format!("{}/", host.in_reference());
                (At::Registry(host), prefix)
            }
            Source::Storage(path) => (At::Storage(path), String::new()),
        };
        let mut saved = Self { at, planned_at: document.planned_at, wishes: vec![], references: vec![] };
        for item in document.items {
            let wish = wish(&item, &prefix)
                .ok_or_else(|| Failure::usage(format!("it wants to {} {:?}", item.action, item.reference)))?;
            if let Some(wish) = wish {
                saved.wishes.push(wish);
                saved.references.push(item.reference);
            }
        }
        Ok(saved)
    }
}

/// What an item wants gone, which may be nothing; `None` where it says no such thing.
fn wish(item: &Item, prefix: &str) -> Option<Option<Wish>> {
    let name = item.reference.strip_prefix(prefix);
    Some(Some(match item.action.as_str() {
        "keep" => return Some(None),
        "free" => Wish::Free(item.digest?),
        "untag" => {
            let (repository, tag) = name?.rsplit_once(':')?;
            Wish::Untag(repository.parse().ok()?, tag.parse().ok()?, item.digest?)
        }
        "purge" => {
            let (repository, upload) = name?.split_once(" upload ")?;
            Wish::Purge(repository.parse().ok()?, upload.parse().ok()?)
        }
        action => {
            let (repository, digest) = name?.rsplit_once('@')?;
            let (repository, digest) = (repository.parse().ok()?, digest.parse().ok()?);
            match action {
                "delete" => Wish::Delete(repository, digest),
                "unlink" => Wish::Unlink(repository, digest),
                _ => return None,
            }
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn document(source: &str, action: &str, reference: &str) -> String {
        format!(
            r#"{{"schema":"reg.gc-plan/v1","source":{source},"planned_at":"2026-01-02T03:04:05Z","more":1,
               "items":[{{"reference":"{reference}","action":"{action}","result":"planned","reason":"","digest":"{DIGEST}"}}]}}"#
        )
    }

    #[test]
    fn plans_are_read_back() {
        let digest: Digest = DIGEST.parse().expect("valid");
        let app = || "team/app".parse().expect("valid");
        let storage = r#"{"storage":"/data"}"#;
        for (action, reference, wish) in [
            ("untag", "team/app:v1".to_owned(), Wish::Untag(app(), "v1".parse().expect("valid"), digest)),
            ("delete", format!("team/app@{DIGEST}"), Wish::Delete(app(), digest)),
            ("unlink", format!("team/app@{DIGEST}"), Wish::Unlink(app(), digest)),
            ("free", DIGEST.to_owned(), Wish::Free(digest)),
        ] {
            let saved = Saved::parse(&document(storage, action, &reference)).expect("a plan");
            assert_eq!((saved.at, saved.wishes), (At::Storage("/data".into()), vec![wish.clone()]));
            if action != "free" {
                let remote =
                    document(r#"{"registry":"localhost:5000"}"#, action, &format!("localhost:5000/{reference}"));
                let saved = Saved::parse(&remote).expect("a plan");
                assert_eq!(
                    (saved.at, saved.wishes),
                    (At::Registry("localhost:5000".parse().expect("valid")), vec![wish])
                );
            }
        }
        let kept = Saved::parse(&document(storage, "keep", "team/app")).expect("a plan");
        assert_eq!((kept.wishes, kept.references), (vec![], Vec::<String>::new()));
    }

    #[test]
    fn what_is_no_plan_is_refused() {
        let storage = r#"{"storage":"/data"}"#;
        for (action, reference) in
            [("erase", "team/app:v1"), ("untag", "team/app"), ("delete", "team/app:v1"), ("untag", "App:v1")]
        {
            assert!(Saved::parse(&document(storage, action, reference)).is_err(), "{action} {reference}");
        }
        let other = document(r#"{"registry":"localhost:5000"}"#, "untag", "other:5000/team/app:v1");
        assert!(Saved::parse(&other).is_err());
        for text in ["", "{}", "[]", &document(storage, "keep", "a").replace("gc-plan/v1", "gc-plan/v2")] {
            assert!(Saved::parse(text).is_err(), "{text}");
        }
    }
}
