//! The whole HTTP API as one type: path and query to [`Route`] for the server, [`Route`] to path and query for the
//! client. The only file that spells `/v2/`.
//!
//! A repository name stands in the middle of a path and has slashes itself, so routes are read from their end.

use std::borrow::Cow;
use std::fmt::Write as _;

use http::Method;
use thiserror::Error;
use url::form_urlencoded;

use super::digest::{Algorithm, Digest, DigestError};
use super::error_code::ErrorCode;
use super::limits::PUT_TAGS_MAX;
use super::name::{Locator, NameError, Repository, Tag, UploadId};
use super::page::Page;

/// What a request is about. The method decides what is done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/v2/`
    Base,
    /// `/v2/_catalog`
    Catalog { page: Page },
    /// `/v2/<name>/tags/list`
    Tags { repository: Repository, page: Page },
    /// `/v2/<name>/manifests/<tag or digest>`, with `?tag=` for more tags of a PUT
    Manifest { repository: Repository, locator: Locator, tags: Vec<Tag> },
    /// `/v2/<name>/blobs/<digest>`
    Blob { repository: Repository, digest: Digest },
    /// `/v2/<name>/blobs/uploads/`
    Uploads { repository: Repository, start: UploadStart },
    /// `/v2/<name>/blobs/uploads/<id>`, with `?digest=` for a closing PUT
    Upload { repository: Repository, id: UploadId, digest: Option<Digest> },
    /// `/v2/<name>/referrers/<digest>`
    Referrers { repository: Repository, digest: Digest, artifact_type: Option<String>, page: Page },
}

/// What a POST that starts an upload says about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UploadStart {
    /// The body is the whole blob and has this digest.
    pub(crate) digest: Option<Digest>,
    /// The algorithm of the digest that the closing PUT will name.
    pub(crate) algorithm: Option<Algorithm>,
    /// The blob may already be here.
    pub(crate) mount: Option<Digest>,
    /// Where it is; without, the registry may look anywhere.
    pub(crate) from: Option<Repository>,
}

/// Why a URL is no route.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum RouteError {
    #[error("no such page")]
    NoSuch,
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("invalid number of results {0:?}")]
    PageSize(String),
    #[error("more than {PUT_TAGS_MAX} tags")]
    TooManyTags,
}

impl From<DigestError> for RouteError {
    fn from(error: DigestError) -> Self {
        Self::Name(NameError::Digest(error))
    }
}

impl RouteError {
    /// The code for the answer; `None` for a path that is not the API's at all.
    pub(crate) fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::NoSuch => None,
            Self::Name(NameError::Repository(_) | NameError::RepositoryTooLong) => Some(ErrorCode::NameInvalid),
            Self::Name(NameError::Tag(_)) | Self::TooManyTags => Some(ErrorCode::TagInvalid),
            Self::Name(NameError::Digest(_)) => Some(ErrorCode::DigestInvalid),
            Self::Name(NameError::Upload(_)) => Some(ErrorCode::BlobUploadUnknown),
            Self::PageSize(_) => Some(ErrorCode::PaginationNumberInvalid),
        }
    }
}

const ROOT: &str = "/v2/";

impl Route {
    /// Reads the path and query of a request, percent-encoded as they came.
    ///
    /// # Errors
    /// [`RouteError::NoSuch`] outside of the API, the precise fault inside of it.
    pub(crate) fn parse(path: &str, query: Option<&str>) -> Result<Self, RouteError> {
        let decoded = percent_decode(path).ok_or(RouteError::NoSuch)?;
        if decoded == ROOT || decoded == ROOT.trim_end_matches('/') {
            return Ok(Self::Base);
        }
        let rest = decoded.strip_prefix(ROOT).ok_or(RouteError::NoSuch)?;
        let query = Query::parse(query);
        if rest == "_catalog" {
            return Ok(Self::Catalog { page: query.page()? });
        }
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Ok(Self::Tags { repository: name.parse()?, page: query.page()? });
        }
        if let Some(name) = rest.strip_suffix("/blobs/uploads/").or_else(|| rest.strip_suffix("/blobs/uploads")) {
            return Ok(Self::Uploads { repository: name.parse()?, start: query.upload_start()? });
        }
        let (head, last) = rest.rsplit_once('/').ok_or(RouteError::NoSuch)?;
        if let Some(name) = head.strip_suffix("/blobs/uploads") {
            let (repository, id) = (name.parse()?, last.parse()?);
            return Ok(Self::Upload { repository, id, digest: query.digest("digest")? });
        }
        let (name, noun) = head.rsplit_once('/').ok_or(RouteError::NoSuch)?;
        match noun {
            "manifests" => {
                Ok(Self::Manifest { repository: name.parse()?, locator: last.parse()?, tags: query.tags()? })
            }
            "blobs" => Ok(Self::Blob { repository: name.parse()?, digest: last.parse()? }),
            "referrers" => Ok(Self::Referrers {
                repository: name.parse()?,
                digest: last.parse()?,
                artifact_type: query.get("artifactType").filter(|t| !t.is_empty()).map(Into::into),
                page: query.page()?,
            }),
            _ => Err(RouteError::NoSuch),
        }
    }

    /// The path of all routes of this kind, with names in the place of what differs.
    pub(crate) fn template(&self) -> &'static str {
        match self {
            Self::Base => "/v2/",
            Self::Catalog { .. } => "/v2/_catalog",
            Self::Tags { .. } => "/v2/{name}/tags/list",
            Self::Manifest { .. } => "/v2/{name}/manifests/{reference}",
            Self::Blob { .. } => "/v2/{name}/blobs/{digest}",
            Self::Uploads { .. } => "/v2/{name}/blobs/uploads/",
            Self::Upload { .. } => "/v2/{name}/blobs/uploads/{uuid}",
            Self::Referrers { .. } => "/v2/{name}/referrers/{digest}",
        }
    }

    /// Path and query, percent-encoded: the inverse of [`Route::parse`].
    pub(crate) fn path_and_query(&self) -> String {
        let mut out = String::from(ROOT);
        let mut query = form_urlencoded::Serializer::new(String::new());
        match self {
            Self::Base => {}
            Self::Catalog { page } => {
                out.push_str("_catalog");
                put_page(&mut query, page);
            }
            Self::Tags { repository, page } => {
                push(&mut out, format_args!("{repository}/tags/list"));
                put_page(&mut query, page);
            }
            Self::Manifest { repository, locator, tags } => {
                push(&mut out, format_args!("{repository}/manifests/{locator}"));
                query.extend_pairs(tags.iter().map(|tag| ("tag", tag.as_str())));
            }
            Self::Blob { repository, digest } => push(&mut out, format_args!("{repository}/blobs/{digest}")),
            Self::Uploads { repository, start } => {
                push(&mut out, format_args!("{repository}/blobs/uploads/"));
                put(&mut query, "digest", start.digest.as_ref());
                put(&mut query, "digest-algorithm", start.algorithm.as_ref());
                put(&mut query, "mount", start.mount.as_ref());
                put(&mut query, "from", start.from.as_ref());
            }
            Self::Upload { repository, id, digest } => {
                push(&mut out, format_args!("{repository}/blobs/uploads/{id}"));
                put(&mut query, "digest", digest.as_ref());
            }
            Self::Referrers { repository, digest, artifact_type, page } => {
                push(&mut out, format_args!("{repository}/referrers/{digest}"));
                put(&mut query, "artifactType", artifact_type.as_ref());
                put_page(&mut query, page);
            }
        }
        let query = query.finish();
        if !query.is_empty() {
            out.push('?');
            out.push_str(&query);
        }
        out
    }

    /// The methods that this route knows.
    pub(crate) const fn methods(&self) -> &'static [Method] {
        match self {
            Self::Base | Self::Catalog { .. } | Self::Tags { .. } | Self::Referrers { .. } => {
                &[Method::GET, Method::HEAD]
            }
            Self::Manifest { .. } => &[Method::GET, Method::HEAD, Method::PUT, Method::DELETE],
            Self::Blob { .. } => &[Method::GET, Method::HEAD, Method::DELETE],
            Self::Uploads { .. } => &[Method::POST],
            Self::Upload { .. } => &[Method::GET, Method::HEAD, Method::PATCH, Method::PUT, Method::DELETE],
        }
    }

    /// The repository the route is in; `None` for the registry as a whole.
    #[cfg(test)]
    pub(crate) fn repository(&self) -> Option<&Repository> {
        match self {
            Self::Base | Self::Catalog { .. } => None,
            Self::Tags { repository, .. }
            | Self::Manifest { repository, .. }
            | Self::Blob { repository, .. }
            | Self::Uploads { repository, .. }
            | Self::Upload { repository, .. }
            | Self::Referrers { repository, .. } => Some(repository),
        }
    }

    /// A manifest's route without tags beside it.
    pub(crate) fn manifest(repository: &Repository, locator: impl Into<Locator>) -> Self {
        Self::Manifest { repository: repository.clone(), locator: locator.into(), tags: Vec::new() }
    }

    pub(crate) fn blob(repository: &Repository, digest: Digest) -> Self {
        Self::Blob { repository: repository.clone(), digest }
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(text);
}

fn put(query: &mut form_urlencoded::Serializer<'_, String>, name: &str, value: Option<&impl ToString>) {
    if let Some(value) = value {
        query.append_pair(name, &value.to_string());
    }
}

fn put_page(query: &mut form_urlencoded::Serializer<'_, String>, page: &Page) {
    put(query, "n", page.n.as_ref());
    put(query, "last", page.last.as_ref());
}

/// The decoded query. Names we do not know (`_state`, `ns`) are skipped.
struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    fn parse(query: Option<&'a str>) -> Self {
        Self(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref())
    }

    fn digest(&self, name: &str) -> Result<Option<Digest>, RouteError> {
        Ok(self.get(name).map(str::parse).transpose()?)
    }

    fn page(&self) -> Result<Page, RouteError> {
        let n = match self.get("n") {
            None | Some("") => None,
            Some(text) => Some(text.parse().map_err(|_| RouteError::PageSize(text.chars().take(40).collect()))?),
        };
        Ok(Page { n, last: self.get("last").filter(|last| !last.is_empty()).map(Into::into) })
    }

    fn tags(&self) -> Result<Vec<Tag>, RouteError> {
        let tags: Vec<Tag> =
            self.0.iter().filter(|(key, _)| key == "tag").map(|(_, value)| value.parse()).collect::<Result<_, _>>()?;
        if tags.len() > PUT_TAGS_MAX { Err(RouteError::TooManyTags) } else { Ok(tags) }
    }

    fn upload_start(&self) -> Result<UploadStart, RouteError> {
        Ok(UploadStart {
            digest: self.digest("digest")?,
            algorithm: self.get("digest-algorithm").map(str::parse).transpose()?,
            mount: self.digest("mount")?,
            // A `from` that is no repository holds nothing to mount: the upload starts as if it had not been named.
            from: self.get("from").and_then(|from| from.parse().ok()),
        })
    }
}

/// Decodes `%XX`; `None` where the result is not UTF-8 or a `%` stands alone.
fn percent_decode(path: &str) -> Option<Cow<'_, str>> {
    if !path.contains('%') {
        return Some(Cow::Borrowed(path));
    }
    let bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let pair = bytes.get(at + 1..at + 3)?;
            out.extend(data_encoding::HEXLOWER_PERMISSIVE.decode(pair).ok()?);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
