//! `/v2/<name>/tags/list` (distribution-spec, "Listing Tags") and `/v2/_catalog` (Docker's, beside the spec).
//!
//! Names need no escaping in JSON, by their grammar: the documents are written by hand, without a tree before.

use crate::registry::PageOf;
use crate::server::auth::rules::Action;
use crate::server::error::Error;
use crate::server::handler::Call;
use crate::server::reply::{self, Reply};
use crate::spec::{Page, Repository, Route};

pub(super) async fn tags(call: &Call, repository: &Repository, page: &Page) -> Result<Reply, Error> {
    let found = call.state.registry.tags(repository, page).await?;
    let head = format!("{{\"name\":\"{repository}\",\"tags\":[");
    let body = write_list(head, found.items.iter().map(crate::spec::Tag::as_str));
    let next = |page| Route::Tags { repository: repository.clone(), page };
    Ok(list_reply(call, body, page, &found, next))
}

pub(super) async fn catalog(call: &Call, page: &Page) -> Result<Reply, Error> {
    let rights = &call.rights;
    let shows = |name: &Repository| !rights.are_limited() || rights.allow(Action::Pull, name);
    let found = call.state.registry.catalog(page, shows).await?;
    let body = write_list("{\"repositories\":[".into(), found.items.iter().map(Repository::as_str));
    Ok(list_reply(call, body, page, &found, |page| Route::Catalog { page }))
}

fn write_list<'a>(mut body: String, names: impl Iterator<Item = &'a str>) -> String {
    for (at, name) in names.enumerate() {
        body.push_str(if at == 0 { "\"" } else { ",\"" });
        body.push_str(name);
        body.push('"');
    }
    // A newline at the end, as distribution's encoder leaves it.
    body.push_str("]}\n");
    body
}

fn list_reply<T>(call: &Call, body: String, page: &Page, found: &PageOf<T>, next: impl FnOnce(Page) -> Route) -> Reply {
    let mut reply = reply::document(&call.head.method, "application/json", body.into());
    if let Some(last) = &found.next {
        reply::set_next(&mut reply, &call.state.face, &next(Page { n: page.n, last: Some(last.clone()) }));
    }
    reply
}
