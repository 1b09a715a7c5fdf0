//! `reg delete`, of things named one by one.

use std::os::unix::fs::PermissionsExt as _;

use expect_test::expect;

use crate::support::image::{artifact, index};
use crate::support::proxy::{self, Verdict};
use crate::support::{Env, image};

/// Two tags of one image, and another image.
fn env() -> Env {
    let env = Env::new();
    env.push("app:v1", &image(1));
    env.push("app:v1.0", &image(1));
    env.push("app:v2", &image(2));
    env
}

fn tags(env: &Env) -> String {
    env.reg("tags $REG/app -o csv")
        .ok()
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next())
        .collect::<Vec<_>>()
        .join(" ")
}

fn journal(env: &Env) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(env.path("home/.local/state/reg/journal.jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_tag_goes_and_its_siblings_stay() {
    let env = env();
    env.reg("delete --yes $REG/app:v1").check(expect![[r#"
        REFERENCE               ACTION  RESULT    REASON
        $REG/app:v1  untag   untagged  -
    "#]]);
    assert_eq!(tags(&env), "v1.0 v2");
    assert_eq!(env.http().head(&format!("/v2/app/manifests/{}", image(1).digest())).status, 200);
}

#[test]
fn every_deletion_is_journalled() {
    let env = env();
    env.reg("delete --yes $REG/app:v1").ok();
    env.reg(&format!("rm -y $REG/app@{}", image(1).digest())).ok();
    let (outcomes, entries): (Vec<_>, Vec<_>) = journal(&env).into_iter().partition(|line| line["outcome"].is_string());
    assert_eq!((entries.len(), outcomes.len()), (2, 2));
    for (entry, outcome) in entries.iter().zip(&outcomes) {
        assert_eq!((&outcome["outcome"], &outcome["reason"]), (&"done".into(), &serde_json::Value::Null));
        for key in ["action", "host", "repository", "tag", "digest"] {
            assert_eq!(entry[key], outcome[key], "{key}");
        }
    }
    let mode =
        std::fs::metadata(env.path("home/.local/state/reg/journal.jsonl")).expect("a journal").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for (entry, (action, tag)) in entries.iter().zip([("untag", "v1"), ("delete", "v1.0")]) {
        let keys: Vec<_> = entry.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, ["time", "action", "host", "repository", "tag", "digest", "media_type", "manifest"]);
        assert_eq!((entry["action"].as_str(), entry["tag"].as_str()), (Some(action), Some(tag)));
        assert_eq!(entry["digest"], image(1).digest());
        assert_eq!(entry["media_type"], image(1).media_type);
        let manifest = data_encoding::BASE64.decode(entry["manifest"].as_str().expect("text").as_bytes());
        assert_eq!(manifest.expect("base64"), image(1).manifest);
    }
}

/// Deletions off: the registry is asked and refuses, whatever needs the manifest.
#[test]
fn where_deletion_is_switched_off() {
    let env = env();
    env.push("app", &artifact("application/vnd.example.signature", &image(2), 9));
    let host = proxy::start(env.host(), |method, _| match method {
        "DELETE" => Verdict::Answer(405, r#"{"errors":[{"code":"UNSUPPORTED","message":"off"}]}"#),
        _ => Verdict::Pass,
    });
    for how in ["--yes", "--dry-run"] {
        let output = env.reg(&format!("delete {how} {host}/app:v1 {host}/app:v2"));
        assert_eq!(output.exit, Some(5), "{output}");
        assert!(output.stderr.contains("deletion is switched off"), "{output}");
        assert!(output.stderr.contains("REGISTRY_STORAGE_DELETE_ENABLED"), "{output}");
        assert!(!output.stderr.contains("referred to") && !output.stderr.contains("tag alone"), "{output}");
    }
    let lines = journal(&env);
    assert_eq!(lines.len(), 2, "only the first was tried");
    assert_eq!(lines[1]["outcome"], "failed");
    assert!(lines[1]["reason"].as_str().is_some_and(|reason| reason.contains("405")), "{lines:?}");
    assert_eq!(tags(&env), "v1 v1.0 v2");
}

#[test]
fn without_a_journal_nothing_is_deleted() {
    let env = env();
    std::fs::create_dir_all(env.path("home/.local/state/reg/journal.jsonl")).expect("a directory in the way");
    env.reg("delete --yes $REG/app:v1").check(expect![[r#"
        ------- stderr -------
        error: cannot write the journal $HOME/.local/state/reg/journal.jsonl, without which nothing is deleted
          caused by: Is a directory (os error 21)
        hint: --journal FILE writes it elsewhere
        [exit 1]
    "#]]);
    assert_eq!(tags(&env), "v1 v1.0 v2");
    env.reg("delete --yes $REG/app:v1 --journal $TMP/j -q").ok();
    assert_eq!(tags(&env), "v1.0 v2");
}

#[test]
fn a_manifest_goes_with_its_tags() {
    let env = env();
    env.reg(&format!("delete --dry-run $REG/app@{}", image(1).digest())).check(expect![[r#"
        REFERENCE                                                                                    ACTION  RESULT   REASON
        $REG/app@sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab  delete  planned  -
        $REG/app:v1                                                                       untag   planned  goes with its manifest
        $REG/app:v1.0                                                                     untag   planned  goes with its manifest
        ------- stderr -------
        Plan for $REG/app
          delete  sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab
                    its tags go with it: v1, v1.0
        The registry's garbage collection frees 1.67 KiB (1709 bytes), unless other repositories share them; 2.93 KiB (3000 bytes) are shared with tags that stay.
    "#]]);
    env.reg(&format!("delete --yes $REG/app@{}", image(1).digest())).check(expect![[r#"
        REFERENCE                                                                                    ACTION  RESULT    REASON
        $REG/app@sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab  delete  deleted   -
        $REG/app:v1                                                                       untag   untagged  went with its manifest
        $REG/app:v1.0                                                                     untag   untagged  went with its manifest
    "#]]);
    assert_eq!(tags(&env), "v2");
    assert_eq!(env.http().head(&format!("/v2/app/manifests/{}", image(1).digest())).status, 404);
}

#[test]
fn a_digest_shared_with_a_kept_tag_stays() {
    let env = env();
    env.reg("delete --yes --manifest $REG/app:v1").check(expect![[r#"
        REFERENCE               ACTION  RESULT    REASON
        $REG/app:v1  untag   untagged  the manifest stays: also tagged v1.0
    "#]]);
    assert_eq!(tags(&env), "v1.0 v2");
    env.push("app:v1", &image(1));
    env.reg("delete --yes --manifest $REG/app:v1 $REG/app:v1.0").check(expect![[r#"
        REFERENCE                                                                                    ACTION  RESULT    REASON
        $REG/app@sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab  delete  deleted   -
        $REG/app:v1                                                                       untag   untagged  went with its manifest
        $REG/app:v1.0                                                                     untag   untagged  went with its manifest
    "#]]);
    assert_eq!(tags(&env), "v2");
}

#[test]
fn a_plan_shows_siblings_children_referrers_and_bytes() {
    let env = env();
    let whole = index(&[(4, "amd64"), (5, "arm64")]);
    env.push("app:multi", &whole);
    env.push("app", &artifact("application/vnd.example.signature", &whole, 9));
    env.reg("delete --dry-run $REG/app:v1 $REG/app:v2").check(expect![[r#"
        REFERENCE               ACTION  RESULT   REASON
        $REG/app:v1  untag   planned  also tagged v1.0
        $REG/app:v2  untag   planned  -
        ------- stderr -------
        Plan for $REG/app
          untag   v1  sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab
                    also tagged v1.0: the manifest stays
          untag   v2  sha256:9522811eb903e4b711bee2979163028f07a3136c407d782b1def90d69758db4a
                    the manifest stays, untagged
        The registry's garbage collection frees nothing, one that also removes untagged manifests (-m) 1.67 KiB (1709 bytes), unless other repositories share them; 4.60 KiB (4709 bytes) are shared with tags that stay.
    "#]]);
    env.reg("delete --dry-run --manifest $REG/app:multi").check(expect![[r#"
        REFERENCE                                                                                    ACTION  RESULT   REASON
        $REG/app@sha256:427c2ffd66b530408814bea81507f770fd5e943746ddb77c9f3b191f1f0ca5ee  delete  planned  -
        $REG/app:multi                                                                    untag   planned  goes with its manifest
        ------- stderr -------
        Plan for $REG/app
          delete  sha256:427c2ffd66b530408814bea81507f770fd5e943746ddb77c9f3b191f1f0ca5ee
                    its tags go with it: multi
                    an index; what it lists (2 manifests) stays, for the garbage collection
                    what refers to it (1 manifest) stays, for the garbage collection
        The registry's garbage collection frees 491 bytes, one that also removes untagged manifests (-m) 4.53 KiB (4641 bytes), unless other repositories share them; 2.93 KiB (3000 bytes) are shared with tags that stay.
    "#]]);
    env.reg(&format!("delete --dry-run $REG/app@{}", whole.children[0].digest())).check(expect![[r#"
        REFERENCE                                                                                    ACTION  RESULT   REASON
        $REG/app@sha256:112ab142e19b9d7e219c3ae944f657a04ffe0b5ddca88d680b2bb9d276b34c61  delete  skipped  sha256:112ab142e19b9d7e219c3ae944f657a04ffe0b5ddca88d680b2bb9d276b34c61 is listed by the index sha256:427c2ffd66b530408814bea81507f770fd5e943746ddb77c9f3b191f1f0ca5ee, which stays
        ------- stderr -------
        error: cannot delete $REG/app@sha256:112ab142e19b9d7e219c3ae944f657a04ffe0b5ddca88d680b2bb9d276b34c61
          caused by: sha256:112ab142e19b9d7e219c3ae944f657a04ffe0b5ddca88d680b2bb9d276b34c61 is listed by the index sha256:427c2ffd66b530408814bea81507f770fd5e943746ddb77c9f3b191f1f0ca5ee, which stays
        [exit 1]
    "#]]);
    assert_eq!(tags(&env), "multi v1 v1.0 v2");
    assert_eq!(journal(&env).len(), 0);
}

#[test]
fn documents_have_the_keys_of_the_contract() {
    let env = env();
    env.reg("delete --dry-run -o json $REG/app:v2").check(expect![[r#"
        {
          "schema": "reg.delete/v1",
          "registry": "$REG",
          "repository": "app",
          "items": [
            {
              "reference": "$REG/app:v2",
              "action": "untag",
              "result": "planned",
              "reason": null
            }
          ],
          "errors": [],
          "summary": {
            "tags": 1,
            "manifests": 0,
            "bytes_freed": 0,
            "bytes_freed_with_untagged": 1709
          }
        }
        ------- stderr -------
        Plan for $REG/app
          untag   v2  sha256:9522811eb903e4b711bee2979163028f07a3136c407d782b1def90d69758db4a
                    the manifest stays, untagged
        The registry's garbage collection frees nothing, one that also removes untagged manifests (-m) 1.67 KiB (1709 bytes), unless other repositories share them; 2.93 KiB (3000 bytes) are shared with tags that stay.
    "#]]);
    env.reg("delete --yes -o json $REG/app:v2").check(expect![[r#"
        {
          "schema": "reg.delete/v1",
          "registry": "$REG",
          "repository": "app",
          "items": [
            {
              "reference": "$REG/app:v2",
              "action": "untag",
              "result": "untagged",
              "reason": null
            }
          ],
          "errors": [],
          "summary": {
            "tags": 1,
            "manifests": 0,
            "bytes_freed": null,
            "bytes_freed_with_untagged": null
          }
        }
    "#]]);
}

#[test]
fn without_a_terminal_nothing_is_assumed() {
    let env = env();
    let output = env.reg_with_input("delete $REG/app:v2", "y\n");
    assert_eq!((output.exit, output.stdout.as_str()), (Some(2), ""), "{output}");
    output.check(expect![[r#"
        ------- stderr -------
        Plan for $REG/app
          untag   v2  sha256:9522811eb903e4b711bee2979163028f07a3136c407d782b1def90d69758db4a
                    the manifest stays, untagged
        The registry's garbage collection frees nothing, one that also removes untagged manifests (-m) 1.67 KiB (1709 bytes), unless other repositories share them; 2.93 KiB (3000 bytes) are shared with tags that stay.
        error: this needs a confirmation, and there is no terminal to ask on; nothing was changed
        hint: --yes to go on without asking, --dry-run to see the plan
        [exit 2]
    "#]]);
    assert_eq!(tags(&env), "v1 v1.0 v2");
}

#[test]
fn what_is_not_there() {
    let env = env();
    env.reg("delete --yes $REG/app:v9").check(expect![[r#"
        REFERENCE               ACTION  RESULT  REASON
        $REG/app:v9  untag   absent  $REG/app has no tag v9
        ------- stderr -------
        error: cannot delete $REG/app:v9
          caused by: $REG/app has no tag v9
        [exit 3]
    "#]]);
    env.reg("delete --yes $REG/no/such:v1").check(expect![[r#"
        REFERENCE                   ACTION  RESULT  REASON
        $REG/no/such:v1  untag   absent  $REG/no/such has no tag v1
        ------- stderr -------
        error: cannot delete $REG/no/such:v1
          caused by: $REG/no/such has no tag v1
        [exit 3]
    "#]]);
    env.reg("delete --yes --ignore-missing $REG/app:v9").check(expect![[r#"
        REFERENCE               ACTION  RESULT  REASON
        $REG/app:v9  untag   absent  -
    "#]]);
    let partly = env.reg("delete --yes $REG/app:v9 $REG/app:v2");
    assert_eq!(partly.exit, Some(7), "{partly}");
    assert_eq!(tags(&env), "v1 v1.0");
}

#[test]
fn nothing_is_deleted_without_a_name() {
    let env = Env::without_server();
    env.reg("delete --yes localhost:5000/app").check(expect![[r#"
        ------- stderr -------
        error: "localhost:5000/app" names a repository; nothing is deleted without a tag or digest
        hint: localhost:5000/app:TAG, localhost:5000/app@DIGEST, or --all-tags
        [exit 2]
    "#]]);
    env.reg("delete --yes localhost:5000/app:v1 --match 'v'").check(expect![[r#"
        ------- stderr -------
        error: "localhost:5000/app:v1" names one image, and the options select among the tags of a repository
        [exit 2]
    "#]]);
    env.reg("delete --yes localhost:5000/app --except v1").check(expect![[r#"
        ------- stderr -------
        error: --except only narrows what another option selects
        hint: --all-tags
        [exit 2]
    "#]]);
    env.reg("delete --yes").check(expect![[r#"
        ------- stderr -------
        error: the following required arguments were not provided:
          <REFERENCE>...

        Usage: reg delete --yes <REFERENCE>...

        For more information, try '--help'.
        [exit 2]
    "#]]);
}

#[test]
fn a_moved_tag_is_skipped() {
    let env = env();
    let upstream = env.host().to_owned();
    // Between plan and deletion somebody pushes: the first look at the tag is a GET, the second a HEAD.
    let host = proxy::start(&upstream.clone(), move |method, path| {
        if method == "HEAD" && path == "/v2/app/manifests/v2" {
            let moved = image(3);
            let mut client = crate::support::Client::connect(&upstream);
            moved.push(&mut client, "app:v2");
        }
        Verdict::Pass
    });
    let output = env.reg(&format!("delete --yes {host}/app:v2"));
    assert_eq!(output.exit, Some(7), "{output}");
    assert!(output.stdout.contains("skipped"), "{output}");
    assert!(
        output.stderr.contains(&format!("the tag has moved from {} to {}", image(2).digest(), image(3).digest())),
        "{output}"
    );
    assert_eq!(env.reg("digest $REG/app:v2").ok().trim_end(), image(3).digest());
    assert_eq!(journal(&env).len(), 0);
}
