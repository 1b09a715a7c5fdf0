//! An inventory over the API of a registry: its repositories, their tags, what the tags reach, and what refers to that.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _};

use super::What;
use super::source::{Place, Source};
use crate::cli::context::Context;
use crate::cli::enrich::Enricher;
use crate::cli::failure::{Explain as _, Failure, Kind};
use crate::cli::output::progress::Bar;
use crate::cli::survey::{Dates, Survey};
use crate::client::{Remote, RemoteRepository};
use crate::content::Source as _;
use crate::gc::inventory::{Blocked, Holding, Sight};
use crate::gc::policy::AgeSource;
use crate::gc::{Inventory, Policy};
use crate::spec::limits::{CATALOG_PAGE_MAX, INDEX_DEPTH_MAX};
use crate::spec::{Digest, Host, Locator, Repository};

/// Repositories that are read at the same time; each reads several manifests at once.
const REPOSITORIES: usize = 4;

/// Lists of referrers that are read at the same time in one repository.
const CONCURRENCY: usize = 8;

pub(super) async fn read(context: &Context, args: &What, policy: &Policy) -> Result<Source, Failure> {
    if policy.age == AgeSource::Pushed && policy.rules.iter().any(crate::gc::Rule::is_about_age) {
        return Err(Failure::usage("when something was pushed cannot be seen over the API")
            .with_hint("--age-by created, or --storage DIR"));
    }
    let (host, names) = targets(context, args)?;
    let remote = context.remote(&host)?;
    let names = match names {
        Some(names) => names,
        None => catalog(&remote, &host).await?,
    };
    let bar = context.output.progress().objects("reading tags", None);
    let mut read = stream::iter(&names)
        .map(|name| async {
            let repository = remote.repository(name);
            let enricher = Enricher::new(repository.clone());
            let surveyed = survey(&repository, &enricher, &bar).await;
            // Asked for in here: whoever waits for a turn while these futures rest would wait for ever.
            let dates = match &surveyed {
                Ok(survey) if policy.needs_created() => survey.dates(&enricher).await,
                _ => Dates::default(),
            };
            (repository, dates, surveyed)
        })
        .buffered(REPOSITORIES);
    let mut inventory = Inventory::new(Sight::Api);
    while let Some((repository, dates, surveyed)) = read.next().await {
        match surveyed {
            Ok(survey) => {
                survey.fill(&repository, &mut inventory);
                dates.fill(&mut inventory);
            }
            // Gone since the catalog was read, or never pushed to: nothing to plan.
            Err(failure) if failure.kind() == Kind::NotFound && args.targets.is_empty() => {}
            Err(failure) if names.len() == 1 => {
                let name = repository.name();
                return Err(failure.at(&host).context(format!("cannot plan for {host}/{name}")));
            }
            Err(failure) => {
                let mut holding = Holding::new(repository.name().clone());
                holding.block(Blocked::Failed(failure.line()));
                inventory.repositories.push(holding);
            }
        }
    }
    drop(read);
    bar.remove();
    inventory.finish();
    Ok(Source { inventory, place: Place::Registry(host) })
}

/// The registry, and the repositories in question; `None` for all of them.
fn targets(context: &Context, args: &What) -> Result<(Host, Option<BTreeSet<Repository>>), Failure> {
    let mut hosts = BTreeSet::new();
    let mut names = BTreeSet::new();
    for target in &args.targets {
        if is_host(target) {
            let host = context.host(Some(target)).map_err(|failure| one_image(context, target).unwrap_or(failure))?;
            hosts.insert(host);
        } else if let Some(failure) = one_image(context, target) {
            return Err(failure);
        } else {
            let reference = context.repository_reference(target)?;
            hosts.insert(reference.host);
            names.insert(reference.repository);
        }
    }
    if args.targets.is_empty() {
        hosts.insert(context.default_host()?);
    }
    let host = match hosts.pop_first() {
        Some(host) if hosts.is_empty() => host,
        _ => return Err(Failure::usage("a plan is made for one registry at a time")),
    };
    let everything = args.targets.is_empty() || args.targets.iter().any(|target| is_host(target));
    Ok((host, (!everything).then_some(names)))
}

/// Why no plan is made for `target`, if it is one image.
fn one_image(context: &Context, target: &str) -> Option<Failure> {
    let what = match context.reference(target).ok()?.locator()? {
        Locator::Tag(_) => "a tag",
        Locator::Digest(_) => "a digest",
    };
    let message = format!("{target:?} names {what}; a plan is made for repositories");
    Some(Failure::usage(message).with_hint(format!("--explain {target} explains one")))
}

/// Whether a target is a registry: a host as references have it, without a repository.
fn is_host(target: &str) -> bool {
    let bare = target.strip_suffix('/').unwrap_or(target);
    !bare.contains('/') && (bare == "localhost" || bare.contains(['.', ':']) || bare.starts_with('['))
}

async fn catalog(remote: &Remote, host: &Host) -> Result<BTreeSet<Repository>, Failure> {
    let mut names = BTreeSet::new();
    let mut pages = remote.catalog(Some(CATALOG_PAGE_MAX));
    while let Some(page) = pages.next().await {
        names.extend(page.explain(host, || format!("cannot list the repositories of {host}"))?);
    }
    Ok(names)
}

async fn survey(repository: &RemoteRepository, enricher: &Enricher, bar: &Bar) -> Result<Survey, Failure> {
    let mut survey = Survey::read(repository, enricher, bar).await?;
    let mut asked = BTreeSet::new();
    // What refers to a referrer is found in the next round.
    for _ in 0..INDEX_DEPTH_MAX {
        let subjects: Vec<Digest> = survey.manifests.keys().filter(|digest| asked.insert(**digest)).copied().collect();
        if subjects.is_empty() {
            break;
        }
        let mut listed = stream::iter(subjects)
            .map(async |subject| repository.referrers(&subject).await)
            .buffer_unordered(CONCURRENCY);
        let mut found = BTreeSet::new();
        while let Some(referrers) = listed.next().await {
            match referrers {
                Ok(referrers) => found.extend(referrers.into_iter().map(|referrer| referrer.digest)),
                Err(error) => block(&mut survey, "referrers cannot be listed", &error.into()),
            }
        }
        drop(listed);
        read_referrers(&mut survey, enricher, found).await;
    }
    Ok(survey)
}

async fn read_referrers(survey: &mut Survey, enricher: &Enricher, found: BTreeSet<Digest>) {
    let unread: Vec<Digest> = found.into_iter().filter(|digest| !survey.manifests.contains_key(digest)).collect();
    let mut read = stream::iter(unread)
        .map(async |digest| (digest, enricher.manifest(&digest).await))
        .buffer_unordered(CONCURRENCY);
    while let Some((digest, manifest)) = read.next().await {
        match manifest {
            Ok(manifest) => drop(survey.manifests.insert(digest, manifest)),
            Err(failure) if failure.kind() == Kind::NotFound => {}
            Err(failure) => block(survey, &format!("the manifest {digest} cannot be read"), &failure),
        }
    }
}

fn block(survey: &mut Survey, what: &str, failure: &Failure) {
    survey.blocked.get_or_insert_with(|| Blocked::Failed(format!("{what}: {}", failure.line())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_repositories() {
        for host in ["localhost", "localhost:5000", "r.example", "r.example/", "[::1]:5000", "127.0.0.1:5000"] {
            assert!(is_host(host), "{host}");
        }
        for other in ["app", "team/app", "localhost:5000/app", "r.example/app"] {
            assert!(!is_host(other), "{other}");
        }
    }
}
