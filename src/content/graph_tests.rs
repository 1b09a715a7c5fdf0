//! Walks: order, what is left out, limits.

use bytes::Bytes;
use serde_json::json;

use super::*;
use crate::spec::{Digest, MediaType};

fn describe(manifest: &Manifest) -> Descriptor {
    let digest = Digest::sha256(manifest.bytes());
    Descriptor::new(manifest.media_type().clone(), digest, manifest.bytes().len() as u64)
}

fn index(entries: &[Descriptor]) -> Manifest {
    let document = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries});
    Manifest::parse(Bytes::from(document.to_string()), None).expect("an index")
}

fn image(layers: &[(&str, u64)]) -> Manifest {
    let descriptor =
        |(text, size): &(&str, u64)| Descriptor::new(MediaType::OCTET_STREAM, Digest::sha256(text.as_bytes()), *size);
    let layers: Vec<_> = layers.iter().map(descriptor).collect();
    let config = descriptor(&("config", 6));
    let document =
        json!({"schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": config, "layers": layers});
    Manifest::parse(Bytes::from(document.to_string()), None).expect("an image")
}

fn walk(root: &Manifest, others: &[&Manifest]) -> Result<Graph, GraphError> {
    let mut walk = Walk::new(describe(root).digest, root.clone())?;
    loop {
        let level = walk.next_level()?;
        if level.is_empty() {
            return Ok(walk.finish());
        }
        for child in level {
            match others.iter().find(|other| describe(other).digest == child.digest) {
                Some(manifest) => walk.enter_child(&child, (*manifest).clone())?,
                None => walk.leave_out(child.digest),
            }
        }
    }
}

#[test]
fn children_stand_before_parents_however_long_the_way() {
    let (leaf, left_out) = (image(&[("a", 1), ("b", 3), ("a", 1)]), image(&[("c", 9)]));
    let middle = index(&[describe(&leaf)]);
    // The leaf is listed by the root too, above the longer way to it.
    let root = index(&[describe(&leaf), describe(&middle), describe(&left_out), describe(&leaf)]);
    let graph = walk(&root, &[&leaf, &middle]).expect("walked");
    let digest = |manifest| describe(manifest).digest;
    assert_eq!(graph.waves, [vec![digest(&leaf)], vec![digest(&middle)], vec![digest(&root)]]);
    assert_eq!(graph.left_out, [digest(&left_out)]);
    assert_eq!(graph.blobs.iter().map(|blob| blob.size).collect::<Vec<_>>(), [6, 3, 1], "once each, the largest first");
    assert_eq!(graph.digests().count(), 4);
}

#[test]
fn what_an_index_lists_beside_manifests_is_a_blob() {
    let layer = Descriptor::new(MediaType::from("application/vnd.buildkit.cacheconfig.v0"), Digest::sha256(b"x"), 1);
    let graph = walk(&index(std::slice::from_ref(&layer)), &[]).expect("walked");
    assert_eq!((graph.blobs, graph.left_out), (vec![layer], vec![]));
}

#[test]
fn limits_hold() {
    let mut nested = vec![image(&[])];
    for depth in 1..=INDEX_DEPTH_MAX {
        nested.push(index(&[describe(&nested[depth - 1])]));
    }
    let others: Vec<&Manifest> = nested.iter().collect();
    assert!(walk(&nested[INDEX_DEPTH_MAX - 1], &others).is_ok());
    assert!(matches!(walk(&nested[INDEX_DEPTH_MAX], &others), Err(GraphError::TooDeep(_))));

    let entry = |n: usize| Descriptor::new(MediaType::OCI_MANIFEST, Digest::sha256(&n.to_le_bytes()), 1);
    let many: Vec<_> = (0..GRAPH_MANIFESTS_MAX).map(entry).collect();
    assert_eq!(walk(&index(&many), &[]).expect_err("too many"), GraphError::TooManyManifests);
    assert!(walk(&index(&many[1..]), &[]).is_ok());

    let leaf = image(&[]);
    let mut lying = describe(&leaf);
    lying.size += 1;
    assert!(matches!(walk(&index(&[lying]), &[&leaf]), Err(GraphError::Size { .. })));
}
