//! `reg gc-plan` on a directory that registry 2.8.2 wrote, against what its own `garbage-collect` says and does.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::support::image::{Flavour, artifact, image, index};
use crate::support::programs::require;
use crate::support::reg::Reg;
use crate::support::registry::{Kind, Server, collect_with_registry2, filesystem};

fn registry2(directory: &Path) -> Server {
    Server::start_with(Kind::Registry2, directory, &filesystem(&directory.join("data"))).expect("its program is there")
}

/// The blobs that a dry run of 2.8.2 would delete.
fn eligible(said: &str) -> BTreeSet<String> {
    said.lines().filter_map(|line| line.strip_prefix("blob eligible for deletion: ")).map(str::to_owned).collect()
}

/// The blobs that `reg gc-plan` would free, and their bytes.
fn planned(directory: &Path, rules: &[&str]) -> (BTreeSet<String>, u64) {
    let data = directory.join("data");
    let data = data.to_string_lossy();
    let plan = Reg::new().json(&[&["gc-plan", "--storage", &*data], rules].concat());
    let items = plan["items"].as_array().expect("items").iter();
    let free = items.filter(|item| item["action"] == "free");
    let free = free.map(|item| item["reference"].as_str().expect("a digest").to_owned()).collect();
    (free, plan["summary"]["bytes_freed"].as_u64().expect("bytes"))
}

/// Bytes of all files called `data` below a directory: blobs.
pub(crate) fn stored_bytes(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    let bytes = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => stored_bytes(&entry.path()),
        _ if entry.file_name() == "data" => entry.metadata().map_or(0, |metadata| metadata.len()),
        _ => 0,
    };
    entries.filter_map(Result::ok).map(bytes).sum()
}

/// The plan names the blobs that 2.8.2 names, and its bytes are those that 2.8.2 frees.
#[test]
fn garbage_is_what_registry_2_collects() {
    let program = require!("docker-registry");
    let directory = TempDir::new().expect("a directory");
    {
        let theirs = registry2(directory.path());
        for (tag, graph) in [("oci", image(Flavour::Oci, 1)), ("list", index(Flavour::Docker, 2))] {
            theirs.api().push("team/app", tag, &graph);
        }
        let doomed = image(Flavour::Docker, 3);
        theirs.api().push("team/app", "doomed", &doomed);
        theirs.api().push("other", "doomed", &doomed);
        theirs.api().delete_manifest("team/app", doomed.digest());
        let gone = index(Flavour::Oci, 4);
        theirs.api().push("team/app", "gone", &gone);
        for manifest in gone.manifests() {
            theirs.api().delete_manifest("team/app", &manifest.digest);
        }
    }
    let (free, bytes) = planned(directory.path(), &[]);
    assert_eq!(free, eligible(&collect_with_registry2(program.clone(), directory.path(), &["-d"])));
    assert!(!free.is_empty());
    let before = stored_bytes(directory.path());
    collect_with_registry2(program, directory.path(), &[]);
    assert_eq!(before - stored_bytes(directory.path()), bytes);
    assert_eq!(planned(directory.path(), &[]), (BTreeSet::new(), 0));
}

/// The same for untagged images. Only where there is no index: with `-m`, 2.8.2 takes its images for untagged.
#[test]
fn untagged_images_are_what_registry_2_collects() {
    let program = require!("docker-registry");
    let directory = TempDir::new().expect("a directory");
    {
        let theirs = registry2(directory.path());
        theirs.api().push("app", "latest", &image(Flavour::Oci, 1));
        theirs.api().push("app", "latest", &image(Flavour::Oci, 2));
        theirs.api().push("app", "v1", &image(Flavour::Docker, 3));
    }
    assert_eq!(planned(directory.path(), &[]), (BTreeSet::new(), 0));
    let (free, bytes) = planned(directory.path(), &["--untagged"]);
    assert_eq!(free, eligible(&collect_with_registry2(program.clone(), directory.path(), &["-d", "-m"])));
    let before = stored_bytes(directory.path());
    collect_with_registry2(program, directory.path(), &["-m"]);
    assert_eq!(before - stored_bytes(directory.path()), bytes);
    assert!(bytes > 0);
}

/// Where theirs is wrong, ours keeps what is needed: the images of a tagged index, the referrers of a tagged image.
#[test]
fn what_a_tagged_index_or_image_needs_is_kept() {
    let _program = require!("docker-registry");
    let directory = TempDir::new().expect("a directory");
    {
        let theirs = registry2(directory.path());
        let (multi, signed) = (index(Flavour::Oci, 1), image(Flavour::Oci, 5));
        theirs.api().push("app", "multi", &multi);
        theirs.api().push("app", "signed", &signed);
        let signature = artifact(signed.top(), "application/x.signature", 1);
        theirs.api().push("app", signature.digest(), &signature);
    }
    assert_eq!(planned(directory.path(), &["--untagged"]), (BTreeSet::new(), 0));
}
