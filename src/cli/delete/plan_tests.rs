//! Plans of deletions over small repositories.

use bytes::Bytes as Raw;

use super::*;

fn tag(name: &str) -> Tag {
    name.parse().expect("a tag")
}

fn blob(seed: &str, size: u64) -> serde_json::Value {
    serde_json::json!({"mediaType": "a/b", "digest": Digest::sha256(seed.as_bytes()), "size": size})
}

/// A repository made by hand.
#[derive(Default)]
struct Builder(Known);

impl Builder {
    fn put(&mut self, document: &serde_json::Value, tags: &[&str]) -> Digest {
        let bytes = Raw::from(document.to_string());
        let digest = Digest::sha256(&bytes);
        self.0.manifests.insert(digest, Arc::new(Manifest::parse(bytes, None).expect("a manifest")));
        self.0.tags.extend(tags.iter().map(|name| (tag(name), digest)));
        digest
    }

    /// An image with a config of its own (10 bytes) and layers of 100 bytes.
    fn image(&mut self, name: &str, layers: &[&str], tags: &[&str]) -> Digest {
        let layers: Vec<_> = layers.iter().map(|layer| blob(layer, 100)).collect();
        let document = serde_json::json!({"schemaVersion": 2, "config": blob(name, 10), "layers": layers});
        self.put(&document, tags)
    }

    fn index(&mut self, children: &[Digest], tags: &[&str]) -> Digest {
        let child = |digest: &Digest| serde_json::json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 1});
        let children: Vec<_> = children.iter().map(child).collect();
        self.put(&serde_json::json!({"schemaVersion": 2, "manifests": children}), tags)
    }

    fn size(&self, digest: Digest) -> u64 {
        self.0.manifests[&digest].bytes().len() as u64
    }

    fn plan(&self, tags: &[&str], manifests: &[Digest], depth: Depth) -> Plan {
        let request = Request {
            tags: tags.iter().map(|name| tag(name)).collect(),
            manifests: manifests.iter().copied().collect(),
            depth,
        };
        plan(&self.known(), &request)
    }

    fn known(&self) -> Known {
        Known { complete: true, ..self.0.clone() }
    }
}

fn untag(name: &str, digest: Digest, otherwise: Otherwise) -> Step {
    Step::Untag { tag: tag(name), digest, otherwise }
}

fn delete(digest: Digest, tags: &[&str]) -> Step {
    Step::Delete { digest, tags: tags.iter().map(|name| tag(name)).collect(), cause: Cause::Asked }
}

#[test]
fn a_tag_goes_alone() {
    let mut repository = Builder::default();
    let image = repository.image("a", &["l1"], &["v1", "v2"]);
    let plan = repository.plan(&["v1"], &[], Depth::Tag);
    let held = Held::Tags(vec![tag("v2")]);
    assert_eq!(plan.steps, [untag("v1", image, Otherwise::Never(held.clone()))]);
    assert_eq!(plan.bytes, Some(Bytes { shared: 110 + repository.size(image), ..Bytes::default() }));
    // And where the registry cannot do that, nothing goes.
    let plan = plan.without_untag(&repository.known());
    assert_eq!(plan.steps, []);
    assert_eq!(plan.refused, [Refusal { tag: Some(tag("v1")), digest: image, why: held, cause: Cause::CannotUntag }]);
    assert_eq!(plan.bytes, Some(Bytes::default()));
}

#[test]
fn the_last_tags_of_a_manifest_may_take_it_along() {
    let mut repository = Builder::default();
    let image = repository.image("a", &["l1"], &["v1", "v2"]);
    repository.image("b", &["l1"], &["v3"]);
    let plan = repository.plan(&["v1", "v2"], &[], Depth::Tag);
    assert_eq!(plan.steps.len(), 2);
    let freed = 10 + repository.size(image);
    assert_eq!(plan.bytes, Some(Bytes { freed: 0, freed_with_untagged: freed, shared: 100 }));
    let step = Step::Delete { digest: image, tags: vec![tag("v1"), tag("v2")], cause: Cause::CannotUntag };
    let plan = plan.without_untag(&repository.known());
    assert_eq!(plan.steps, [step]);
    assert_eq!(plan.bytes, Some(Bytes { freed, freed_with_untagged: freed, shared: 100 }));
}

#[test]
fn what_an_index_lists_is_left_to_a_collection_of_untagged_manifests() {
    let mut repository = Builder::default();
    let children = [repository.image("a", &["l1"], &[]), repository.image("b", &["l1"], &[])];
    let index = repository.index(&children, &["multi"]);
    let signature = repository.image("signature", &[], &[]);
    repository.0.referrers.insert(children[0], vec![signature]);
    let freed = repository.size(index);
    let images = 120 + repository.size(children[0]) + repository.size(children[1]);
    let freed_with_untagged = freed + images + 10 + repository.size(signature);
    let plan = repository.plan(&["multi"], &[], Depth::Manifest);
    assert_eq!(plan.bytes, Some(Bytes { freed, freed_with_untagged, shared: 0 }));
}

#[test]
fn a_referrer_holds_what_it_refers_to() {
    let mut repository = Builder::default();
    let image = repository.image("a", &[], &["v1"]);
    repository.0.referrers.insert(image, vec![Digest::sha256(b"signature")]);
    let plan = repository.plan(&["v1"], &[], Depth::Tag).without_untag(&repository.known());
    let (why, cause) = (Held::Referrers(1), Cause::CannotUntag);
    assert_eq!(plan.refused, [Refusal { tag: Some(tag("v1")), digest: image, why, cause }]);
    assert_eq!(plan.bytes, Some(Bytes::default()), "what is refused frees nothing");
    // It may be deleted by its own name all the same.
    assert_eq!(repository.plan(&[], &[image], Depth::Tag).steps, [delete(image, &["v1"])]);
}

#[test]
fn a_manifest_goes_with_its_tags() {
    let mut repository = Builder::default();
    let image = repository.image("a", &["l1"], &["v1", "v2"]);
    assert_eq!(repository.plan(&[], &[image], Depth::Tag).steps, [delete(image, &["v1", "v2"])]);
    assert_eq!(repository.plan(&["v1"], &[image], Depth::Tag).steps, [delete(image, &["v1", "v2"])]);
    assert_eq!(repository.plan(&["v1", "v2"], &[], Depth::Manifest).steps, [delete(image, &["v1", "v2"])]);
}

#[test]
fn a_digest_shared_with_a_kept_tag_stays() {
    let mut repository = Builder::default();
    let image = repository.image("a", &["l1"], &["v1", "v2"]);
    let why = Held::Tags(vec![tag("v2")]);
    let plan = repository.plan(&["v1"], &[], Depth::Manifest);
    assert_eq!(plan.steps, [untag("v1", image, Otherwise::Never(why))]);
    assert_eq!(plan.refused, []);
}

#[test]
fn a_child_of_a_kept_index_stays() {
    let mut repository = Builder::default();
    let child = repository.image("a", &["l1"], &["arm"]);
    let index = repository.index(&[child], &["v1"]);
    let outer = repository.index(&[index], &["outer"]);
    let refused = Refusal { tag: None, digest: child, why: Held::Index(index), cause: Cause::Asked };
    assert_eq!(repository.plan(&[], &[child], Depth::Tag).refused, [refused]);
    let alone = untag("arm", child, Otherwise::Never(Held::Index(index)));
    assert_eq!(repository.plan(&["arm"], &[], Depth::Manifest).steps, [alone]);
    // The index below an index that stays is no better off.
    let alone = untag("v1", index, Otherwise::Never(Held::Index(outer)));
    assert_eq!(repository.plan(&["v1"], &[], Depth::Manifest).steps, [alone]);
    let all = repository.plan(&["arm", "v1", "outer"], &[], Depth::Manifest);
    assert_eq!(all.refused, []);
    assert_eq!(all.steps.last(), Some(&delete(child, &["arm"])), "what is listed goes after what lists it");
    assert_eq!(all.bytes.map(|bytes| bytes.shared), Some(0));
}

#[test]
fn nothing_is_known_of_tags_that_were_not_read() {
    let mut repository = Builder::default();
    let image = repository.image("a", &[], &["v1"]);
    let request = Request { tags: [tag("v1"), tag("gone")].into(), ..Request::default() };
    let plan = plan(&repository.0, &request);
    assert_eq!(plan.steps, [untag("v1", image, Otherwise::Unknown)]);
    assert_eq!(plan.bytes, None);
}
