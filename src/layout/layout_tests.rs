//! Layouts on disk: round trips, damage, what is left behind.

use std::fs;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::content::Kind;
use crate::content::copy::Copier;
use crate::content::memory::Memory;
use crate::content::options::{Item, Mode, Options, Referrers, Relation};
use crate::content::testing::{blob, image, index, tag};
use crate::spec::Algorithm;

async fn copy(source: &dyn Source, target: &dyn Target, name: &str) -> Result<Digest, content::CopyError> {
    let options = Options {
        relation: Relation::Apart,
        mode: Mode::Apply,
        referrers: Referrers::Take,
        platforms: Vec::new(),
        concurrency: 4,
        images: 1,
    };
    let item = Item { from: Locator::Tag(tag(name)), to: Some(tag(name)) };
    Copier::new(source, target, options, Arc::new(|_| ())).copy(&item).await.map(|copied| copied.digest)
}

/// An index of two images, one with sha512, and a signature of it.
fn stock(place: &Memory) -> Descriptor {
    let config = blob(place, Algorithm::Sha256, b"{}");
    let large = blob(place, Algorithm::Sha256, &vec![7; CHUNKS_AND_A_BIT]);
    let other = blob(place, Algorithm::Sha512, b"other");
    let first = image(place, Algorithm::Sha256, &config, std::slice::from_ref(&large), None, None);
    let second = image(place, Algorithm::Sha512, &config, &[large, other], None, None);
    let root = index(place, Algorithm::Sha256, &[first, second], Some(tag("v1")));
    image(place, Algorithm::Sha256, &config, &[], Some(&root), None);
    root
}

const CHUNKS_AND_A_BIT: usize = (600 << 10) + 1;

fn files_below(dir: &Path) -> Vec<String> {
    let mut dirs = vec![dir.to_owned()];
    let mut names = Vec::new();
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(next).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                names.push(path.strip_prefix(dir).expect("below").display().to_string());
            }
        }
    }
    names.sort();
    names
}

#[tokio::test]
async fn there_and_back_is_the_same() {
    let temp = tempfile::tempdir().expect("a directory");
    let dir = temp.path().join("deep/layout");
    let (source, back) = (Memory::default(), Memory::default());
    let root = stock(&source);
    let layout = Layout::open_or_make(&dir).await.expect("opened");
    assert!(!dir.exists(), "made by the first write");
    assert_eq!(copy(&source, &layout, "v1").await.expect("copied"), root.digest);
    let layout = Layout::open(&dir).await.expect("opened");
    assert_eq!(layout.tags().await.expect("tags"), [tag("v1")]);
    assert_eq!(layout.roots().await.expect("roots").len(), 2, "the index and its signature, not its children");
    copy(&layout, &back, "v1").await.expect("copied back");
    assert_eq!(source.contents(), back.contents());
    assert_eq!(fs::read_to_string(dir.join("oci-layout")).expect("read"), r#"{"imageLayoutVersion":"1.0.0"}"#);
    let names = files_below(&dir);
    assert_eq!(names.len(), 2 + 3 + 4, "{names:?}");
    let before = fs::metadata(dir.join("index.json")).expect("there").modified().expect("a time");
    copy(&source, &layout, "v1").await.expect("copied again");
    assert_eq!(fs::metadata(dir.join("index.json")).expect("there").modified().expect("a time"), before);
}

#[tokio::test]
async fn what_is_no_layout_is_refused() {
    let temp = tempfile::tempdir().expect("a directory");
    let dir = temp.path();
    let open = async || Layout::open(dir).await.expect_err("no layout").to_string();
    let open_or_make = async || Layout::open_or_make(dir).await.map(|_| ()).map_err(|e| e.to_string());
    assert_eq!(open().await, format!("{} is no image layout: it has no oci-layout file", dir.display()));
    assert_eq!(open_or_make().await, Ok(()), "an empty directory will do");
    fs::write(dir.join("thesis.tex"), "precious").expect("written");
    assert_eq!(open_or_make().await, Err(format!("{} is neither empty nor an image layout", dir.display())));
    fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).expect("written");
    assert_eq!(open().await, format!("{} has the layout version \"2.0.0\"; 1.0.0 is supported", dir.display()));
    fs::write(dir.join("oci-layout"), "{").expect("written");
    let file = dir.join("oci-layout");
    assert!(open().await.starts_with(&format!("{} is damaged: not JSON: ", file.display())));
    fs::write(dir.join("oci-layout"), "{}").expect("written");
    assert_eq!(open().await, format!("{} is damaged: it has no imageLayoutVersion", file.display()));
}

#[tokio::test]
async fn damage_is_found_where_it_is() {
    let temp = tempfile::tempdir().expect("a directory");
    let source = Memory::default();
    let root = stock(&source);
    let layout = Layout::open_or_make(temp.path()).await.expect("opened");
    copy(&source, &layout, "v1").await.expect("copied");
    let fails = async |path: &Path, bytes: Option<&[u8]>| {
        let good = fs::read(path).expect("read");
        match bytes {
            Some(bytes) => fs::write(path, bytes).expect("written"),
            None => fs::remove_file(path).expect("removed"),
        }
        let error = copy(&layout, &Memory::default(), "v1").await.expect_err("damaged");
        fs::write(path, good).expect("restored");
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        (error.kind(), cause)
    };
    let damaged = |path: &Path, reason: &str| (Kind::Corrupt, format!("{} is damaged: {reason}", path.display()));

    let manifest = layout.files.blob_path(&root.digest);
    let other = Digest::sha256(b"x");
    assert_eq!(fails(&manifest, Some(b"x")).await, damaged(&manifest, &format!("its bytes have the digest {other}")));
    let large = layout.files.blob_path(&Digest::sha256(&vec![7; CHUNKS_AND_A_BIT]));
    assert_eq!(fails(&large, Some(b"x")).await, damaged(&large, "it has 1 bytes instead of 614401"));
    let same_size = vec![8; CHUNKS_AND_A_BIT];
    let reason = format!("its bytes have the digest {}", Digest::sha256(&same_size));
    assert_eq!(fails(&large, Some(&same_size)).await, damaged(&large, &reason));
    assert_eq!(fails(&large, None).await.0, Kind::NotFound);
    let index = temp.path().join("index.json");
    assert_eq!(fails(&index, Some(b"[]")).await.0, Kind::Corrupt);
    assert_eq!(fails(&index, Some(br#"{"schemaVersion":2}"#)).await.0, Kind::NotFound);
    copy(&layout, &Memory::default(), "v1").await.expect("whole again");
}

#[tokio::test]
async fn a_copy_mends_what_is_damaged() {
    let temp = tempfile::tempdir().expect("a directory");
    let (source, back) = (Memory::default(), Memory::default());
    let root = stock(&source);
    let layout = Layout::open_or_make(temp.path()).await.expect("opened");
    copy(&source, &layout, "v1").await.expect("copied");
    fs::write(layout.files.blob_path(&root.digest), "x").expect("written");
    fs::remove_file(layout.files.blob_path(&Algorithm::Sha512.digest(b"other"))).expect("removed");
    copy(&source, &layout, "v1").await.expect("mended");
    copy(&layout, &back, "v1").await.expect("copied back");
    assert_eq!(source.contents(), back.contents());
}

#[tokio::test]
async fn what_does_not_arrive_whole_is_not_there() {
    let temp = tempfile::tempdir().expect("a directory");
    let layout = Layout::open_or_make(temp.path()).await.expect("opened");
    let expected = blob(&Memory::default(), Algorithm::Sha256, b"expected");
    for (bytes, kind) in [(&b"another!"[..], Kind::Corrupt), (b"short", Kind::Corrupt)] {
        let body = Body::new(&expected, stream(bytes));
        let error = layout.push(&expected, Ticket::default(), body).await.expect_err("refused");
        assert_eq!(error.kind, kind);
        assert!(!layout.has(&expected).await.expect("asked"));
    }
    assert_eq!(files_below(temp.path()), ["index.json", "oci-layout"], "no rest is left");
    let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": expected, "layers": []});
    let manifest = Manifest::parse(Bytes::from(manifest.to_string()), None).expect("a manifest");
    let digest = Digest::sha256(manifest.bytes());
    let error = layout.put(&manifest, &digest, PutAs::Tag(&tag("v1"))).await.expect_err("refused");
    assert_eq!(error.kind, Kind::ChildMissing);
    assert_eq!(layout.tags().await.expect("tags"), []);
}

fn stream(bytes: &[u8]) -> impl futures_util::Stream<Item = content::Result<Bytes>> + Send + use<> {
    futures_util::stream::iter([Ok(Bytes::copy_from_slice(bytes))])
}

#[tokio::test]
async fn many_writers_lose_no_entry() {
    let temp = tempfile::tempdir().expect("a directory");
    let source = Memory::default();
    let config = blob(&source, Algorithm::Sha256, b"{}");
    let names: Vec<String> = (0..20).map(|n| format!("v{n}")).collect();
    for name in &names {
        let layer = blob(&source, Algorithm::Sha256, name.as_bytes());
        image(&source, Algorithm::Sha256, &config, &[layer], None, Some(tag(name)));
    }
    // Each with a handle of its own, as so many processes would.
    futures_util::future::try_join_all(names.iter().map(async |name| {
        let layout = Layout::open_or_make(temp.path()).await.expect("opened");
        copy(&source, &layout, name).await
    }))
    .await
    .expect("copied");
    let layout = Layout::open(temp.path()).await.expect("opened");
    assert_eq!(layout.tags().await.expect("tags").len(), 20);
}

#[tokio::test]
async fn lists_under_the_fallback_tag_are_read() {
    let temp = tempfile::tempdir().expect("a directory");
    let source = Memory::default();
    let config = blob(&source, Algorithm::Sha256, b"{}");
    let root = image(&source, Algorithm::Sha256, &config, &[], None, Some(tag("v1")));
    let referrer = image(&source, Algorithm::Sha256, &config, &[], Some(&root), None);
    let list = fallback_tag(&root.digest);
    index(&source, Algorithm::Sha256, std::slice::from_ref(&referrer), Some(list.clone()));
    let layout = Layout::open_or_make(temp.path()).await.expect("opened");
    copy(&source, &layout, list.as_str()).await.expect("copied");
    let found = layout.referrers(&root.digest).await.expect("listed");
    assert_eq!(found.iter().map(|found| found.digest).collect::<Vec<_>>(), [referrer.digest]);
}

/// What stands in the place of a file and never ends is an error at once.
#[tokio::test]
async fn nobody_waits_for_a_pipe() {
    let (dir, place) = (tempfile::tempdir().expect("a directory"), Memory::default());
    let root = stock(&place);
    let layout = Layout::open_or_make(dir.path()).await.expect("new");
    copy(&place, &layout, "v1").await.expect("copied");
    let blob = Files::new(dir.path().into()).blob_path(&root.digest);
    for path in [blob, dir.path().join("index.json"), dir.path().join("oci-layout")] {
        fs::remove_file(&path).expect("there");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).expect("made");
        let read = async { Layout::open(dir.path()).await?.manifest(&Locator::Tag(tag("v1"))).await };
        let error = read.await.expect_err("no manifest");
        assert!(std::error::Error::source(&error).is_some_and(|cause| cause.to_string() == "it is no regular file"));
    }
}
