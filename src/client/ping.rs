//! What a registry is and can do, found out without changing anything.

use http::{Method, StatusCode};
use url::Url;

use super::auth::Scheme;
use super::error::{Error, Result};
use super::rate_limit::RateLimit;
use super::transport::{Answer, Call, redacted};
use super::{Learnt, Remote, RemoteRepository};
use crate::spec::error_code::parse_error_body;
use crate::spec::{Digest, Locator, Page, Repository, Route, Scopes, Tag};

/// What was found out. `None` is "cannot tell".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pong {
    /// Scheme, host and port that answered.
    pub(crate) url: String,
    /// `Docker-Distribution-Api-Version`, which most still send.
    pub(crate) api_version: Option<String>,
    /// `Server`
    pub(crate) server: Option<String>,
    pub(crate) auth: Demand,
    /// Who the registry took us for: `None` without credentials of ours.
    pub(crate) user: Option<String>,
    /// Whether we are let in.
    pub(crate) admitted: bool,
    pub(crate) features: Features,
    pub(crate) rate_limit: Option<RateLimit>,
}

/// What a registry asks of those who come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    Nothing,
    Basic,
    Bearer {
        realm: String,
        service: Option<String>,
    },
    /// A 401 without a challenge that we know.
    Unknown,
}

/// What the API does here, as far as we may know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Features {
    pub(crate) catalog: Option<bool>,
    pub(crate) referrers: Option<bool>,
    pub(crate) delete: Option<bool>,
    pub(crate) tag_delete: Option<bool>,
}

/// A repository that nobody has; a question about it changes nothing.
const NOBODYS_REPOSITORY: &str = "reg/ping";
const NOBODYS_TAG: &str = "reg-ping-does-not-exist";
const NOBODYS_BYTES: &[u8] = b"reg ping: nobody has stored this as a manifest";

/// Where Docker Hub says how many pulls are left, without counting one.
const DOCKER_HUB_PREVIEW: &str = "ratelimitpreview/test";

impl Remote {
    /// Whether the registry lets us in as who we are.
    pub(crate) async fn verify(&self) -> Result<Demand> {
        let answer = self.transport().root().await?;
        let demand = demand(&answer);
        if demand == Demand::Nothing {
            answer.success().await?;
            return Ok(demand);
        }
        let call = Call::api(Method::GET, Route::Base, Scopes::none());
        self.transport().send(call).await?.success().await?;
        Ok(demand)
    }

    /// Asks everything there is to ask.
    pub(crate) async fn ping(&self) -> Result<Pong> {
        let answer = self.transport().root().await?;
        if answer.status() != StatusCode::UNAUTHORIZED && !answer.status().is_success() {
            return Err(answer.success().await.err().unwrap_or(Error::Options("no registry".into())));
        }
        let text = |name: &str| answer.header(name).map(|value| value.chars().filter(|c| !c.is_control()).collect());
        let mut pong = Pong {
            url: origin(answer.url()),
            api_version: text("docker-distribution-api-version"),
            server: text("server"),
            auth: demand(&answer),
            user: None,
            admitted: answer.status().is_success(),
            features: Features::default(),
            rate_limit: RateLimit::read(answer.headers()),
        };
        if pong.auth != Demand::Nothing {
            let call = Call::api(Method::GET, Route::Base, Scopes::none());
            match self.transport().send(call).await {
                Ok(answer) => {
                    pong.admitted = answer.status().is_success();
                    pong.rate_limit = pong.rate_limit.or_else(|| RateLimit::read(answer.headers()));
                }
                Err(Error::Denied { .. } | Error::Token { denied: true, .. }) => {}
                Err(error) => return Err(error),
            }
            pong.user = self.transport().auth().user(self.transport()).await;
        }
        if pong.admitted {
            self.probe(&mut pong).await;
        }
        Ok(pong)
    }

    async fn probe(&self, pong: &mut Pong) {
        let (catalog, some) = self.probe_catalog().await;
        pong.features.catalog = catalog;
        let nobodys = || NOBODYS_REPOSITORY.parse().ok();
        if let Some(name) = some.or_else(nobodys) {
            let repository = self.repository(&name);
            let digest = Digest::sha256(NOBODYS_BYTES);
            pong.features.referrers = repository.probe_referrers(&digest).await;
            pong.features.delete = repository.can_delete().await;
            pong.features.tag_delete = repository.can_untag().await;
        }
        if self.host().is_docker_hub()
            && let Ok(name) = DOCKER_HUB_PREVIEW.parse::<Repository>()
            && let Ok(tag) = "latest".parse::<Tag>()
        {
            let call = Call::api(Method::HEAD, Route::manifest(&name, tag), Scopes::repository(&name, &["pull"]));
            if let Ok(answer) = self.transport().send(call).await {
                pong.rate_limit = RateLimit::read(answer.headers());
            }
        }
    }

    /// Whether there is a catalog, and the first repository in it.
    async fn probe_catalog(&self) -> (Option<bool>, Option<Repository>) {
        let route = Route::Catalog { page: Page { n: Some(1), last: None } };
        let Ok(answer) = self.transport().send(Call::api(Method::GET, route, Scopes::catalog())).await else {
            return (None, None);
        };
        match answer.status() {
            status if status.is_success() => {
                let body = answer.bytes(1 << 20).await.unwrap_or_default();
                let document: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
                let first = document["repositories"][0].as_str().and_then(|name| name.parse().ok());
                (Some(document.get("repositories").is_some()), first)
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => (Some(false), None),
            _ => (None, None),
        }
    }
}

impl RemoteRepository {
    /// Whether manifests are deleted here; `None` where that cannot be told. Asked once in a registry.
    pub(crate) async fn can_delete(&self) -> Option<bool> {
        self.learn(&self.shared().deletes, Locator::Digest(Digest::sha256(NOBODYS_BYTES))).await
    }

    /// Whether a tag can be removed and its manifest stay; `None` where that cannot be told. Asked once in a registry.
    pub(crate) async fn can_untag(&self) -> Option<bool> {
        self.learn(&self.shared().untags, Locator::Tag(NOBODYS_TAG.parse::<Tag>().ok()?)).await
    }

    async fn learn(&self, learnt: &Learnt, nobodys: Locator) -> Option<bool> {
        if learnt.get().is_none()
            && let Some(found) = self.probe_delete(nobodys).await
        {
            learnt.set(found);
        }
        learnt.get()
    }

    async fn probe_referrers(&self, digest: &Digest) -> Option<bool> {
        let (repository, digest) = (self.name.clone(), *digest);
        let route = Route::Referrers { repository, digest, artifact_type: None, page: Page::default() };
        let answer = self.transport().send(Call::api(Method::GET, route, self.to_read())).await.ok()?;
        match answer.status() {
            status if status.is_success() => Some(true),
            // A registry without the API does not know the path at all; one with it says what it misses.
            StatusCode::NOT_FOUND => {
                let body = answer.bytes(64 << 10).await.unwrap_or_default();
                Some(!parse_error_body(&body).is_empty())
            }
            StatusCode::METHOD_NOT_ALLOWED => Some(false),
            _ => None,
        }
    }

    /// Asks to delete what is not there: "not found" comes from a registry that would.
    async fn probe_delete(&self, locator: Locator) -> Option<bool> {
        let is_tag = matches!(locator, Locator::Tag(_));
        let scopes = Scopes::repository(&self.name, &["pull", "delete"]);
        let call = Call::api(Method::DELETE, Route::manifest(&self.name, locator), scopes);
        let answer = self.transport().send(call).await.ok()?;
        match answer.status() {
            StatusCode::NOT_FOUND => Some(true),
            status if status.is_success() => Some(true),
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => Some(false),
            StatusCode::BAD_REQUEST if is_tag => Some(false),
            _ => None,
        }
    }
}

fn demand(answer: &Answer) -> Demand {
    if answer.status() != StatusCode::UNAUTHORIZED {
        return Demand::Nothing;
    }
    match super::auth::wanted(answer) {
        Some(Scheme::Basic) => Demand::Basic,
        Some(Scheme::Bearer { realm, service }) => Demand::Bearer { realm: redacted(&realm), service },
        None => Demand::Unknown,
    }
}

/// `https://host:port`, as far as it is not the default.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}
