//! Where everything stands: the only place that knows the storage layout and joins its paths.
//!
//! distribution's tree (`registry/storage/paths.go` of 2.8 and 3.x), relative to the root of the driver, with what is ours
//! marked `*` and ignored by distribution:
//!
//! ```text
//! docker/registry/v2/
//! * _probe/<uuid>                                 written and deleted once, to learn what a bucket can do
//!   blobs/<alg>/<hex[0:2]>/<hex>/data             bytes of layers, configs and manifests; always sha256
//! * blobs/sha512/<hex[0:2]>/<hex>/link            text of the sha256 digest of the same bytes
//!   repositories/<name>/
//!     _layers/<alg>/<hex>/link                    text of a sha256 digest: the repository holds this blob
//!     _manifests/revisions/<alg>/<hex>/link       likewise: the repository holds this manifest
//!     _manifests/tags/<tag>/current/link          digest that the tag points to
//!     _manifests/tags/<tag>/index/<alg>/<hex>/link   every digest it ever pointed to
//!     _uploads/<uuid>/data                        bytes of an upload session so far
//!     _uploads/<uuid>/startedat                   RFC 3339 time
//!     _uploads/<uuid>/hashstates/<alg>/<offset>   state of the hasher behind that many bytes
//!   * _uploads/<uuid>/parts                       state of a session in a bucket
//!   * _referrers/by/<alg>/<hex>/<alg>/<hex>       descriptor (JSON) of the second, a referrer of the first
//!   * _referrers/scanned                          time up to which manifests were read for their subject
//! ```
//!
//! A blob of another algorithm than sha256 is stored under its sha256; its link has its own algorithm in the path and
//! the sha256 digest in the text.
//!
//! No key is the prefix of another at a `/`, so that a file system can hold them all.

use std::fmt;

use crate::spec::{Algorithm, Digest, Repository, Tag, UploadId};

const ROOT: &str = "docker/registry/v2";

/// The name of one value: components joined by `/`, relative to the root of the driver.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(String);

/// What the names of some values begin with: empty, or ending in `/`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Prefix(String);

impl Key {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes of a blob or manifest, by its sha256.
    pub(crate) fn blob(digest: &Digest) -> Self {
        let hex = digest.hex();
        Self(format!("{ROOT}/blobs/{}/{}/{hex}/data", digest.algorithm(), &hex[..2]))
    }

    /// The sha256 of a blob that was pushed under another digest.
    pub(crate) fn blob_alias(digest: &Digest) -> Self {
        let hex = digest.hex();
        Self(format!("{ROOT}/blobs/{}/{}/{hex}/link", digest.algorithm(), &hex[..2]))
    }

    /// A repository's hold on a blob.
    pub(crate) fn layer_link(repository: &Repository, digest: &Digest) -> Self {
        Self(format!("{ROOT}/repositories/{repository}/_layers/{}/{}/link", digest.algorithm(), digest.hex()))
    }

    /// A repository's hold on a manifest.
    pub(crate) fn revision_link(repository: &Repository, digest: &Digest) -> Self {
        let (algorithm, hex) = (digest.algorithm(), digest.hex());
        Self(format!("{ROOT}/repositories/{repository}/_manifests/revisions/{algorithm}/{hex}/link"))
    }

    /// What a tag points to.
    pub(crate) fn tag_current(repository: &Repository, tag: &Tag) -> Self {
        Self(format!("{ROOT}/repositories/{repository}/_manifests/tags/{tag}/current/link"))
    }

    /// That a tag pointed to a digest once.
    pub(crate) fn tag_index(repository: &Repository, tag: &Tag, digest: &Digest) -> Self {
        let (algorithm, hex) = (digest.algorithm(), digest.hex());
        Self(format!("{ROOT}/repositories/{repository}/_manifests/tags/{tag}/index/{algorithm}/{hex}/link"))
    }

    pub(crate) fn upload_data(repository: &Repository, id: &UploadId) -> Self {
        Self(format!("{ROOT}/repositories/{repository}/_uploads/{id}/data"))
    }

    pub(crate) fn upload_started(repository: &Repository, id: &UploadId) -> Self {
        Self(format!("{ROOT}/repositories/{repository}/_uploads/{id}/startedat"))
    }

    pub(crate) fn upload_hash_state(repository: &Repository, id: &UploadId, algorithm: Algorithm, offset: u64) -> Self {
        Self(format!("{ROOT}/repositories/{repository}/_uploads/{id}/hashstates/{algorithm}/{offset}"))
    }

    /// What a bucket has to keep beside the bytes of the upload session whose data this is.
    pub(super) fn upload_state(&self) -> Self {
        let session = self.0.rsplit_once('/').map_or("", |(session, _)| session);
        Self(format!("{session}/parts"))
    }

    /// A value that is there for a moment only.
    pub(super) fn probe(id: &UploadId) -> Self {
        Self(format!("{ROOT}/_probe/{id}"))
    }

    /// The descriptor of `referrer` in the list of `subject`.
    pub(crate) fn referrer(repository: &Repository, subject: &Digest, referrer: &Digest) -> Self {
        let Prefix(list) = Prefix::referrers(repository, subject);
        Self(format!("{list}{}/{}", referrer.algorithm(), referrer.hex()))
    }

    /// Until when the manifests of a repository were read for their subject.
    pub(crate) fn referrers_scanned(repository: &Repository) -> Self {
        Self(format!("{ROOT}/repositories/{repository}/_referrers/scanned"))
    }
}

impl Prefix {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The value called `name`, which a listing of this prefix gave.
    pub(crate) fn key(&self, name: &str) -> Key {
        Key(format!("{}{name}", self.0))
    }

    /// The prefix called `name` (ending in `/`), which a listing of this prefix gave.
    pub(crate) fn child(&self, name: &str) -> Self {
        Self(format!("{}{}/", self.0, name.trim_end_matches('/')))
    }

    /// Everything of the registry.
    pub(crate) fn registry() -> Self {
        Self(format!("{ROOT}/"))
    }

    /// `<alg>/<hex[0:2]>/<hex>/data`
    pub(crate) fn blobs() -> Self {
        Self(format!("{ROOT}/blobs/"))
    }

    /// Repository names, nested, with the `_…` parts of each.
    pub(crate) fn repositories() -> Self {
        Self(format!("{ROOT}/repositories/"))
    }

    /// What makes a repository one: manifests and tags.
    pub(crate) fn manifests(repository: &Repository) -> Self {
        Self(format!("{ROOT}/repositories/{repository}/_manifests/"))
    }

    /// `<alg>/<hex>/link`
    pub(crate) fn layers(repository: &Repository) -> Self {
        Self(format!("{ROOT}/repositories/{repository}/_layers/"))
    }

    /// `<alg>/<hex>/link`
    pub(crate) fn revisions(repository: &Repository) -> Self {
        Self(format!("{ROOT}/repositories/{repository}/_manifests/revisions/"))
    }

    /// `<hex>/link`
    pub(crate) fn revisions_by(repository: &Repository, algorithm: Algorithm) -> Self {
        Self(format!("{ROOT}/repositories/{repository}/_manifests/revisions/{algorithm}/"))
    }

    /// `<tag>/…`
    pub(crate) fn tags(repository: &Repository) -> Self {
        Self(format!("{ROOT}/repositories/{repository}/_manifests/tags/"))
    }

    /// All of one tag.
    pub(crate) fn tag(repository: &Repository, tag: &Tag) -> Self {
        Self(format!("{ROOT}/repositories/{repository}/_manifests/tags/{tag}/"))
    }

    /// `<hex>/link` of every digest of one algorithm that a tag pointed to.
    pub(crate) fn tag_index(repository: &Repository, tag: &Tag, algorithm: Algorithm) -> Self {
        Self(format!("{ROOT}/repositories/{repository}/_manifests/tags/{tag}/index/{algorithm}/"))
    }

    /// `<uuid>/…`
    pub(crate) fn uploads(repository: &Repository) -> Self {
        Self(format!("{ROOT}/repositories/{repository}/_uploads/"))
    }

    /// All of one upload session.
    pub(crate) fn upload(repository: &Repository, id: &UploadId) -> Self {
        Self(format!("{ROOT}/repositories/{repository}/_uploads/{id}/"))
    }

    /// `<alg>/<hex>/<alg>/<hex>`: every subject with each of its referrers.
    pub(crate) fn all_referrers(repository: &Repository) -> Self {
        Self(format!("{ROOT}/repositories/{repository}/_referrers/by/"))
    }

    /// `<hex[0:2]>/<hex>/link` of every blob that was pushed under its sha512.
    pub(crate) fn blob_aliases() -> Self {
        Self(format!("{ROOT}/blobs/{}/", Algorithm::Sha512))
    }

    /// `<alg>/<hex>` of every referrer of `subject`.
    pub(crate) fn referrers(repository: &Repository, subject: &Digest) -> Self {
        let (algorithm, hex) = (subject.algorithm(), subject.hex());
        Self(format!("{ROOT}/repositories/{repository}/_referrers/by/{algorithm}/{hex}/"))
    }
}

/// Whether a directory stays when its last value goes. distribution's garbage collection ends in an error at a repository
/// with manifests and without a directory of tags; by the others those who use a storage see each other.
pub(crate) fn stays(directory: &str) -> bool {
    let below = directory.strip_prefix(ROOT);
    below.is_some_and(|below| {
        matches!(below, "" | "/blobs" | "/blobs/sha256" | "/repositories") || below.ends_with("/_manifests/tags")
    })
}

/// The digest in the tail of a key: `<alg>/<hex>` or `<alg>/<hex>/link`.
pub(crate) fn digest_of(tail: &str) -> Option<Digest> {
    let (algorithm, rest) = tail.split_once('/')?;
    let hex = rest.strip_suffix("/link").unwrap_or(rest).trim_end_matches('/');
    format!("{algorithm}:{hex}").parse().ok()
}

/// The referrer in the name of an entry below [`Prefix::all_referrers`]: `<alg>/<hex>/<alg>/<hex>`.
pub(crate) fn referrer_of(name: &str) -> Option<Digest> {
    digest_of(name.splitn(3, '/').nth(2)?)
}

/// The digest in the name of a blob below [`Prefix::blobs`]: `<alg>/<hex[0:2]>/<hex>/data`.
pub(crate) fn blob_digest(name: &str) -> Option<Digest> {
    let mut parts = name.strip_suffix("/data")?.splitn(3, '/');
    let (algorithm, first, hex) = (parts.next()?, parts.next()?, parts.next()?);
    format!("{algorithm}:{hex}").parse().ok().filter(|_| hex.starts_with(first))
}

macro_rules! text_of {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    )*};
}
text_of!(Key Prefix);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_distributions() {
        let repository: Repository = "team/app".parse().expect("valid");
        let tag: Tag = "v1".parse().expect("valid");
        let digest = Digest::sha256(b"");
        let id = UploadId::from_random([0; 16]);
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let base = "docker/registry/v2/repositories/team/app";
        for (key, text) in [
            (Key::blob(&digest), format!("docker/registry/v2/blobs/sha256/e3/{hex}/data")),
            (Key::layer_link(&repository, &digest), format!("{base}/_layers/sha256/{hex}/link")),
            (Key::revision_link(&repository, &digest), format!("{base}/_manifests/revisions/sha256/{hex}/link")),
            (Key::tag_current(&repository, &tag), format!("{base}/_manifests/tags/v1/current/link")),
            (Key::tag_index(&repository, &tag, &digest), format!("{base}/_manifests/tags/v1/index/sha256/{hex}/link")),
            (Key::upload_data(&repository, &id), format!("{base}/_uploads/{id}/data")),
            (Key::upload_started(&repository, &id), format!("{base}/_uploads/{id}/startedat")),
            (
                Key::upload_hash_state(&repository, &id, Algorithm::Sha256, 7),
                format!("{base}/_uploads/{id}/hashstates/sha256/7"),
            ),
        ] {
            assert_eq!(key.as_str(), text);
        }
        assert_eq!(digest_of(&format!("sha256/{hex}/link")), Some(digest));
        assert_eq!(digest_of("sha256/zz/link"), None);
        assert_eq!(referrer_of(&format!("sha512/ab/sha256/{hex}")), Some(digest));
        assert_eq!(referrer_of(&format!("sha256/{hex}")), None);
        assert_eq!(blob_digest(&format!("sha256/e3/{hex}/data")), Some(digest));
        for other in [format!("sha256/e3/{hex}/datum"), format!("sha256/00/{hex}/data"), "sha256/e3/data".into()] {
            assert_eq!(blob_digest(&other), None, "{other}");
        }
    }
}
