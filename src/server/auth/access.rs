//! What a request needs its sender to be allowed: distribution's table, out of method and route.
//!
//! Pure, and knows nobody: who has it is for those who know users or tokens.

use http::Method;

use crate::spec::{Repository, Resource, Route, Scopes};

/// What a request needs.
#[derive(Debug, Default)]
pub(in crate::server) struct Needed {
    pub(super) all: Scopes,
    /// The same without reading where a mount comes from; where it is one. A mount is a wish: without it there is an upload.
    pub(super) without_source: Option<Scopes>,
}

impl Needed {
    pub(in crate::server) fn of(method: &Method, route: &Route) -> Self {
        let without_source = match route {
            Route::Uploads { repository, start } if start.from.is_some() => Some(within(method, repository)),
            _ => None,
        };
        Self { all: needed(method, route), without_source }
    }
}

/// The scopes that a request needs. A method that no route has needs none: nothing can be done with it.
fn needed(method: &Method, route: &Route) -> Scopes {
    match route {
        // Whoever is let in may hear that this is a registry.
        Route::Base => Scopes::none(),
        Route::Catalog { .. } => Scopes::catalog(),
        Route::Uploads { repository, start } => {
            let own = within(method, repository);
            // What is mounted can be read where it is mounted to. Without `from` nothing of others is looked at.
            start.from.iter().fold(own, |scopes, from| scopes.with(Resource::repository(from), &["pull"]))
        }
        Route::Tags { repository, .. }
        | Route::Manifest { repository, .. }
        | Route::Blob { repository, .. }
        | Route::Upload { repository, .. }
        | Route::Referrers { repository, .. } => within(method, repository),
    }
}

fn within(method: &Method, repository: &Repository) -> Scopes {
    match *method {
        Method::GET | Method::HEAD => Scopes::repository(repository, &["pull"]),
        Method::POST | Method::PUT | Method::PATCH => Scopes::repository(repository, &["pull", "push"]),
        Method::DELETE => Scopes::repository(repository, &["delete"]),
        _ => Scopes::none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_with_every_method() {
        const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let (pull, both, delete) = ("repository:a/b:pull", "repository:a/b:pull,push", "repository:a/b:delete");
        let id = "0d5ea1b6-3b6c-4b1f-8a3c-9d2f6f4c8a11";
        for (request, expected) in [
            ("GET /v2/", ""),
            ("HEAD /v2/", ""),
            ("GET /v2/_catalog", "registry:catalog:*"),
            ("HEAD /v2/_catalog?n=5", "registry:catalog:*"),
            ("GET /v2/a/b/tags/list", pull),
            ("GET /v2/a/b/manifests/v1", pull),
            ("HEAD /v2/a/b/manifests/$", pull),
            ("PUT /v2/a/b/manifests/v1", both),
            ("PUT /v2/a/b/manifests/$?tag=x&tag=y", both),
            ("DELETE /v2/a/b/manifests/v1", delete),
            ("GET /v2/a/b/blobs/$", pull),
            ("GET /v2/a/b/blobs/$?from=c", pull),
            ("HEAD /v2/a/b/blobs/$", pull),
            ("DELETE /v2/a/b/blobs/$", delete),
            ("GET /v2/a/b/referrers/$", pull),
            ("POST /v2/a/b/blobs/uploads/", both),
            ("POST /v2/a/b/blobs/uploads/?digest=$", both),
            ("POST /v2/a/b/blobs/uploads/?mount=$", both),
            ("POST /v2/a/b/blobs/uploads/?mount=$&from=a/b", both),
            ("POST /v2/a/b/blobs/uploads/?mount=$&from=c/d", "repository:a/b:pull,push repository:c/d:pull"),
            ("POST /v2/a/b/blobs/uploads/?from=c/d", "repository:a/b:pull,push repository:c/d:pull"),
            ("POST /v2/a/b/blobs/uploads/?mount=$&from=NO", both),
            ("GET /v2/a/b/blobs/uploads/ID", pull),
            ("PATCH /v2/a/b/blobs/uploads/ID", both),
            ("PUT /v2/a/b/blobs/uploads/ID?digest=$", both),
            ("DELETE /v2/a/b/blobs/uploads/ID", delete),
            ("BREW /v2/a/b/tags/list", ""),
            ("PUT /v2/_catalog", "registry:catalog:*"),
        ] {
            let (method, target) = request.split_once(' ').expect("a method");
            let target = target.replace('$', DIGEST).replace("ID", id);
            let (path, query) = target.split_once('?').map_or((&*target, None), |(path, query)| (path, Some(query)));
            let route = Route::parse(path, query).expect("a route");
            let scopes = needed(&method.parse().expect("a method"), &route);
            assert_eq!(scopes.to_string(), expected, "{request}");
        }
    }
}
