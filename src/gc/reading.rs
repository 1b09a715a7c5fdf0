//! What the bytes of a manifest and of a config say to the planner.

use jiff::Timestamp;
use serde::Deserialize;

use super::inventory::{ContentId, Inventory, Node};
use crate::spec::manifest::{Content, ManifestError};
use crate::spec::{Descriptor, Digest, Manifest, MediaType};

/// The annotation of image-spec ("Pre-Defined Annotation Keys") that says when something was made.
const CREATED: &str = "org.opencontainers.image.created";

/// A manifest as far as a plan needs it.
#[derive(Debug)]
pub(crate) enum Listed {
    Manifest(Box<Manifest>),
    /// Docker schema 1, which nobody can push any more, but which old stores hold: its layers.
    Schema1(Vec<Digest>),
}

#[derive(Deserialize)]
struct Schema1 {
    #[serde(rename = "fsLayers")]
    layers: Vec<Schema1Layer>,
}

#[derive(Deserialize)]
struct Schema1Layer {
    #[serde(rename = "blobSum")]
    digest: Digest,
}

impl Listed {
    /// Reads the bytes of a manifest.
    ///
    /// # Errors
    /// Where they are none, or one whose lists cannot be read whole.
    pub(crate) fn read(bytes: &bytes::Bytes) -> Result<Self, ManifestError> {
        match Manifest::parse(bytes.clone(), None) {
            Ok(manifest) => Ok(Self::Manifest(Box::new(manifest))),
            Err(ManifestError::Schema1) => {
                let read: Result<Schema1, _> = serde_json::from_slice(bytes);
                let read = read.map_err(|error| ManifestError::Malformed(error.to_string()))?;
                Ok(Self::Schema1(read.layers.into_iter().map(|layer| layer.digest).collect()))
            }
            Err(error) => Err(error),
        }
    }

    /// Says to `inventory` what the manifest `id` lists.
    pub(crate) fn note(&self, inventory: &mut Inventory, id: ContentId, children_stored: bool) {
        match self {
            Self::Manifest(manifest) => {
                inventory.set_manifest(id, manifest, children_stored);
                inventory.set_created(id, annotated(manifest));
            }
            Self::Schema1(layers) => {
                let blobs = layers.iter().map(|layer| inventory.intern(*layer)).collect();
                inventory.set_node(id, Node { manifests: vec![], blobs, subject: None, created: None });
            }
        }
    }

    /// The config that says when the image was built, where there is one to ask.
    pub(crate) fn config(&self) -> Option<&Descriptor> {
        let Self::Manifest(manifest) = self else { return None };
        let Content::Image { config: Some(config), .. } = manifest.content() else { return None };
        let known = config.media_type == MediaType::OCI_CONFIG || config.media_type == MediaType::DOCKER_CONFIG;
        known.then_some(config)
    }
}

fn annotated(manifest: &Manifest) -> Option<Timestamp> {
    manifest.annotations().get(CREATED)?.parse().ok()
}

/// When an image was built, as its config says.
pub(crate) fn created(config: &[u8]) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Config {
        created: Option<String>,
    }
    serde_json::from_slice::<Config>(config).ok()?.created?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gc::inventory::Sight;

    #[test]
    fn configs_say_when() {
        let at = |text: &str| created(text.as_bytes()).map(|time| time.to_string());
        assert_eq!(
            at(r#"{"created":"2024-05-06T07:08:09.123456789Z"}"#).as_deref(),
            Some("2024-05-06T07:08:09.123456789Z")
        );
        assert_eq!(
            at(r#"{"created":"2024-05-06T07:08:09+02:00","os":"linux"}"#).as_deref(),
            Some("2024-05-06T05:08:09Z")
        );
        for bad in ["", "{}", "[]", r#"{"created":null}"#, r#"{"created":"soon"}"#, r#"{"created":5}"#] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }

    #[test]
    fn schema_1_lists_its_layers() {
        let layer = Digest::sha256(b"layer");
        let text = format!(r#"{{"schemaVersion":1,"name":"a","fsLayers":[{{"blobSum":"{layer}"}}],"history":[]}}"#);
        let listed = Listed::read(&text.into()).expect("schema 1");
        let mut inventory = Inventory::new(Sight::Storage);
        let id = inventory.intern(Digest::sha256(b"manifest"));
        listed.note(&mut inventory, id, false);
        assert_eq!(inventory.node(id).expect("read").blobs, [inventory.find(&layer).expect("interned")]);
        assert!(Listed::read(&r#"{"schemaVersion":1,"fsLayers":[{"blobSum":"md5:00"}]}"#.into()).is_err());
        assert!(Listed::read(&"".into()).is_err());
    }

    #[test]
    fn dates_from_before_images_are_unknown() {
        let mut inventory = Inventory::new(Sight::Storage);
        let id = inventory.intern(Digest::sha256(b"manifest"));
        let node = Node { manifests: vec![], blobs: vec![], subject: None, created: None };
        inventory.set_node(id, node);
        for (text, known) in [
            ("0001-01-01T00:00:00Z", false),
            ("1970-01-01T00:00:00Z", false),
            ("1980-01-01T00:00:01Z", false),
            ("2013-03-20T00:00:00Z", true),
        ] {
            inventory.set_created(id, text.parse().ok());
            assert_eq!(inventory.node(id).expect("set").created.is_some(), known, "{text}");
        }
    }
}
