//! Manifests of a remote repository: read, written byte for byte, deleted; and tags removed.

use bytes::Bytes;
use http::{Method, StatusCode, header};

use super::RemoteRepository;
use super::error::{Error, Result};
use super::transport::{Answer, Call, Payload};
use crate::content::Stored;
use crate::spec::limits::MANIFEST_BYTES_MAX;
use crate::spec::manifest::ManifestError;
use crate::spec::{Descriptor, Digest, Locator, Manifest, MediaType, Route, Scopes, Tag};

/// What a registry says a manifest's digest is. Optional in the specification.
const CONTENT_DIGEST: &str = "docker-content-digest";

/// Says that the registry has entered the manifest in its subject's list.
const OCI_SUBJECT: &str = "oci-subject";

/// Says which of the tags asked for in the query were set.
const OCI_TAG: &str = "oci-tag";

impl RemoteRepository {
    /// Media type, digest and size of a manifest: one HEAD where the registry says the digest in it.
    pub(crate) async fn head_manifest(&self, locator: &Locator) -> Result<Descriptor> {
        let call = self.manifest_call(Method::HEAD, locator, self.to_read());
        let answer = self.transport().send(call).await?;
        if answer.status() != StatusCode::METHOD_NOT_ALLOWED {
            let answer = answer.success().await?;
            if let Some(descriptor) = described(&answer, locator)? {
                return Ok(descriptor);
            }
        }
        let (digest, manifest) = self.get_manifest(locator).await?;
        Ok(Descriptor::new(manifest.media_type().clone(), digest, manifest.bytes().len() as u64))
    }

    /// A manifest whole. Its bytes have been checked against the digest asked for, or else the one the registry names.
    pub(crate) async fn get_manifest(&self, locator: &Locator) -> Result<(Digest, Manifest)> {
        let call = self.manifest_call(Method::GET, locator, self.to_read());
        let answer = self.transport().send(call).await?.success().await?;
        let said = said_digest(&answer);
        let media_type = answer.header(header::CONTENT_TYPE.as_str()).map(MediaType::from_header);
        let line = answer.line().clone();
        let bytes = answer.bytes(MANIFEST_BYTES_MAX).await?;
        let expected = match locator {
            Locator::Digest(digest) => Some(*digest),
            Locator::Tag(_) => said,
        };
        let digest = match expected {
            Some(digest) if digest.matches(&bytes) => digest,
            Some(digest) => {
                let got = digest.algorithm().digest(&bytes);
                return Err(Error::Corrupt { line, reason: format!("the bytes have the digest {got}, not {digest}") });
            }
            None => Digest::sha256(&bytes),
        };
        let manifest = parse(bytes, media_type.as_ref())
            .map_err(|error| Error::Protocol { line, reason: format!("{digest} cannot be read: {error}") })?;
        Ok((digest, manifest))
    }

    /// Stores exactly the bytes of `manifest` under a tag or its digest.
    pub(crate) async fn put_manifest(&self, manifest: &Manifest, digest: &Digest, tag: Option<&Tag>) -> Result<Stored> {
        let by_digest = Locator::Digest(*digest);
        let answer = match tag {
            None => self.put_at(manifest, &by_digest, &[]).await?,
            Some(tag) if digest.algorithm() == crate::spec::Algorithm::Sha256 => {
                self.put_at(manifest, &Locator::Tag(tag.clone()), &[]).await?
            }
            // Under a tag alone a registry would give it a digest of its own choice.
            Some(tag) => {
                let answer = self.put_at(manifest, &by_digest, std::slice::from_ref(tag)).await?;
                let tagged = answer.headers().get_all(OCI_TAG).iter().any(|value| value == tag.as_str());
                if tagged { answer } else { self.put_at(manifest, &Locator::Tag(tag.clone()), &[]).await? }
            }
        };
        let listed = manifest.subject().is_none() || answer.header(OCI_SUBJECT).is_some();
        Ok(if listed { Stored::Whole } else { Stored::SubjectIgnored })
    }

    async fn put_at(&self, manifest: &Manifest, locator: &Locator, tags: &[Tag]) -> Result<Answer> {
        let route = Route::Manifest { repository: self.name.clone(), locator: locator.clone(), tags: tags.to_vec() };
        let call = Call::api(Method::PUT, route, self.to_write())
            .payload(Payload::Bytes(manifest.bytes().clone()), manifest.media_type().as_str());
        self.transport().send(call).await?.success().await
    }

    /// Removes a manifest; every tag of it goes too.
    pub(crate) async fn delete_manifest(&self, digest: &Digest) -> Result<()> {
        self.delete(&Locator::Digest(*digest)).await
    }

    /// Removes a tag and nothing else. `Kind::Unsupported` where the registry cannot (registry:2 answers 400).
    pub(crate) async fn delete_tag(&self, tag: &Tag) -> Result<()> {
        self.delete(&Locator::Tag(tag.clone())).await
    }

    async fn delete(&self, locator: &Locator) -> Result<()> {
        self.delete_route(Route::manifest(&self.name, locator.clone())).await
    }

    /// Deletes with whatever permission the registry's token server knows for it: most say `delete`, some only `*`, and
    /// Quay grants nothing at all to whoever lists `delete`.
    pub(super) async fn delete_route(&self, route: Route) -> Result<()> {
        let first = match self.delete_as(&route, &["pull", "delete"]).await {
            Err(error) if is_refusal(&error) && self.transport().auth().is_bearer() => error,
            done => return done,
        };
        // `*` last: a token for it counts as one for everything.
        for actions in [&["pull", "push"][..], &["*"]] {
            match self.delete_as(&route, actions).await {
                Err(error) if is_refusal(&error) => {}
                done => return done,
            }
        }
        // What was refused first is what was really asked for.
        Err(first)
    }

    async fn delete_as(&self, route: &Route, actions: &[&str]) -> Result<()> {
        let scopes = Scopes::repository(&self.name, actions);
        let answer = self.transport().send(Call::api(Method::DELETE, route.clone(), scopes)).await?;
        // A first attempt whose answer was lost has done it.
        if answer.status() == StatusCode::NOT_FOUND && answer.was_retried() {
            return Ok(());
        }
        answer.success().await.map(|_| ())
    }

    fn manifest_call(&self, method: Method, locator: &Locator, scopes: Scopes) -> Call {
        let accepted = MediaType::MANIFESTS.map(|media_type| media_type.to_string()).join(", ");
        Call::api(method, Route::manifest(&self.name, locator.clone()), scopes).header(header::ACCEPT, &accepted)
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Denied { .. } | Error::Token { denied: true, .. })
}

/// The digest in the headers, where there is one that we can check.
fn said_digest(answer: &Answer) -> Option<Digest> {
    answer.header(CONTENT_DIGEST)?.trim().parse().ok()
}

/// The descriptor that the headers of a HEAD amount to; `None` where they do not.
fn described(answer: &Answer, locator: &Locator) -> Result<Option<Descriptor>> {
    let said = said_digest(answer);
    let digest = match (locator, said) {
        (Locator::Digest(asked), Some(said)) if asked.algorithm() == said.algorithm() && *asked != said => {
            let reason = format!("the registry names another digest, {said}");
            return Err(Error::Corrupt { line: answer.line().clone(), reason });
        }
        (Locator::Digest(asked), _) => Some(*asked),
        (Locator::Tag(_), said) => said,
    };
    let media_type =
        answer.header(header::CONTENT_TYPE.as_str()).map(MediaType::from_header).filter(MediaType::is_manifest);
    let (Some(digest), Some(media_type), Some(size)) = (digest, media_type, answer.content_length()) else {
        return Ok(None);
    };
    Ok(Some(Descriptor::new(media_type, digest, size)))
}

/// Reads a manifest as registries send them: where header and document disagree, the document has the digest.
fn parse(bytes: Bytes, media_type: Option<&MediaType>) -> Result<Manifest, ManifestError> {
    match Manifest::parse(bytes.clone(), media_type.filter(|media_type| media_type.is_manifest())) {
        Err(ManifestError::MediaTypeMismatch { .. }) => Manifest::parse(bytes, None),
        parsed => parsed,
    }
}
