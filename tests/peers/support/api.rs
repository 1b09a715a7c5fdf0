//! A registry's API as the suites use it: push a graph, verify one, list, delete. Every answer is checked.

use std::net::SocketAddr;

use super::http::{Answer, send};
use super::image::{ACCEPT_ALL, Content, Graph, sha256};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
}

impl Api {
    pub(crate) fn request(self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        send(self.address, method, target, headers, body)
            .unwrap_or_else(|error| panic!("{method} {} {target}: {error}", self.address))
    }

    pub(crate) fn get(self, target: &str) -> Answer {
        self.request("GET", target, &[], b"")
    }

    /// The path of a `Location`, absolute or not, with its query.
    pub(crate) fn path_of(location: &str) -> String {
        match location.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or_else(|| "/".to_owned(), |at| rest[at..].to_owned()),
            None => location.to_owned(),
        }
    }

    pub(crate) fn push_blob(self, repository: &str, blob: &Content) {
        let started = self.request("POST", &format!("/v2/{repository}/blobs/uploads/"), &[], b"").expect(202);
        let location = Self::path_of(started.header("Location").expect("a Location"));
        let separator = if location.contains('?') { '&' } else { '?' };
        let target = format!("{location}{separator}digest={}", blob.digest);
        self.request("PUT", &target, &[("Content-Type", "application/octet-stream")], &blob.bytes).expect(201);
    }

    pub(crate) fn put_manifest(self, repository: &str, reference: &str, manifest: &Content) -> Answer {
        let target = format!("/v2/{repository}/manifests/{reference}");
        self.request("PUT", &target, &[("Content-Type", &manifest.media_type)], &manifest.bytes)
    }

    /// Pushes everything, the top under `reference` (a tag, or its digest for an artifact).
    pub(crate) fn push(self, repository: &str, reference: &str, graph: &Graph) {
        for part in &graph.parts {
            if !part.is_manifest() {
                self.push_blob(repository, part);
            } else if part.digest == graph.digest() {
                self.put_manifest(repository, reference, part).expect(201);
            } else {
                self.put_manifest(repository, &part.digest, part).expect(201);
            }
        }
    }

    pub(crate) fn manifest(self, repository: &str, reference: &str) -> Answer {
        self.request("GET", &format!("/v2/{repository}/manifests/{reference}"), &[("Accept", ACCEPT_ALL)], b"")
    }

    /// What a tag points at; `None` when the registry has no such tag.
    pub(crate) fn digest(self, repository: &str, reference: &str) -> Option<String> {
        let answer = self.manifest(repository, reference);
        if answer.status == 404 {
            return None;
        }
        let answer = answer.expect(200);
        let said = answer.header("Docker-Content-Digest").expect("a digest").to_owned();
        assert_eq!(said, sha256(&answer.body), "the header is not the digest of the body");
        Some(said)
    }

    /// Every byte of the graph is served, under the tag and by digest.
    pub(crate) fn verify(self, repository: &str, reference: &str, graph: &Graph) {
        assert_eq!(self.digest(repository, reference).as_deref(), Some(graph.digest()), "{repository}:{reference}");
        for part in &graph.parts {
            let kind = if part.is_manifest() { "manifests" } else { "blobs" };
            let target = format!("/v2/{repository}/{kind}/{}", part.digest);
            let answer = self.request("GET", &target, &[("Accept", ACCEPT_ALL)], b"").expect(200);
            assert_eq!(sha256(&answer.body), part.digest, "{target}");
            if part.is_manifest() {
                assert_eq!(answer.header("Content-Type"), Some(part.media_type.as_str()), "{target}");
            }
        }
    }

    pub(crate) fn has_blob(self, repository: &str, digest: &str) -> bool {
        match self.request("HEAD", &format!("/v2/{repository}/blobs/{digest}"), &[], b"").status {
            200 => true,
            404 => false,
            other => panic!("HEAD of blob {digest} in {repository}: {other}"),
        }
    }

    pub(crate) fn delete_manifest(self, repository: &str, reference: &str) {
        self.request("DELETE", &format!("/v2/{repository}/manifests/{reference}"), &[], b"").expect(202);
    }

    pub(crate) fn tags(self, repository: &str) -> Vec<String> {
        let answer = self.get(&format!("/v2/{repository}/tags/list"));
        if answer.status == 404 {
            return Vec::new();
        }
        let json = answer.expect(200).json();
        let mut tags: Vec<String> =
            json["tags"].as_array().into_iter().flatten().filter_map(|tag| Some(tag.as_str()?.to_owned())).collect();
        tags.sort();
        tags
    }

    /// The digests of what refers to `subject`.
    pub(crate) fn referrers(self, repository: &str, subject: &str) -> Vec<String> {
        let json = self.get(&format!("/v2/{repository}/referrers/{subject}")).expect(200).json();
        let list = json["manifests"].as_array().expect("an index").clone();
        list.iter().map(|one| one["digest"].as_str().expect("a digest").to_owned()).collect()
    }
}
