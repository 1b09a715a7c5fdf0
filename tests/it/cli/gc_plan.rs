//! `reg gc-plan`

use std::fs;
use std::path::PathBuf;

use expect_test::expect;
use serde_json::Value;

use crate::support::env::{Env, Output};
use crate::support::image::{Image, artifact, image, index};

/// Where the first registry keeps the bytes of a digest.
fn blob_path(env: &Env, digest: &str) -> PathBuf {
    let hex = digest.strip_prefix("sha256:").expect("sha256");
    env.path(format!("registry1/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]))
}

/// Size of an image on its own: manifest, config and the layer that no other seed has.
fn own_bytes(image: &Image) -> u64 {
    (image.manifest.len() + image.blobs[0].len() + image.blobs[2].len()) as u64
}

/// `action reference` of every item, without the host.
fn actions(document: &Value, wanted: &[&str]) -> Vec<String> {
    let items = document["items"].as_array().expect("items");
    let text = |item: &Value, key: &str| item[key].as_str().expect("a text").to_owned();
    let mut actions: Vec<String> = items
        .iter()
        .filter(|item| wanted.contains(&text(item, "action").as_str()))
        .map(|item| format!("{} {}", text(item, "action"), text(item, "reference").trim_start_matches("$REG/")))
        .collect();
    actions.sort();
    actions
}

fn freed(output: &Output) -> u64 {
    output.json()["summary"]["bytes_freed"].as_u64().expect("a number")
}

#[test]
fn totals_for_people() {
    let env = Env::new();
    for seed in 1..=4 {
        env.push(&format!("team/app:v{seed}"), &image(seed));
    }
    env.push("other:v1", &image(9));
    let output = env.reg("gc-plan --storage $TMP/registry1 --keep 1");
    assert_eq!(output.exit, Some(0), "{output}");
    expect![[r#"
        REPOSITORY  TAGS    MANIFESTS  FREES     EXCLUSIVE  TOTAL
        team/app    3 of 4  3 of 4     5.01 KiB  6.68 KiB   9.61 KiB
        other       0 of 1  0 of 1     0 B       1.67 KiB   4.60 KiB
        3 tags, 3 manifests, 9 blobs would go and free 5.01 KiB (5127 bytes)
    "#]]
    .assert_eq(&output.stdout);
}

/// Ages are read while other repositories are: requests under way must not wait for those that rest.
#[test]
fn ages_of_many_repositories() {
    let env = Env::new();
    for name in 0..8 {
        for seed in 1..=3 {
            env.push(&format!("team/app{name}:v{seed}"), &image(10 * name + seed));
        }
    }
    assert_eq!(env.reg("gc-plan $REG --keep 1 -o json").json()["summary"]["tags"], 16);
}

#[test]
fn storage_and_api_agree() {
    let env = Env::new();
    let images: Vec<Image> = (1..=5).map(image).collect();
    for (seed, image) in images.iter().enumerate() {
        env.push(&format!("team/app:v{seed}"), image);
    }
    let multi = index(&[(11, "amd64"), (12, "arm64")]);
    env.push("team/app:multi", &multi);
    for (subject, seed) in [(&images[0], 1), (&images[4], 2), (&multi.children[1], 3)] {
        artifact("application/x.sbom", subject, seed).push(&mut env.http(), "team/app");
    }
    for rules in ["--keep 2", "--older-than 1d --except v3", "--match ^v --keep 1", "--match multi", "--semver >=0"] {
        let storage = env.reg(&format!("gc-plan --storage $TMP/registry1 -o json {rules}")).json();
        let remote = env.reg(&format!("gc-plan $REG -o json {rules}")).json();
        let wanted = ["untag", "delete", "free"];
        assert_eq!(actions(&storage, &wanted), actions(&remote, &wanted), "{rules}");
        for key in ["tags", "manifests", "blobs", "bytes_freed"] {
            assert_eq!(storage["summary"][key], remote["summary"][key], "{rules}: {key}");
        }
    }
    // Created on the 2nd to 6th, 12th and 13th: the index and v4 are the newest.
    let plan = env.reg("gc-plan $REG/team/app -o json --keep 2").json();
    let gone: u64 = images[..4].iter().map(own_bytes).sum();
    let sbom = artifact("application/x.sbom", &images[0], 1);
    // Its config, `{}`, is one that the other artifacts need.
    let gone = gone + (sbom.manifest.len() + sbom.blobs[1].len()) as u64;
    assert_eq!(plan["summary"]["bytes_freed"], gone);
    assert_eq!(plan["summary"]["tags"], 4);
    assert_eq!(plan["summary"]["manifests"], 5);
}

#[test]
fn garbage_is_what_a_deletion_leaves() {
    let env = Env::new();
    env.push("team/app:v1", &image(1));
    let digest = env.push("team/app:v2", &image(2));
    let nothing = env.reg("gc-plan --storage $TMP/registry1");
    assert!(nothing.ok().ends_with("nothing would go: every blob is needed by a manifest\n"), "{nothing}");

    assert_eq!(env.http().delete(&format!("/v2/team/app/manifests/{digest}")).status, 202);
    assert_eq!(freed(&env.reg("gc-plan --storage $TMP/registry1 -o json")), own_bytes(&image(2)));
    for (size, exit) in [("100", 8), ("1KiB", 8), ("1MiB", 0), ("0.5GB", 0)] {
        let output = env.reg(&format!("gc-plan --storage $TMP/registry1 --fail-over {size}"));
        assert_eq!(output.exit, Some(exit), "{output}");
    }
    fs::create_dir(env.path("empty")).expect("a directory");
    assert_eq!(freed(&env.reg("gc-plan --storage $TMP/empty -o json")), 0);
}

#[test]
fn untagged_manifests_go_only_when_asked_for() {
    let env = Env::new();
    let multi = index(&[(1, "amd64"), (2, "arm64")]);
    env.push("app:multi", &multi);
    artifact("application/x.signature", &multi.children[0], 1).push(&mut env.http(), "app");
    let lost = image(3);
    env.push("app", &lost);
    assert_eq!(freed(&env.reg("gc-plan --storage $TMP/registry1 -o json")), 0);
    let plan = env.reg("gc-plan --storage $TMP/registry1 --untagged -o json");
    assert_eq!(freed(&plan), own_bytes(&lost));
    assert_eq!(actions(&plan.json(), &["untag", "delete"]), [format!("delete app@{}", lost.digest())]);
    let young = env.reg("gc-plan --storage $TMP/registry1 --untagged --older-than 1d --age-by pushed -o json");
    assert_eq!(freed(&young), 0);
    let grace = env.reg("gc-plan --storage $TMP/registry1 --untagged --grace 1h -o json");
    assert_eq!(freed(&grace), 0);
}

#[test]
fn what_a_kept_tag_needs_stays() {
    let env = Env::new();
    let shared = image(1);
    env.push("app:latest", &shared);
    env.push("app:pr-1", &shared);
    env.push("app:pr-2", &image(2));
    let plan = env.reg("gc-plan $REG/app --match ^pr- -o json").json();
    let gone = [format!("delete app@{}", image(2).digest()), "untag app:pr-1".into(), "untag app:pr-2".into()];
    assert_eq!(actions(&plan, &["untag", "delete"]), gone);
    assert_eq!(plan["summary"]["bytes_freed"], own_bytes(&image(2)));
    let bytes = |reference: &str| {
        let items = plan["items"].as_array().expect("items").iter();
        items.clone().find(|item| item["reference"] == reference).expect("an item")["bytes"].clone()
    };
    assert_eq!((bytes("$REG/app:pr-1"), bytes("$REG/app:pr-2")), (0.into(), own_bytes(&image(2)).into()));

    fs::write(env.path("policy.toml"), "[[rule]]\nmatch = \"\"\n[[rule]]\naction = \"keep\"\nmatch = \"^pr-2$\"\n")
        .expect("written");
    let plan = env.reg("gc-plan $REG/app --policy policy.toml -o json").json();
    assert_eq!(actions(&plan, &["untag"]), ["untag app:latest", "untag app:pr-1"]);
}

#[test]
fn a_damaged_repository_is_left_alone() {
    let env = Env::new();
    let damaged = env.push("team/bad:v1", &image(1));
    env.push("team/bad:v2", &image(2));
    let digest = env.push("team/good:v1", &image(3));
    assert_eq!(env.http().delete(&format!("/v2/team/good/manifests/{digest}")).status, 202);
    fs::write(blob_path(&env, &damaged), b"{\"schemaVersion\":2,").expect("written");

    let output = env.reg("gc-plan --storage $TMP/registry1 --keep 0 --untagged -o json");
    let plan = output.json();
    assert_eq!(actions(&plan, &["keep", "untag", "delete"]), ["keep team/bad"]);
    assert_eq!(plan["errors"].as_array().expect("errors").len(), 1);
    assert_eq!(plan["summary"]["blocked"], 1);
    assert_eq!(freed(&output), own_bytes(&image(3)), "what the other repository alone held");
    assert!(output.stderr.contains("team/bad is left alone"), "{output}");
}

#[test]
fn a_plan_is_written_whole() {
    let env = Env::new();
    env.push("app:v1", &image(1));
    env.push("app:v2", &image(2));
    let shown = env.reg("gc-plan $REG --keep 1 --out $TMP/plan.json -o json").json();
    let written: Value = serde_json::from_slice(&fs::read(env.path("plan.json")).expect("written")).expect("JSON");
    assert_eq!(written["schema"], "reg.gc-plan/v1");
    assert_eq!(env.normalize(written["source"]["registry"].as_str().expect("a host")), "$REG");
    assert_eq!(env.normalize(&written["items"].to_string()), shown["items"].to_string());
    assert_eq!(written["items"][0]["digest"], image(1).digest(), "what the tag must still point to");
    let left: Vec<_> =
        fs::read_dir(env.path("")).expect("listed").map(|entry| entry.expect("entry").file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".tmp")), "{left:?}");
    let output = env.reg("gc-plan $REG --out $TMP/no/such/plan.json");
    assert_eq!(output.exit, Some(1), "{output}");
}

#[test]
fn names_are_what_reg_delete_takes() {
    let env = Env::new();
    env.push("app:v1", &image(1));
    env.push("app:v2", &image(2));
    let names = env.reg("gc-plan $REG --keep 1 -o name");
    assert_eq!(names.ok(), format!("$REG/app:v1\n$REG/app@{}\n", image(1).digest()));
}

#[test]
fn explains_what_decides() {
    let env = Env::new();
    let multi = index(&[(1, "amd64"), (2, "arm64")]);
    env.push("app:v1", &multi);
    env.push("app:old", &image(5));
    env.push("lib:v1", &image(5));
    let (child, index, old) = (multi.children[0].digest(), multi.digest(), image(5).digest());
    let explain = |what: &str| {
        let output = env.reg(&format!("gc-plan --storage $TMP/registry1 app --match ^old --explain {what} -o json"));
        let steps = output.json()["items"].as_array().expect("items").clone();
        let text =
            |step: &Value| format!("{} {}: {}", step["action"], step["reference"], step["reason"]).replace('"', "");
        steps.iter().map(text).collect::<Vec<_>>()
    };
    let kept = [
        format!("keep app@{child}: listed by {index}, which stays"),
        format!("keep app@{index}: tag v1 stays"),
        "keep app:v1: no rule selects it".to_owned(),
    ];
    assert_eq!(explain(&format!("app@{child}")), kept);
    let gone = [
        "untag app:old: --match ^old".to_owned(),
        format!("delete app@{old}: tag old goes"),
        format!("keep lib@{old}: needed there: its bytes stay"),
    ];
    assert_eq!(explain("app:old"), gone);
    let missing = env.reg("gc-plan --storage $TMP/registry1 --explain app:none");
    assert_eq!(missing.exit, Some(3), "{missing}");
}

#[test]
fn refuses_what_it_cannot_plan() {
    let env = Env::new();
    env.push("app:v1", &image(1));
    fs::write(env.path("policy.toml"), "[[rule]]\nolder-then = \"3d\"\n").expect("written");
    for (arguments, exit) in [
        ("gc-plan --storage $TMP/none", 2),
        ("gc-plan --storage $TMP", 2),
        ("gc-plan --storage $TMP/registry1 no/such", 3),
        ("gc-plan --storage $TMP/registry1 --config x.yml", 2),
        ("gc-plan --config $TMP/none.yml", 2),
        ("gc-plan $REG/no/such", 3),
        ("gc-plan $REG --age-by pushed --keep 1", 2),
        ("gc-plan $REG --policy $TMP/policy.toml", 2),
        ("gc-plan $REG --fail-over lots", 2),
        ("gc-plan $REG --older-than soon", 2),
        ("gc-plan $REG --match '('", 2),
        ("gc-plan $REG/app:v1", 2),
        ("gc-plan $REG/app --explain $REG/app", 2),
    ] {
        let output = env.reg(arguments);
        assert_eq!((output.exit, output.stdout.as_str()), (Some(exit), ""), "{arguments}: {output}");
        assert!(output.stderr.starts_with("error: "), "{arguments}: {output}");
    }
}

#[test]
fn reads_the_storage_of_a_configuration() {
    let env = Env::new();
    env.push("app:v1", &image(1));
    let config = env.expand(
        "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: $TMP/registry1\nhttp:\n  addr: 127.0.0.1:0\n",
    );
    fs::write(env.path("config.yml"), config).expect("written");
    let plan = env.reg("gc-plan --config $TMP/config.yml --keep 0 -o json");
    assert_eq!(freed(&plan), own_bytes(&image(1)) + 3000);
}

/// A digest has a column; the reference does not repeat it.
#[test]
fn a_wide_table_says_each_digest_once() {
    let env = Env::new();
    env.push("app:v1", &image(1));
    env.push("app:v2", &image(2));
    let output = env.reg("gc-plan $REG/app --keep 1 -o wide");
    let gone = image(1).digest();
    let lines: Vec<&str> = output.ok().lines().filter(|line| line.contains("sha256:")).collect();
    assert!(lines.iter().any(|line| line.starts_with("$REG/app ") && line.contains(&gone)), "{output}");
    assert!(lines.iter().any(|line| line.starts_with("$REG/app:v1 ") && line.contains(&gone)), "{output}");
    assert!(lines.iter().all(|line| line.matches("sha256:").count() == 1), "{output}");
    assert!(env.reg("gc-plan $REG/app --keep 1 -o csv").ok().contains(&format!("$REG/app@{gone},delete,")));
}

#[test]
fn a_plan_is_not_made_for_one_tag() {
    let env = Env::without_server();
    env.reg("gc-plan hello:v1").check(expect![[r#"
        ------- stderr -------
        error: "hello:v1" names a tag; a plan is made for repositories
        hint: --explain hello:v1 explains one
        [exit 2]
    "#]]);
    let output = env.reg("gc-plan localhost:1/team/hello:v1");
    assert!(output.exit == Some(2) && output.stderr.contains("--explain localhost:1/team/hello:v1"), "{output}");
    assert!(env.reg("gc-plan hello:v1:").stderr.contains("hello:v1:"));
}
