//! Images and artifacts from raw JSON and seeded bytes: the crate's own types have no part in them.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// What a client that understands everything sends.
pub(crate) const ACCEPT_ALL: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.list.v2+json";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flavour {
    Docker,
    Oci,
}

/// Bytes with their name and type.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) bytes: Vec<u8>,
}

impl Content {
    pub(crate) fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self { media_type: media_type.to_owned(), digest: sha256(&bytes), bytes }
    }

    fn json(media_type: &str, value: &Value) -> Self {
        Self::new(media_type, serde_json::to_vec_pretty(value).expect("plain JSON"))
    }

    pub(crate) fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len()})
    }

    pub(crate) fn is_manifest(&self) -> bool {
        [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST].contains(&self.media_type.as_str())
    }
}

/// A manifest with everything that it lists, children before parents, the manifest itself last.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    pub(crate) parts: Vec<Content>,
}

impl Graph {
    pub(crate) fn top(&self) -> &Content {
        self.parts.last().expect("a graph has a top")
    }

    pub(crate) fn digest(&self) -> &str {
        &self.top().digest
    }

    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Content> {
        self.parts.iter().filter(|part| !part.is_manifest())
    }

    pub(crate) fn manifests(&self) -> impl Iterator<Item = &Content> {
        self.parts.iter().filter(|part| part.is_manifest())
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(bytes)))
}

/// Bytes that no compression shrinks; the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A layer that begins as gzip does, which is all that copying clients look at: others they would compress on the way.
fn layer_bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = noise(seed, length);
    bytes[..3].copy_from_slice(&[0x1f, 0x8b, 8]);
    bytes
}

/// One image for linux/`architecture`: a config and a layer of `noise` for each length.
pub(crate) fn image_for(flavour: Flavour, architecture: &str, seed: u64, layers: &[usize]) -> Graph {
    let (manifest, config, layer) = match flavour {
        Flavour::Oci => {
            (OCI_MANIFEST, "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip")
        }
        Flavour::Docker => (
            DOCKER_MANIFEST,
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        ),
    };
    let layers: Vec<Content> = layers
        .iter()
        .zip(0u64..)
        .map(|(length, at)| Content::new(layer, layer_bytes(seed.wrapping_add(at.wrapping_mul(1_000_003)), *length)))
        .collect();
    let config = Content::json(
        config,
        &json!({
            "created": "2024-02-03T04:05:06Z", "architecture": architecture, "os": "linux",
            "config": {"Env": [format!("SEED={seed}")], "Cmd": ["/bin/true"]},
            "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|l| &l.digest).collect::<Vec<_>>()},
            "history": layers.iter().map(|_| json!({"created_by": "a test"})).collect::<Vec<_>>(),
        }),
    );
    let top = Content::json(
        manifest,
        &json!({
            "schemaVersion": 2, "mediaType": manifest, "config": config.descriptor(),
            "layers": layers.iter().map(Content::descriptor).collect::<Vec<_>>(),
        }),
    );
    Graph { parts: layers.into_iter().chain([config, top]).collect() }
}

pub(crate) fn image(flavour: Flavour, seed: u64) -> Graph {
    image_for(flavour, "amd64", seed, &[40_000, 70_000])
}

/// Two platforms under one index or manifest list.
pub(crate) fn index(flavour: Flavour, seed: u64) -> Graph {
    let media_type = if flavour == Flavour::Oci { OCI_INDEX } else { DOCKER_LIST };
    let children = [("amd64", seed), ("arm64", seed + 1)];
    let children =
        children.map(|(architecture, seed)| (architecture, image_for(flavour, architecture, seed, &[30_000])));
    let list: Vec<Value> = children
        .iter()
        .map(|(architecture, child)| {
            let mut descriptor = child.top().descriptor();
            descriptor["platform"] = json!({"os": "linux", "architecture": architecture});
            descriptor
        })
        .collect();
    let top = Content::json(media_type, &json!({"schemaVersion": 2, "mediaType": media_type, "manifests": list}));
    Graph { parts: children.into_iter().flat_map(|(_, child)| child.parts).chain([top]).collect() }
}

/// An artifact about `subject`, such as a signature or a bill of materials.
pub(crate) fn artifact(subject: &Content, artifact_type: &str, seed: u64) -> Graph {
    let config = Content::new("application/vnd.oci.empty.v1+json", b"{}".to_vec());
    let layer = Content::new("application/octet-stream", noise(seed, 500));
    let top = Content::json(
        OCI_MANIFEST,
        &json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": artifact_type,
            "config": config.descriptor(), "layers": [layer.descriptor()], "subject": subject.descriptor(),
            "annotations": {"org.example.seed": seed.to_string()},
        }),
    );
    Graph { parts: vec![config, layer, top] }
}
