//! What `reg copy` costs, and what is left of it when it is cut off.

use std::collections::BTreeMap;
use std::process::Stdio;

use super::copy::{assert_there, second};
use crate::support::counting::{Counting, Hold};
use crate::support::image::{OCI_MANIFEST, noise};
use crate::support::server::reg;
use crate::support::watchdog::Watchdog;
use crate::support::{Env, Image, image};

fn layers(count: u64) -> Image {
    let layers = (0..count).map(|n| noise(n + 100, 2000)).collect();
    Image::new(OCI_MANIFEST, "application/vnd.oci.image.config.v1+json", b"{}".to_vec(), layers, "")
}

/// How often each kind of request was sent.
fn kinds(requests: &[String]) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for request in requests {
        let (method, path) = request.split_once(' ').expect("a request");
        let path = path.split('?').next().unwrap_or_default();
        let noun = ["manifests", "uploads", "blobs", "tags", "referrers"].into_iter();
        let noun = noun.clone().find(|noun| path.contains(&format!("/{noun}/"))).unwrap_or(path);
        *kinds.entry(format!("{method} {noun}")).or_default() += 1;
    }
    kinds
}

fn counts(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect()
}

#[test]
fn requests_are_few() {
    let env = Env::with_two_servers();
    let (source, target) = (Counting::before(env.host()), Counting::before(&env.expand("$REG2")));
    env.push("a/b:v1", &layers(20));
    let copy = format!("copy {}/a/b:v1 {}/a/b:v1", source.host, target.host);
    env.reg(&copy).ok();
    assert_eq!(kinds(&source.take()), counts(&[("GET manifests", 1), ("GET blobs", 21)]));
    let sent = [("HEAD manifests", 1), ("POST uploads", 21), ("PUT uploads", 21), ("PUT manifests", 1)];
    assert_eq!(kinds(&target.take()), counts(&sent));

    env.reg(&copy).ok();
    assert_eq!((source.take().len(), target.take().len()), (1, 1), "all is there");

    // One layer more.
    env.push("a/b:v1", &layers(21));
    env.reg(&copy).ok();
    assert_eq!(kinds(&source.take()), counts(&[("HEAD manifests", 1), ("GET manifests", 1), ("GET blobs", 1)]));
    let sent = [("HEAD manifests", 1), ("POST uploads", 22), ("PUT uploads", 1), ("PUT manifests", 1)];
    assert_eq!(kinds(&target.take()), counts(&sent));
}

/// Layers that arrive in many chunks cost no request more, and those that are there are not read again.
#[test]
fn requests_are_few_for_large_layers() {
    let env = Env::with_two_servers();
    let (source, target) = (Counting::before(env.host()), Counting::before(&env.expand("$REG2")));
    let large = |count: u64| {
        let layers = (0..count).map(|n| noise(n + 100, (1 << 20) + 4321)).collect();
        Image::new(OCI_MANIFEST, "application/vnd.oci.image.config.v1+json", b"{}".to_vec(), layers, "")
    };
    env.push("a/b:v1", &large(3));
    let copy = format!("copy {}/a/b:v1 {}/a/b:v1", source.host, target.host);
    let bytes = |output: &crate::support::Output| output.json()["items"][0]["bytes"].as_u64();
    assert!(bytes(&env.reg(&format!("{copy} -o json"))) > Some(3 << 20));
    assert_eq!(kinds(&source.take()), counts(&[("GET manifests", 1), ("GET blobs", 4)]));
    let sent = [("HEAD manifests", 1), ("POST uploads", 4), ("PUT uploads", 4), ("PUT manifests", 1)];
    assert_eq!(kinds(&target.take()), counts(&sent));
    assert_there(&mut second(&env), "a/b", "v1", &large(3));

    env.push("a/b:v1", &large(4));
    env.reg(&copy).ok();
    assert_eq!(kinds(&source.take()), counts(&[("HEAD manifests", 1), ("GET manifests", 1), ("GET blobs", 1)]));
    let sent = [("HEAD manifests", 1), ("POST uploads", 5), ("PUT uploads", 1), ("PUT manifests", 1)];
    assert_eq!(kinds(&target.take()), counts(&sent));
    assert_there(&mut second(&env), "a/b", "v1", &large(4));
}

#[test]
fn within_a_registry_nothing_is_sent() {
    let env = Env::new();
    let proxy = Counting::before(env.host());
    let image = layers(5);
    env.push("a/b:v1", &image);
    env.reg(&format!("copy {0}/a/b:v1 {0}/c/d:v1", proxy.host)).ok();
    let sent = [("HEAD manifests", 1), ("GET manifests", 1), ("POST uploads", 6), ("PUT manifests", 1)];
    assert_eq!(kinds(&proxy.take()), counts(&sent));
    assert_there(&mut env.http(), "c/d", "v1", &image);

    env.reg(&format!("copy {0}/a/b:v1 {0}/a/b:v2", proxy.host)).ok();
    assert_eq!(kinds(&proxy.take()), counts(&[("HEAD manifests", 1), ("GET manifests", 1), ("PUT manifests", 1)]));
    assert_there(&mut env.http(), "a/b", "v2", &image);
}

#[test]
fn all_tags_share_what_they_share() {
    let env = Env::with_two_servers();
    let (source, target) = (Counting::before(env.host()), Counting::before(&env.expand("$REG2")));
    for seed in 0..30 {
        env.push(&format!("a/b:v{seed}"), &image(seed));
    }
    let copy = format!("copy --all-tags {}/a/b {}/a/b -o name", source.host, target.host);
    assert_eq!(env.reg(&copy).ok().lines().count(), 30);
    // Each has a config and a layer of its own (configs repeat after 28); the first layer is everybody's.
    let read = kinds(&source.take());
    assert_eq!((read["GET manifests"], read["GET tags"]), (30, 1));
    let own = 30 * 2 + 1;
    assert_eq!(read["GET blobs"], own);
    let sent = kinds(&target.take());
    assert_eq!((sent["POST uploads"], sent["PUT uploads"], sent["PUT manifests"]), (own, own, 30));
    assert!(sent["HEAD manifests"] <= 8, "only before the list of tags is known: {sent:?}");

    assert_eq!(env.reg(&copy).ok().lines().count(), 30);
    assert_eq!(kinds(&source.take()), counts(&[("GET tags", 1), ("HEAD manifests", 30)]));
    assert_eq!(kinds(&target.take()), counts(&[("HEAD manifests", 30)]));
}

#[test]
fn an_interrupted_copy_goes_on() {
    let env = Env::with_two_servers();
    let image = layers(10);
    env.push("a/b:v1", &image);
    let upstream = env.expand("$REG2");
    let proxy = Counting::holding(&upstream, Hold { begins: "PUT /v2/a/b/blobs/uploads/", nth: 6 });
    let mut child = reg()
        .args(["copy", "--jobs", "1", &format!("{}/a/b:v1", env.host()), &format!("{}/a/b:v1", proxy.host)])
        .env("HOME", env.home())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let _watchdog = Watchdog::over(&child);
    proxy.wait_until_held();
    child.kill().expect("the child is ours");
    child.wait().expect("the child ends");
    let mut client = second(&env);
    assert_eq!(client.get("/v2/a/b/manifests/v1").status, 404, "no manifest before its blobs");

    let proxy = Counting::before(&upstream);
    env.reg(&format!("copy $REG/a/b:v1 {}/a/b:v1", proxy.host)).ok();
    assert_eq!(kinds(&proxy.take())["PUT uploads"], 11 - 5, "what had arrived is not sent again");
    assert_there(&mut client, "a/b", "v1", &image);
}

#[test]
fn an_interrupt_ends_with_130() {
    let env = Env::with_two_servers();
    env.push("a/b:v1", &layers(3));
    let proxy = Counting::holding(&env.expand("$REG2"), Hold { begins: "PUT /v2/a/b/blobs/uploads/", nth: 1 });
    let child = reg()
        .args(["copy", &format!("{}/a/b:v1", env.host()), &format!("{}/a/b:v1", proxy.host)])
        .env("HOME", env.home())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let _watchdog = Watchdog::over(&child);
    proxy.wait_until_held();
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
    assert_eq!(child.wait_with_output().expect("the child ends").status.code(), Some(130));
    assert_eq!(second(&env).get("/v2/a/b/manifests/v1").status, 404);
}
