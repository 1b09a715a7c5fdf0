//! `reg gc`: a plan carried out, over the API and in a storage.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::support::env::Output;
use crate::support::image::{digest, image};
use crate::support::{Env, Server};

/// `reference action result` of every item, sorted.
fn results(output: &Output) -> BTreeSet<String> {
    let document: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
    assert_eq!(document["schema"], "reg.gc/v1");
    let items = document["items"].as_array().expect("items");
    let text = |item: &Value, key: &str| item[key].as_str().expect("a text").to_owned();
    items.iter().map(|item| ["reference", "action", "result"].map(|key| text(item, key)).join(" ")).collect()
}

fn set<const N: usize>(lines: [String; N]) -> BTreeSet<String> {
    lines.into()
}

/// A world whose plan is to keep the newest of four images, in `$TMP/plan.json`.
fn planned(at: &str) -> Env {
    let env = Env::new();
    for seed in 1..=4 {
        env.push(&format!("app:v{seed}"), &image(seed));
    }
    let plan = env.reg(&format!("gc-plan {at} --keep 1 --out $TMP/plan.json"));
    assert_eq!(plan.exit, Some(0), "{plan}");
    env
}

#[test]
fn a_plan_is_carried_out_over_the_api() {
    let env = planned("$REG");
    let dry = env.reg("gc $TMP/plan.json --dry-run -o json");
    assert_eq!(dry.exit, Some(0), "{dry}");
    assert_eq!(results(&dry).iter().filter(|line| line.ends_with("planned")).count(), 6, "{dry}");
    let unasked = env.reg("gc $TMP/plan.json");
    assert_eq!(unasked.exit, Some(2), "{unasked}");
    assert_eq!(env.reg("tags $REG/app -o name").ok().lines().count(), 4);

    let output = env.reg("gc $TMP/plan.json --yes --journal $TMP/journal -o json");
    assert_eq!(output.exit, Some(0), "{output}");
    let gone: Vec<String> = (1..=3)
        .flat_map(|seed| {
            let digest = image(seed).digest();
            [format!("$REG/app@{digest} delete deleted"), format!("$REG/app:v{seed} untag untagged")]
        })
        .collect();
    assert_eq!(results(&output), gone.into_iter().collect());
    assert_eq!(env.reg("tags $REG/app -o name").ok(), "$REG/app:v4\n");
    let journal = fs::read_to_string(env.path("journal")).expect("a journal");
    assert_eq!(journal.matches(r#""manifest":"ey"#).count(), 3, "{journal}");
    let again = env.reg("gc $TMP/plan.json --yes -o json");
    assert_eq!(again.exit, Some(0), "{again}");
    assert!(results(&again).iter().all(|line| line.ends_with("absent")), "{again}");
}

#[test]
fn what_has_changed_is_skipped_over_the_api() {
    let env = planned("$REG");
    env.push("app:v1", &image(4));
    env.push("app:late", &image(2));
    let output = env.reg("gc $TMP/plan.json --yes -o json");
    assert_eq!(output.exit, Some(7), "{output}");
    let at = |seed: u64| format!("$REG/app@{}", image(seed).digest());
    let expected = set([
        "$REG/app:v1 untag skipped".into(),
        format!("{} delete deleted", at(1)),
        "$REG/app:v2 untag untagged".into(),
        format!("{} delete skipped", at(2)),
        "$REG/app:v3 untag untagged".into(),
        format!("{} delete deleted", at(3)),
    ]);
    assert_eq!(results(&output), expected);
    assert_eq!(env.reg("tags $REG/app -o name").ok(), "$REG/app:late\n$REG/app:v1\n$REG/app:v4\n");
}

#[test]
fn rules_are_planned_and_carried_out_at_once() {
    let env = planned("$REG");
    let output = env.reg("gc $REG --match ^v[12]$ --yes");
    assert_eq!(output.exit, Some(0), "{output}");
    assert_eq!(env.reg("tags $REG/app -o name").ok(), "$REG/app:v3\n$REG/app:v4\n");
    assert_eq!(env.reg("gc $REG --match nothing --yes").exit, Some(0));
}

#[test]
fn a_plan_is_carried_out_in_a_storage() {
    let mut env = planned("--storage $TMP/registry1");
    let busy = env.reg("gc $TMP/plan.json --yes");
    assert_eq!(busy.exit, Some(1), "{busy}");
    assert!(busy.stderr.contains("is in use: a server has it open"), "{busy}");
    // Since the plan a tag has moved, and a layer that was to go is needed again.
    env.push("app:v1", &image(4));
    env.push("other:v1", &image(2));
    drop(env.take_server());
    let dry = env.reg("gc $TMP/plan.json --dry-run -o json");
    assert_eq!(dry.exit, Some(7), "{dry}");
    assert_eq!(env.reg("gc $TMP/plan.json").exit, Some(2));

    let output = env.reg("gc $TMP/plan.json --yes -o json");
    assert_eq!(output.exit, Some(7), "{output}");
    let skipped: BTreeSet<String> = results(&output).into_iter().filter(|line| line.ends_with(" skipped")).collect();
    let image_2 = image(2);
    let expected = set([
        "app:v1 untag skipped".into(),
        format!("{} free skipped", image_2.digest()),
        format!("{} free skipped", digest(&image_2.blobs[0])),
        format!("{} free skipped", digest(&image_2.blobs[2])),
    ]);
    assert_eq!(skipped, expected);
    let root = env.path("registry1");
    env.put_server(Server::start(&root));
    assert_eq!(env.reg("tags $REG/app -o name").ok(), "$REG/app:v1\n$REG/app:v4\n");
    assert_eq!(env.reg("copy $REG/other:v1 oci:$TMP/copy:v1").exit, Some(0));
    assert_eq!(env.reg("copy $REG/app:v1 oci:$TMP/copy:v2").exit, Some(0));
    for seed in [1, 3] {
        let hex = image(seed).digest().trim_start_matches("sha256:").to_owned();
        assert!(!root.join(format!("docker/registry/v2/blobs/sha256/{}/{hex}", &hex[..2])).exists());
    }
}

#[test]
fn what_is_no_plan_is_refused() {
    let env = planned("$REG");
    fs::write(env.path("other.json"), "{}").expect("written");
    for line in ["gc $TMP/other.json", "gc $TMP/none.json", "gc $TMP/plan.json --keep 2", "gc $TMP/plan.json $REG"] {
        assert_eq!(env.reg(&format!("{line} --yes")).exit, Some(2), "{line}");
    }
    assert_eq!(env.reg("tags $REG/app -o name").ok().lines().count(), 4);
}
