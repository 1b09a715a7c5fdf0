//! Images made of raw JSON. The same seed gives the same bytes, so digests in tests are literal.

use sha2::{Digest as _, Sha256, Sha512};

use super::http::Client;

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// A manifest with what it lists: an image with its blobs, or an index with its images.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) media_type: String,
    pub(crate) manifest: Vec<u8>,
    pub(crate) blobs: Vec<Vec<u8>>,
    pub(crate) children: Vec<Image>,
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

pub(crate) fn digest_sha512(bytes: &[u8]) -> String {
    format!("sha512:{}", hex(&Sha512::digest(bytes)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that look like nothing, the same for the same seed.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// `{"mediaType":…,"digest":…,"size":…}`
pub(crate) fn descriptor(media_type: &str, bytes: &[u8]) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{}","size":{}}}"#, digest(bytes), bytes.len())
}

/// An OCI image for linux/amd64 with two layers, the first shared by all seeds.
pub(crate) fn image(seed: u64) -> Image {
    image_for(seed, "amd64")
}

pub(crate) fn image_for(seed: u64, architecture: &str) -> Image {
    let config = format!(
        r#"{{"architecture":"{architecture}","os":"linux","created":"2026-01-{:02}T00:00:00Z","config":{{"Env":["SEED={seed}"]}},"rootfs":{{"type":"layers","diff_ids":[]}},"history":[]}}"#,
        1 + seed % 28
    );
    let layers = vec![noise(0, 3000), noise(seed + 1, 1000)];
    Image::new(OCI_MANIFEST, "application/vnd.oci.image.config.v1+json", config.into_bytes(), layers, "")
}

/// The same as Docker's schema 2.
pub(crate) fn docker_image(seed: u64) -> Image {
    let oci = image(seed);
    let (config, layers) = oci.blobs.split_first().expect("a config");
    Image::new(DOCKER_MANIFEST, "application/vnd.docker.container.image.v1+json", config.clone(), layers.to_vec(), "")
}

/// An index of images for several platforms, by (seed, architecture).
pub(crate) fn index(images: &[(u64, &str)]) -> Image {
    let children: Vec<(Image, &str)> = images.iter().map(|(seed, arch)| (image_for(*seed, arch), *arch)).collect();
    index_of(OCI_INDEX, &children, "")
}

/// An index or list of these images; `extra` is put before the closing brace: `,"subject":…`.
pub(crate) fn index_of(media_type: &str, children: &[(Image, &str)], extra: &str) -> Image {
    let entries: Vec<String> = children
        .iter()
        .map(|(child, arch)| {
            let descriptor = descriptor(&child.media_type, &child.manifest);
            format!(
                r#"{},"platform":{{"architecture":"{arch}","os":"linux"}}}}"#,
                descriptor.strip_suffix('}').expect("an object")
            )
        })
        .collect();
    let manifest =
        format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}","manifests":[{}]{extra}}}"#, entries.join(","));
    Image {
        media_type: media_type.into(),
        manifest: manifest.into_bytes(),
        blobs: Vec::new(),
        children: children.iter().map(|(child, _)| child.clone()).collect(),
    }
}

/// An artifact that refers to `subject`.
pub(crate) fn artifact(artifact_type: &str, subject: &Image, seed: u64) -> Image {
    let extra = format!(
        r#","artifactType":"{artifact_type}","subject":{},"annotations":{{"seed":"{seed}"}}"#,
        descriptor(&subject.media_type, &subject.manifest)
    );
    Image::new(OCI_MANIFEST, "application/vnd.oci.empty.v1+json", b"{}".to_vec(), vec![noise(seed, 100)], &extra)
}

impl Image {
    /// An image of these parts; `extra` is put before the closing brace.
    pub(crate) fn new(media_type: &str, config_type: &str, config: Vec<u8>, layers: Vec<Vec<u8>>, extra: &str) -> Self {
        let layer_type = if media_type == DOCKER_MANIFEST {
            "application/vnd.docker.image.rootfs.diff.tar.gzip"
        } else {
            "application/vnd.oci.image.layer.v1.tar+gzip"
        };
        let list: Vec<String> = layers.iter().map(|layer| descriptor(layer_type, layer)).collect();
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{},"layers":[{}]{extra}}}"#,
            descriptor(config_type, &config),
            list.join(",")
        );
        let mut blobs = vec![config];
        blobs.extend(layers);
        Self { media_type: media_type.into(), manifest: manifest.into_bytes(), blobs, children: Vec::new() }
    }

    pub(crate) fn digest(&self) -> String {
        digest(&self.manifest)
    }

    /// Pushes everything to `repository[:tag]`. Answers the digest.
    pub(crate) fn push(&self, client: &mut Client, name: &str) -> String {
        let digest = self.digest();
        let (repository, locator) = name.split_once(':').unwrap_or((name, &digest));
        for blob in &self.blobs {
            client.push_blob(repository, blob);
        }
        for child in &self.children {
            child.push(client, repository);
        }
        let stored = client.put(&format!("/v2/{repository}/manifests/{locator}"), &self.media_type, &self.manifest);
        assert_eq!(stored.status, 201, "{stored}");
        assert_eq!(stored.header("docker-content-digest"), Some(digest.as_str()));
        digest
    }
}
