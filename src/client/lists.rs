//! Lists of a remote, page by page: its repositories, a repository's tags.
//!
//! Every page is followed, whoever forgot what: a `Link` that is missing is made up for, one that leads in a circle or
//! away from the registry is not followed.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use http::{Method, StatusCode, header};
use serde::Deserialize;
use url::Url;

use super::error::{Error, Result};
use super::transport::{Answer, Call, Place};
use super::{Remote, RemoteRepository};
use crate::spec::page::parse_next_link;
use crate::spec::{Page, Repository, Route, Scopes, Tag};

/// Largest page that is read. A registry that knows no paging sends 100,000 tags in 10 MiB.
const PAGE_BYTES_MAX: usize = 128 << 20;

/// Pages without anything new that are followed: some registries filter after paging. One that goes on and on is hostile.
const IDLE_PAGES_MAX: usize = 64;

impl Remote {
    /// The registry's repositories, a page at a time. `page_size` is a wish.
    pub(crate) fn catalog(&self, page_size: Option<usize>) -> BoxStream<'static, Result<Vec<Repository>>> {
        pages(Pages::new(self.clone(), List::Catalog, page_size))
    }
}

impl RemoteRepository {
    /// The tags, a page at a time. `page_size` is a wish; without one the registry decides.
    pub(crate) fn tag_pages(&self, page_size: Option<usize>) -> BoxStream<'static, Result<Vec<Tag>>> {
        pages(Pages::new(self.remote.clone(), List::Tags(self.name.clone()), page_size))
    }
}

/// What is listed.
#[derive(Clone, Debug)]
enum List {
    Catalog,
    Tags(Repository),
}

/// A page as registries write it: members may be missing or `null`.
#[derive(Deserialize)]
struct Document {
    repositories: Option<Vec<String>>,
    tags: Option<Vec<String>>,
}

/// A list on its way.
struct Pages {
    remote: Remote,
    list: List,
    page_size: Option<usize>,
    next: Option<Place>,
    /// URLs asked: a list that leads in a circle ends.
    asked: HashSet<String>,
    /// The first entry of the page before: a registry that ignores `last` repeats it.
    first: Option<String>,
    /// No `Link` led here; the page before was only suspiciously full.
    guessed: bool,
    /// Pages so far that had nothing new.
    idle: usize,
}

fn pages<T>(pages: Pages) -> BoxStream<'static, Result<Vec<T>>>
where
    T: std::str::FromStr<Err: std::fmt::Display> + Send + 'static,
{
    stream::try_unfold(pages, |mut pages| async move {
        let Some(names) = pages.turn().await? else { return Ok(None) };
        let known = names.into_iter().filter_map(|name| match name.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                pages.remote.transport().warn(format!("{}: left out of the list: {error}", pages.remote.host()));
                None
            }
        });
        Ok(Some((known.collect(), pages)))
    })
    .boxed()
}

impl Pages {
    fn new(remote: Remote, list: List, page_size: Option<usize>) -> Self {
        let page_size = page_size.filter(|_| !remote.shared.refuses_page_size.load(Ordering::Relaxed));
        let next = Some(Place::Api(list.route(Page { n: page_size, last: None })));
        Self { remote, list, page_size, next, asked: HashSet::new(), first: None, guessed: false, idle: 0 }
    }

    /// The next page's entries; `None` behind the last.
    async fn turn(&mut self) -> Result<Option<Vec<String>>> {
        let Some(place) = self.next.take() else { return Ok(None) };
        let answer = self.ask(place).await?;
        let next = match next_link(&answer) {
            Some(url) if self.asked.contains(url.as_str()) => return Err(answer.nonsense("the list leads in a circle")),
            next => next,
        };
        self.asked.insert(answer.url().to_string());
        let line = answer.line().clone();
        let nonsense = |reason: String| Error::Protocol { line, reason };
        let body = answer.bytes(PAGE_BYTES_MAX).await?;
        let document: Document = match serde_json::from_slice(&body) {
            Ok(document) => document,
            Err(error) => return Err(nonsense(format!("the list cannot be read: {error}"))),
        };
        let names = match self.list {
            List::Catalog => document.repositories,
            List::Tags(_) => document.tags,
        }
        .unwrap_or_default();
        if std::mem::take(&mut self.guessed) && (names.is_empty() || names.first() == self.first.as_ref()) {
            return Ok(None);
        }
        if names.is_empty() || names.first() == self.first.as_ref() {
            self.idle += 1;
            if self.idle > IDLE_PAGES_MAX {
                return Err(nonsense("page after page has nothing new".into()));
            }
        }
        self.next = match (next, names.last()) {
            (Some(url), _) => Some(Place::Url(url)),
            // A full page that is the last by its missing Link may be so by mistake.
            (None, Some(last)) if self.page_size.is_some_and(|n| names.len() == n) => {
                self.guessed = true;
                Some(Place::Api(self.list.route(Page { n: self.page_size, last: Some(last.clone()) })))
            }
            (None, _) => None,
        };
        self.first = names.first().cloned();
        Ok(Some(names))
    }

    async fn ask(&mut self, place: Place) -> Result<Answer> {
        let call = |place| Call::new(Method::GET, place, self.list.scopes()).header(header::ACCEPT, "application/json");
        let answer = self.remote.transport().send(call(place)).await?;
        if answer.status() == StatusCode::BAD_REQUEST && self.page_size.is_some() && self.asked.is_empty() {
            // Too large a page for this one (distribution: PAGINATION_NUMBER_INVALID; ECR words it otherwise).
            self.remote.shared.refuses_page_size.store(true, Ordering::Relaxed);
            self.page_size = None;
            let place = Place::Api(self.list.route(Page::default()));
            return self.remote.transport().send(call(place)).await?.success().await;
        }
        answer.success().await
    }
}

impl List {
    fn route(&self, page: Page) -> Route {
        match self {
            Self::Catalog => Route::Catalog { page },
            Self::Tags(repository) => Route::Tags { repository: repository.clone(), page },
        }
    }

    fn scopes(&self) -> Scopes {
        match self {
            Self::Catalog => Scopes::catalog(),
            Self::Tags(repository) => Scopes::repository(repository, &["pull"]),
        }
    }
}

/// The next page, on the host that was asked: what a `Link` says of scheme and host is often a proxy's mistake.
pub(super) fn next_link(answer: &Answer) -> Option<Url> {
    let links = answer.headers().get_all(header::LINK).iter();
    let target = links.filter_map(|value| value.to_str().ok()).find_map(parse_next_link)?;
    let target = answer.url().join(target).ok()?;
    let mut own = answer.url().clone();
    own.set_path(target.path());
    own.set_query(target.query());
    Some(own)
}
