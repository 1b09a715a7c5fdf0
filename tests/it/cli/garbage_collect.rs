//! `reg garbage-collect`, and `registry garbage-collect`: the offline collector.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt as _;

use crate::support::env::Output;
use crate::support::image::{Image, artifact, digest, image, index};
use crate::support::server::reg;
use crate::support::{Env, Server};

/// A world with a configuration file, `$TMP/c.yml`, of its one registry.
fn world() -> Env {
    let env = Env::new();
    let config = "version: 0.1\nstorage: {filesystem: {rootdirectory: $TMP/registry1}}\n";
    fs::write(env.path("c.yml"), env.expand(config)).expect("written");
    env
}

fn stop(env: &mut Env) {
    drop(env.take_server());
}

fn restart(env: &mut Env) {
    let root = env.path("registry1");
    env.put_server(Server::start(&root));
}

/// Runs under the name `registry`.
fn registry(env: &Env, words: &str) -> Output {
    let mut command = reg();
    command.arg0("registry").args(env.expand(words).split_whitespace());
    env.run(&mut command, "")
}

/// What the lines of this beginning name, without it.
fn named<'a>(output: &'a Output, beginning: &str) -> BTreeSet<&'a str> {
    output.stdout.lines().filter_map(|line| line.strip_prefix(beginning)).collect()
}

/// Digests of the blobs that no other seed has, and of the manifest.
fn own(image: &Image) -> BTreeSet<String> {
    [&image.manifest, &image.blobs[0], &image.blobs[2]].map(|bytes| digest(bytes)).into()
}

fn texts(digests: &BTreeSet<String>) -> BTreeSet<&str> {
    digests.iter().map(String::as_str).collect()
}

/// Pulls a manifest and everything that it lists.
fn pull(env: &Env, repository: &str, image: &Image) {
    let mut http = env.http();
    let manifest = http.get(&format!("/v2/{repository}/manifests/{}", image.digest()));
    assert_eq!((manifest.status, &manifest.body), (200, &image.manifest));
    for blob in &image.blobs {
        let answer = http.get(&format!("/v2/{repository}/blobs/{}", digest(blob)));
        assert_eq!((answer.status, &answer.body), (200, blob));
    }
    image.children.iter().for_each(|child| pull(env, repository, child));
}

#[test]
fn what_nothing_needs_goes() {
    let mut env = world();
    env.push("team/app:v1", &image(1));
    let gone = image(2);
    env.push("team/app:v2", &gone);
    env.push("team/app", &image(3));
    env.http().push_blob("other", b"orphan");
    assert_eq!(env.http().delete(&format!("/v2/team/app/manifests/{}", gone.digest())).status, 202);
    stop(&mut env);
    let dry = env.reg("garbage-collect -d $TMP/c.yml");
    assert_eq!(dry.exit, Some(0), "{dry}");
    let mut doomed = own(&gone);
    doomed.insert(digest(b"orphan"));
    assert_eq!(named(&dry, "blob eligible for deletion: "), texts(&doomed));
    assert!(dry.stdout.contains("\n\n7 blobs marked, 4 blobs and 0 manifests eligible for deletion\n"), "{dry}");
    let kept = format!("team/app: marking manifest {} \n", image(3).digest());
    assert!(dry.stdout.contains(&kept), "untagged, and kept without -m: {dry}");
    let links = [&gone.blobs[0], &gone.blobs[2]].map(|blob| digest(blob));
    assert_eq!(named(&dry, "team/app: layer link eligible for deletion: "), links.iter().map(String::as_str).collect());
    assert!(dry.stderr.starts_with("would free "), "{dry}");

    let real = env.reg("garbage-collect $TMP/c.yml");
    assert_eq!((real.exit, &real.stdout), (Some(0), &dry.stdout), "{real}");
    assert!(real.stderr.starts_with("freed "), "{real}");
    let again = env.reg("garbage-collect $TMP/c.yml");
    assert!(again.ok().contains("7 blobs marked, 0 blobs and 0 manifests eligible for deletion\n"), "{again}");
    assert_eq!(again.stderr, "freed 0 B (0 bytes)\n");
    restart(&mut env);
    pull(&env, "team/app", &image(1));
    pull(&env, "team/app", &image(3));
    for digest in &doomed {
        let hex = digest.strip_prefix("sha256:").expect("sha256");
        assert!(!env.path(format!("registry1/docker/registry/v2/blobs/sha256/{}/{hex}", &hex[..2])).exists());
    }
    // What was collected can be pushed again.
    env.push("team/app:v2", &gone);
    pull(&env, "team/app", &gone);
}

#[test]
fn untagged_manifests_go_when_nothing_needs_them() {
    let mut env = world();
    let multi = index(&[(1, "amd64"), (2, "arm64")]);
    env.push("app:multi", &multi);
    let signature = artifact("application/x.signature", &multi.children[1], 1);
    signature.push(&mut env.http(), "app");
    let lost = image(7);
    env.push("app", &lost);
    artifact("application/x.signature", &lost, 2).push(&mut env.http(), "app");
    stop(&mut env);
    for words in ["garbage-collect -m --dry-run $TMP/c.yml", "garbage-collect --delete-untagged $TMP/c.yml"] {
        let output = env.reg(words);
        let signature = artifact("application/x.signature", &lost, 2).digest();
        let doomed = [lost.digest(), signature].map(|digest| format!("{{app {digest} []}}"));
        let doomed: BTreeSet<&str> = doomed.iter().map(String::as_str).collect();
        assert_eq!(named(&output, "manifest eligible for deletion: "), doomed, "{output}");
    }
    restart(&mut env);
    pull(&env, "app", &multi);
    pull(&env, "app", &signature);
    let referrers = |env: &Env, image: &Image| {
        let listed = env.http().get(&format!("/v2/app/referrers/{}", image.digest())).json();
        listed["manifests"].as_array().expect("a list").len()
    };
    assert_eq!((referrers(&env, &multi.children[1]), referrers(&env, &lost)), (1, 0));
    assert_eq!(env.http().get(&format!("/v2/app/manifests/{}", lost.digest())).status, 404);
}

#[test]
fn nothing_is_collected_under_a_server() {
    let mut env = world();
    env.push("app:v1", &image(1));
    env.http().push_blob("app", b"orphan");
    for output in [env.reg("garbage-collect $TMP/c.yml"), registry(&env, "garbage-collect $TMP/c.yml")] {
        assert_eq!((output.exit, output.stdout.as_str()), (Some(1), ""), "{output}");
        assert!(output.stderr.starts_with("error: $TMP/registry1 is in use: a server has it open"), "{output}");
    }
    // Who only looks is in nobody's way.
    let dry = env.reg("garbage-collect -d $TMP/c.yml");
    assert!(dry.ok().contains(" 1 blobs and 0 manifests eligible for deletion\n"), "{dry}");
    // While one is under way, no server starts.
    stop(&mut env);
    let directory = fs::File::open(env.path("registry1")).expect("there");
    rustix::fs::flock(&directory, rustix::fs::FlockOperation::LockExclusive).expect("locked");
    let output = env.reg("serve --addr 127.0.0.1:0 --root $TMP/registry1");
    assert_eq!(output.exit, Some(1), "{output}");
    let said = "error: cannot start the registry: a garbage collection is under way in $TMP/registry1\n";
    assert!(output.stderr.starts_with(said), "{output}");
    drop(directory);
    restart(&mut env);
    pull(&env, "app", &image(1));
}

#[test]
fn nothing_is_collected_under_a_server_that_has_the_bytes_by_another_path() {
    let env = world();
    let data = env.path("registry1");
    // Before the first push: what is made later is in use too.
    let blobs = "docker/registry/v2/blobs";
    let by_sha256 = format!("{blobs}/sha256");
    for (other, shared) in [("one", "docker"), ("two", "docker/registry/v2"), ("three", blobs), ("four", &by_sha256)] {
        let link = env.path(other).join(shared);
        fs::create_dir_all(link.parent().expect("a parent")).expect("made");
        std::os::unix::fs::symlink(data.join(shared), link).expect("linked");
    }
    env.http().push_blob("app", b"orphan");
    for other in ["one", "two", "three", "four"] {
        let text = format!("version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n", env.path(other).display());
        fs::write(env.path("other.yml"), text + "http: {addr: ':0'}\n").expect("written");
        let output = env.reg("garbage-collect $TMP/other.yml");
        assert_eq!((output.exit, output.stdout.as_str()), (Some(1), ""), "{output}");
        let said = format!("error: $TMP/{other} is in use: a server has it open");
        assert!(output.stderr.starts_with(&said), "{output}");
    }
    assert_eq!(env.http().head(&format!("/v2/app/blobs/{}", digest(b"orphan"))).status, 200);
}

#[test]
fn what_cannot_be_read_is_left_alone() {
    let mut env = world();
    let broken = env.push("broken:v1", &image(1));
    env.push("app:v1", &image(2));
    env.http().push_blob("app", b"orphan");
    stop(&mut env);
    let hex = broken.strip_prefix("sha256:").expect("sha256");
    let path = env.path(format!("registry1/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]));
    fs::write(&path, "garbled").expect("written");
    let output = registry(&env, "garbage-collect -m -d $TMP/c.yml");
    assert_eq!(output.exit, Some(1), "{output}");
    let output = env.reg("garbage-collect -m $TMP/c.yml");
    assert_eq!(output.exit, Some(7), "{output}");
    assert!(output.stderr.starts_with("error: broken is left alone\n  caused by: manifest sha256:"), "{output}");
    assert_eq!(named(&output, "blob eligible for deletion: "), BTreeSet::from([digest(b"orphan").as_str()]));
    fs::write(&path, &image(1).manifest).expect("written");
    restart(&mut env);
    pull(&env, "broken", &image(1));
    pull(&env, "app", &image(2));
}

#[test]
fn programs_get_items() {
    let mut env = world();
    let gone = image(1);
    env.push("app", &gone);
    stop(&mut env);
    for (flags, results) in [("-d", ["planned"; 3]), ("", ["deleted", "unlinked", "freed"])] {
        let document = env.reg(&format!("garbage-collect -m {flags} $TMP/c.yml -o json")).json();
        assert_eq!(document["schema"], "reg.garbage-collect/v1");
        let items = document["items"].as_array().expect("items");
        for (action, result) in ["delete", "unlink", "free"].into_iter().zip(results) {
            let of_action: Vec<_> = items.iter().filter(|item| item["action"] == action).collect();
            assert!(!of_action.is_empty() && of_action.iter().all(|item| item["result"] == result), "{document}");
        }
        assert_eq!(document["summary"]["manifests"], 1);
        let bytes: usize = gone.blobs.iter().map(Vec::len).sum::<usize>() + gone.manifest.len();
        assert_eq!(document["summary"]["bytes_freed"], bytes);
    }
}

#[test]
fn the_command_line_is_registrys() {
    let mut env = world();
    env.push("app", &image(1));
    stop(&mut env);
    let missing = registry(&env, "garbage-collect");
    assert_eq!(missing.exit, Some(1), "{missing}");
    let said =
        "configuration error: configuration path unspecified\nUsage:\n  registry garbage-collect <config> [flags]\n";
    assert!(missing.stderr.starts_with(said), "{missing}");
    assert_eq!(env.reg("garbage-collect").exit, Some(2));
    for flags in ["-dm", "--dry-run=true -m=1", "-d -d --delete-untagged"] {
        let output = registry(&env, &format!("garbage-collect {flags} $TMP/c.yml"));
        assert!(output.ok().contains("0 blobs marked, 4 blobs and 1 manifests eligible for deletion\n"), "{output}");
    }
    let quiet = registry(&env, "garbage-collect --quiet -m -d=false $TMP/c.yml");
    assert_eq!((quiet.exit, quiet.stdout.as_str(), quiet.stderr.as_str()), (Some(0), "", ""), "{quiet}");
    env.set("REGISTRY_CONFIGURATION_PATH", "$TMP/c.yml");
    for output in [registry(&env, "garbage-collect"), env.reg("garbage-collect")] {
        assert!(output.ok().contains("0 blobs marked, 0 blobs and 0 manifests eligible for deletion\n"), "{output}");
    }
    env.set("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "$TMP/empty");
    fs::create_dir(env.path("empty")).expect("made");
    assert_eq!(env.reg("garbage-collect -q").ok(), "");
}
