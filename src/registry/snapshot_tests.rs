//! Tests of `snapshot.rs`: stores written key by key, as any registry may have left them.

use std::sync::Arc;

use super::*;
use crate::gc::plan::Fate;
use crate::gc::{Policy, Rule, plan, policy::Action};
use crate::spec::{Repository, Tag};
use crate::store::{Fs, Memory, WriteMode};
use crate::sys::Clock;

/// A store in the making.
struct Store {
    driver: Arc<dyn Driver>,
    app: Repository,
    _directory: Option<tempfile::TempDir>,
}

impl Store {
    fn both() -> [Self; 2] {
        let app = || "team/app".parse().expect("a name");
        let directory = tempfile::tempdir().expect("a directory");
        let fs = Fs::open(directory.path(), Clock::System).expect("opens");
        let memory = Memory::new(Clock::System);
        [
            Self { driver: Arc::new(fs), app: app(), _directory: Some(directory) },
            Self { driver: Arc::new(memory), app: app(), _directory: None },
        ]
    }

    async fn write(&self, key: &Key, text: &str) {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        self.driver.write(key, bytes, WriteMode::Replace).await.expect("written");
    }

    async fn blob(&self, text: &str) -> Digest {
        let digest = Digest::sha256(text.as_bytes());
        self.write(&Key::blob(&digest), text).await;
        self.write(&Key::layer_link(&self.app, &digest), &digest.to_string()).await;
        digest
    }

    async fn manifest(&self, text: &str) -> Digest {
        let digest = Digest::sha256(text.as_bytes());
        self.write(&Key::blob(&digest), text).await;
        self.write(&Key::revision_link(&self.app, &digest), &digest.to_string()).await;
        digest
    }

    async fn tag(&self, tag: &str, target: &Digest) {
        let tag: Tag = tag.parse().expect("a tag");
        self.write(&Key::tag_current(&self.app, &tag), &target.to_string()).await;
        self.write(&Key::tag_index(&self.app, &tag, target), &target.to_string()).await;
    }

    /// An image with a layer of its own name and the config `config`.
    async fn image(&self, layer: &str, config: &str) -> Digest {
        let (layer_digest, config_digest) = (self.blob(layer).await, self.blob(config).await);
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config_digest}","size":{}}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{layer_digest}","size":{}}}]}}"#,
            config.len(),
            layer.len()
        );
        self.manifest(&text).await
    }

    async fn index(&self, children: &[Digest]) -> Digest {
        let list: Vec<String> = children
            .iter()
            .map(|digest| {
                let media_type = "application/vnd.oci.image.manifest.v1+json";
                format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":1}}"#)
            })
            .collect();
        let media_type = "application/vnd.oci.image.index.v1+json";
        let list = list.join(",");
        self.manifest(&format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}","manifests":[{list}]}}"#)).await
    }

    async fn snapshot(&self) -> Inventory {
        snapshot(&*self.driver, true).await.expect("a snapshot")
    }

    /// The reason for which the repository is left alone.
    async fn blocked(&self) -> String {
        let inventory = self.snapshot().await;
        match &inventory.repositories[0].blocked {
            Some(Blocked::Damaged(why) | Blocked::Failed(why)) => why.clone(),
            None => String::new(),
        }
    }
}

const CONFIG: &str = r#"{"created":"2024-01-02T03:04:05Z","os":"linux"}"#;

#[tokio::test]
async fn an_image_is_seen_whole() {
    for store in Store::both() {
        let image = store.image("layer", CONFIG).await;
        let index = store.index(&[image]).await;
        store.tag("v1", &index).await;
        let garbage = store.blob("garbage").await;
        let inventory = store.snapshot().await;

        let app = &inventory.repositories[0];
        assert_eq!((app.name.as_str(), app.tags.len(), app.revisions.len(), app.links.len()), ("team/app", 1, 2, 3));
        assert_eq!(app.blocked, None);
        assert!(app.tags[0].changed.is_some() && app.links.iter().all(|held| held.changed.is_some()));
        let index = inventory.node(app.tags[0].target).expect("read");
        assert_eq!(index.created, Some("2024-01-02T03:04:05Z".parse().expect("a time")));
        let plan = plan(&inventory, &Policy::default(), Clock::System.now());
        let doomed: Vec<_> = plan.blobs.iter().map(|blob| *inventory.digest(blob.content)).collect();
        assert_eq!((doomed, plan.summary.bytes_freed), (vec![garbage], 7));
    }
}

#[tokio::test]
async fn content_named_by_sha512_is_found_under_its_sha256() {
    for store in Store::both() {
        let image = store.image("layer", CONFIG).await;
        let bytes = store.driver.read(&Key::blob(&image), None).await.expect("read");
        let bytes = bytes.bytes(&Key::blob(&image)).await.expect("read");
        let other = Algorithm::Sha512.digest(&bytes);
        store.write(&Key::revision_link(&store.app, &other), &image.to_string()).await;
        store.driver.delete(&[Key::revision_link(&store.app, &image)]).await.expect("deleted");
        store.tag("v1", &other).await;
        let inventory = store.snapshot().await;
        assert_eq!(inventory.repositories[0].blocked, None);
        let plan = plan(&inventory, &Policy::default(), Clock::System.now());
        assert_eq!(plan.summary, Default::default());

        store.write(&Key::revision_link(&store.app, &other), "torn").await;
        let inventory = store.snapshot().await;
        assert!(inventory.repositories[0].blocked.is_some());
        assert_eq!(inventory.frozen.len(), 1, "nobody knows what the link holds");
    }
}

#[tokio::test]
async fn damage_blocks_the_repository() {
    for store in Store::both() {
        let image = store.image("layer", CONFIG).await;
        store.tag("v1", &image).await;
        store.write(&Key::blob(&image), "").await;
        assert!(store.blocked().await.contains("its bytes have another digest"));
        store.driver.delete(&[Key::blob(&image)]).await.expect("deleted");
        assert!(store.blocked().await.starts_with("tag v1 points to sha256:"));
        store.image("layer", CONFIG).await;
        assert_eq!(store.blocked().await, "");
        store.write(&Key::tag_current(&store.app, &"v1".parse().expect("a tag")), "").await;
        assert_eq!(store.blocked().await, "the link of tag v1 is damaged");
        store.tag("v1", &image).await;
        let bad = store.manifest(r#"{"schemaVersion":2}"#).await;
        assert!(store.blocked().await.contains(&bad.to_string()));
    }
}

#[tokio::test]
async fn a_missing_child_blocks_unless_it_never_was_there() {
    for store in Store::both() {
        let image = store.image("layer", CONFIG).await;
        let index = store.index(&[image, Digest::sha256(b"never here")]).await;
        store.tag("v1", &index).await;
        assert_eq!(store.blocked().await, "");
        store.driver.delete(&[Key::blob(&image)]).await.expect("deleted");
        assert!(store.blocked().await.ends_with("lists, is missing"));
    }
}

#[tokio::test]
async fn what_others_leave_behind_does_no_harm() {
    for store in Store::both() {
        let image = store.image("layer", CONFIG).await;
        store.tag("v1", &image).await;
        // A revision whose bytes a collector freed, and the signatures of registry 2.0.
        let gone = Digest::sha256(b"gone");
        store.write(&Key::revision_link(&store.app, &gone), &gone.to_string()).await;
        let signature = Prefix::revisions(&store.app).key(&format!("sha256/{}/signatures/sha256/00/link", image.hex()));
        store.write(&signature, "sha256:00").await;
        let inventory = store.snapshot().await;
        assert_eq!((&inventory.repositories[0].blocked, inventory.frozen.len()), (&None, 0));
        let untagged = Policy {
            rules: vec![Rule { untagged: true, ..Rule::new("untagged", Action::Delete) }],
            ..Policy::default()
        };
        let plan = plan(&inventory, &untagged, Clock::System.now());
        let manifests = inventory.repositories[0].revisions.iter().zip(&plan.repositories[0].manifests);
        let doomed: Vec<_> = manifests.filter(|(_, manifest)| manifest.fate == Fate::Go).collect();
        assert_eq!(doomed.iter().map(|(held, _)| *inventory.digest(held.content)).collect::<Vec<_>>(), [gone]);
        assert_eq!(plan.summary.blobs, 0);
    }
}

#[tokio::test]
async fn a_repository_with_an_impossible_name_freezes_all_blobs() {
    for store in Store::both() {
        store.blob("garbage").await;
        let strange = Prefix::repositories().child("No").child("_layers").key("x");
        store.write(&strange, "").await;
        let inventory = store.snapshot().await;
        assert_eq!(inventory.frozen, [r#""No" is no name of a repository"#]);
        assert_eq!(plan(&inventory, &Policy::default(), Clock::System.now()).summary.blobs, 0);
    }
}

#[tokio::test]
async fn schema_1_keeps_its_layers() {
    for store in Store::both() {
        let layer = store.blob("layer").await;
        let text = format!(r#"{{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[{{"blobSum":"{layer}"}}]}}"#);
        let manifest = store.manifest(&text).await;
        store.tag("old", &manifest).await;
        let inventory = store.snapshot().await;
        assert_eq!(inventory.repositories[0].blocked, None);
        assert_eq!(plan(&inventory, &Policy::default(), Clock::System.now()).summary, Default::default());
    }
}
