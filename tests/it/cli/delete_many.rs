//! `reg delete`, of tags selected by rules, and in pipelines.

use expect_test::expect;

use crate::support::image::{artifact, index};
use crate::support::proxy::{self, Verdict};
use crate::support::{Env, image};

/// Images built on the 2nd, 3rd … of January 2026.
fn env() -> Env {
    let env = Env::new();
    for (tag, seed) in [("pr-1", 1), ("pr-2", 2), ("pr-3", 3), ("v1", 4), ("latest", 4)] {
        env.push(&format!("app:{tag}"), &image(seed));
    }
    env
}

fn tags(env: &Env) -> String {
    env.reg("tags $REG/app -o name").ok().replace("$REG/app:", "").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn rules_select() {
    let left = |arguments: &str| {
        let env = env();
        let output = env.reg(&format!("delete --yes $REG/app {arguments}"));
        assert_eq!(output.exit, Some(0), "{output}");
        tags(&env)
    };
    assert_eq!(left("--match '^pr-'"), "latest v1");
    assert_eq!(left("--filter 'pr-*' --except 2"), "latest pr-2 v1");
    assert_eq!(left("--match '^pr-' --keep 1"), "latest pr-3 v1");
    assert_eq!(left("--keep 1"), "latest v1", "two tags of one image");
    assert_eq!(left("--keep 2"), "latest pr-3 v1");
    assert_eq!(left("--keep 2 --except latest"), "latest pr-3 v1");
    assert_eq!(left("--older-than 1d --match 1"), "latest pr-2 pr-3");
    assert_eq!(left("--older-than 20000d"), "latest pr-1 pr-2 pr-3 v1");
    assert_eq!(left("--match nothing"), "latest pr-1 pr-2 pr-3 v1");
}

#[test]
fn all_tags() {
    let env = env();
    env.reg("delete --yes $REG/app --all-tags -o json").check(expect![[r#"
        {
          "schema": "reg.delete/v1",
          "registry": "$REG",
          "repository": "app",
          "items": [
            {
              "reference": "$REG/app:latest",
              "action": "untag",
              "result": "untagged",
              "reason": null
            },
            {
              "reference": "$REG/app:pr-1",
              "action": "untag",
              "result": "untagged",
              "reason": null
            },
            {
              "reference": "$REG/app:pr-2",
              "action": "untag",
              "result": "untagged",
              "reason": null
            },
            {
              "reference": "$REG/app:pr-3",
              "action": "untag",
              "result": "untagged",
              "reason": null
            },
            {
              "reference": "$REG/app:v1",
              "action": "untag",
              "result": "untagged",
              "reason": null
            }
          ],
          "errors": [],
          "summary": {
            "tags": 5,
            "manifests": 0,
            "bytes_freed": 0,
            "bytes_freed_with_untagged": 9836
          }
        }
    "#]]);
    assert_eq!(tags(&env), "");
}

#[test]
fn manifests_go_where_no_kept_tag_needs_them() {
    let env = env();
    env.reg("delete --yes $REG/app --manifest --match 'pr-1|v1'").check(expect![[r#"
        REFERENCE                                                                                    ACTION  RESULT    REASON
        $REG/app:v1                                                                       untag   untagged  the manifest stays: also tagged latest
        $REG/app@sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab  delete  deleted   -
        $REG/app:pr-1                                                                     untag   untagged  went with its manifest
    "#]]);
    assert_eq!(tags(&env), "latest pr-2 pr-3");
    let status = |seed: u64| env.http().head(&format!("/v2/app/manifests/{}", image(seed).digest())).status;
    assert_eq!((status(1), status(4)), (404, 200));
}

#[test]
fn the_index_goes_before_its_images() {
    let env = Env::new();
    let whole = index(&[(1, "amd64"), (2, "arm64")]);
    env.push("app:multi", &whole);
    env.push("app:amd64", &whole.children[0]);
    let refused = env.reg("delete --yes $REG/app --manifest --match amd64");
    assert_eq!(refused.exit, Some(0), "{refused}");
    assert_eq!(env.http().head(&format!("/v2/app/manifests/{}", whole.children[0].digest())).status, 200);
    env.push("app:amd64", &whole.children[0]);
    let both = env.reg("delete --yes $REG/app --manifest --all-tags -o csv");
    let order: Vec<&str> = both.ok().lines().filter(|line| line.contains(",deleted,")).collect();
    assert!(order.len() == 2 && order[0].contains(&whole.digest()), "{both}");
}

#[test]
fn a_repository_with_an_unreadable_manifest_is_left_alone() {
    let env = env();
    env.push("other:v1", &image(9));
    let host = proxy::start(env.host(), |method, path| match (method, path) {
        ("GET", "/v2/app/manifests/pr-2") => Verdict::Answer(400, r#"{"errors":[{"code":"MANIFEST_INVALID"}]}"#),
        _ => Verdict::Pass,
    });
    let output = env.reg(&format!("delete --yes {host}/app {host}/other --all-tags --manifest"));
    assert_eq!(output.exit, Some(7), "{output}");
    assert!(output.stderr.contains("left alone: the manifest of tag pr-2 cannot be read"), "{output}");
    assert_eq!(tags(&env), "latest pr-1 pr-2 pr-3 v1");
    assert_eq!(env.reg("tags $REG/other -o name").stdout, "");
}

#[test]
fn names_fit_xargs() {
    let env = env();
    let script = format!(
        "{reg} tags {host}/app --filter 'pr-*' -o name | xargs {reg} delete --yes -o name",
        reg = env!("CARGO_BIN_EXE_reg"),
        host = env.host(),
    );
    let output = env.run(std::process::Command::new("sh").args(["-c", &script]), "");
    output.check(expect![[r#"
        $REG/app:pr-1
        $REG/app:pr-2
        $REG/app:pr-3
    "#]]);
    assert_eq!(tags(&env), "latest v1");
}

#[test]
fn a_dry_run_changes_nothing_and_can_be_asked_about() {
    let env = env();
    env.reg("delete --dry-run $REG/app --match '^pr-'").check(expect![[r#"
        REFERENCE                 ACTION  RESULT   REASON
        $REG/app:pr-1  untag   planned  -
        $REG/app:pr-2  untag   planned  -
        $REG/app:pr-3  untag   planned  -
        ------- stderr -------
        Plan for $REG/app
          untag   pr-1  sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab
                    the manifest stays, untagged
          untag   pr-2  sha256:9522811eb903e4b711bee2979163028f07a3136c407d782b1def90d69758db4a
                    the manifest stays, untagged
          untag   pr-3  sha256:39753a4e46205361004d555bd7a15d6504e7e36556efd2a147df9838ddfbb14a
                    the manifest stays, untagged
          3 of 5 tags selected
        The registry's garbage collection frees nothing, one that also removes untagged manifests (-m) 5.01 KiB (5127 bytes), unless other repositories share them; 2.93 KiB (3000 bytes) are shared with tags that stay.
    "#]]);
    assert_eq!(env.reg("delete --dry-run --detailed-exitcode $REG/app --match pr").exit, Some(8));
    assert_eq!(env.reg("delete --dry-run --detailed-exitcode $REG/app --match nothing").exit, Some(0));
    assert_eq!(tags(&env), "latest pr-1 pr-2 pr-3 v1");
}

#[test]
fn several_repositories() {
    let env = env();
    env.push("other:v1", &image(9));
    env.reg("delete --yes $REG/app:pr-1 $REG/other:v1 $REG/none:v1").check(expect![[r#"
        REFERENCE                 ACTION  RESULT    REASON
        $REG/none:v1   untag   absent    $REG/none has no tag v1
        $REG/app:pr-1  untag   untagged  -
        $REG/other:v1  untag   untagged  -
        ------- stderr -------
        error: cannot delete $REG/none:v1
          caused by: $REG/none has no tag v1
        [exit 7]
    "#]]);
    assert_eq!(tags(&env), "latest pr-2 pr-3 v1");
}

/// What nothing was selected from, and why.
#[test]
fn selecting_nothing_is_said() {
    let env = env();
    for how in ["--yes", "--dry-run"] {
        let output = env.reg(&format!("delete {how} $REG/app --match zzz"));
        assert_eq!((output.exit, output.stderr.as_str()), (Some(0), "$REG/app: 0 of 5 tags selected\n"), "{output}");
    }
    let undated = Env::new();
    let whole = artifact("application/vnd.example.thing", &image(1), 3);
    undated.push("app:a", &whole);
    let output = undated.reg("delete --yes $REG/app --older-than 1d");
    assert_eq!(output.stderr, "$REG/app: 0 of 1 tags selected; 1 of unknown age are kept\n", "{output}");
    let plan = undated.reg("gc-plan $REG/app --older-than 1d");
    assert!(plan.stdout.contains("; 1 tag of unknown age kept\n"), "{plan}");
}
