//! `reg delete` on registries that cannot remove a tag alone, or delete nothing at all.

use std::sync::{Arc, Mutex};

use expect_test::expect;

use crate::support::image::artifact;
use crate::support::proxy::{self, Verdict};
use crate::support::{Env, Output, image};

/// Two tags of one image, and another image.
fn env() -> Env {
    let env = Env::new();
    env.push("app:v1", &image(1));
    env.push("app:v1.0", &image(1));
    env.push("app:v2", &image(2));
    env
}

fn tags(env: &Env) -> String {
    let names = env.reg("tags $REG/app -o name").ok().replace("$REG/app:", "");
    names.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What registry:2 answers to the deletion of a tag.
const NO_DIGEST: &str =
    r#"{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match uploaded content"}]}"#;
const UNSUPPORTED: &str = r#"{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}"#;

#[test]
fn where_tags_cannot_be_removed_the_last_one_takes_the_manifest_along() {
    let env = env();
    let host = proxy::start(env.host(), |method, path| match (method, path.contains("sha256:")) {
        ("DELETE", false) => Verdict::Answer(400, NO_DIGEST),
        _ => Verdict::Pass,
    });
    let clean = |output: crate::support::Output| output.to_string().replace(&host, "$OLD");
    expect![[r#"
        REFERENCE               ACTION  RESULT   REASON
        $OLD/app:v1  untag   skipped  the registry cannot remove a tag alone, and sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab is also tagged v1.0
        ------- stderr -------
        error: cannot delete $OLD/app:v1
          caused by: the registry cannot remove a tag alone, and sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab is also tagged v1.0
        hint: delete all tags of the digest together, or REPOSITORY@DIGEST
        [exit 5]
    "#]].assert_eq(&clean(env.reg(&format!("delete --yes {host}/app:v1"))));
    assert_eq!(tags(&env), "v1 v1.0 v2");
    expect![[r#"
        REFERENCE                                                                                    ACTION  RESULT    REASON
        $OLD/app@sha256:9522811eb903e4b711bee2979163028f07a3136c407d782b1def90d69758db4a  delete  deleted   the registry cannot remove a tag alone, and nothing else needed the manifest
        $OLD/app:v2                                                                       untag   untagged  went with its manifest
    "#]].assert_eq(&clean(env.reg(&format!("delete --yes {host}/app:v2"))));
    assert_eq!(tags(&env), "v1 v1.0");
    expect![[r#"
        REFERENCE                                                                                    ACTION  RESULT    REASON
        $OLD/app@sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab  delete  deleted   the registry cannot remove a tag alone, and nothing else needed the manifest
        $OLD/app:v1                                                                       untag   untagged  went with its manifest
        $OLD/app:v1.0                                                                     untag   untagged  went with its manifest
    "#]].assert_eq(&clean(env.reg(&format!("delete --yes {host}/app:v1 {host}/app:v1.0"))));
    assert_eq!(env.reg("tags $REG/app").exit, Some(3), "nothing is left");
}

#[test]
fn where_nothing_can_be_deleted_the_hint_says_why() {
    let env = env();
    let host = proxy::start(env.host(), |method, _| match method {
        "DELETE" => Verdict::Answer(405, UNSUPPORTED),
        _ => Verdict::Pass,
    });
    let output = env.reg(&format!("delete --yes {host}/app:v2"));
    expect![[r#"
        REFERENCE               ACTION  RESULT  REASON
        $OLD/app:v2  untag   failed  deletion is switched off at this registry, or not among what it does
        ------- stderr -------
        error: cannot delete $OLD/app:v2
          caused by: deletion is switched off at this registry, or not among what it does
        hint: start the registry with REGISTRY_STORAGE_DELETE_ENABLED=true, or set storage.delete.enabled in its config.yml; one that is read-only, or a proxy, deletes nothing either
        [exit 5]
    "#]].assert_eq(&output.to_string().replace(&host, "$OLD"));
    assert_eq!(tags(&env), "v1 v1.0 v2");
}

#[test]
fn a_referrer_keeps_what_it_refers_to() {
    let env = env();
    env.push("app", &artifact("application/vnd.example.signature", &image(2), 9));
    let host = proxy::start(env.host(), |method, path| match (method, path.contains("sha256:")) {
        ("DELETE", false) => Verdict::Answer(405, UNSUPPORTED),
        _ => Verdict::Pass,
    });
    let output = env.reg(&format!("delete --yes {host}/app:v2"));
    assert_eq!(output.exit, Some(5), "{output}");
    assert!(output.stderr.contains("referred to by one manifest"), "{output}");
    assert_eq!(tags(&env), "v1 v1.0 v2");
}

/// Runs a command against `answer` for every DELETE that names a digest (or not); what it said, and the DELETEs it sent.
fn against(env: &Env, arguments: &str, by_digest: Option<u16>, by_tag: Option<u16>) -> (String, Vec<String>) {
    let sent: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = sent.clone();
    let host = proxy::start(env.host(), move |method, path| {
        if method != "DELETE" {
            return Verdict::Pass;
        }
        seen.lock().expect("lock").push(path.into());
        match if path.contains("sha256:") { by_digest } else { by_tag } {
            Some(400) => Verdict::Answer(400, NO_DIGEST),
            Some(status) => Verdict::Answer(status, UNSUPPORTED),
            None => Verdict::Pass,
        }
    });
    let output: Output = env.reg(&arguments.replace("$OLD", &host));
    let sent = sent.lock().expect("lock").clone();
    (output.to_string().replace(&host, "$OLD"), sent)
}

/// A tag that nobody has.
const PROBE_TAG: &str = "/v2/app/manifests/reg-ping-does-not-exist";

#[test]
fn the_plan_tells_what_an_old_registry_will_do() {
    let env = env();
    let (said, sent) = against(&env, "delete --dry-run $OLD/app:v1 $OLD/app:v1.0 $OLD/app:v2", None, Some(400));
    expect![[r#"
        REFERENCE                                                                                    ACTION  RESULT   REASON
        $OLD/app@sha256:9522811eb903e4b711bee2979163028f07a3136c407d782b1def90d69758db4a  delete  planned  -
        $OLD/app:v2                                                                       untag   planned  goes with its manifest
        $OLD/app@sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab  delete  planned  -
        $OLD/app:v1                                                                       untag   planned  goes with its manifest
        $OLD/app:v1.0                                                                     untag   planned  goes with its manifest
        ------- stderr -------
        Plan for $OLD/app
          delete  sha256:9522811eb903e4b711bee2979163028f07a3136c407d782b1def90d69758db4a
                    its tags go with it: v2
          delete  sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab
                    its tags go with it: v1, v1.0
          this registry cannot remove a tag alone: the manifest goes where nothing else needs it
        The registry's garbage collection frees 6.27 KiB (6418 bytes), unless other repositories share them.
    "#]].assert_eq(&said);
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert_eq!(sent[0], PROBE_TAG);
    // Where a tag stays, so does the manifest, and nobody is asked to agree to nothing.
    let (said, _) = against(&env, "delete $OLD/app:v1", None, Some(400));
    expect![[r#"
        REFERENCE               ACTION  RESULT   REASON
        $OLD/app:v1  untag   skipped  the registry cannot remove a tag alone, and sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab is also tagged v1.0
        ------- stderr -------
        error: cannot delete $OLD/app:v1
          caused by: the registry cannot remove a tag alone, and sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab is also tagged v1.0
        hint: delete all tags of the digest together, or REPOSITORY@DIGEST
        [exit 5]
    "#]].assert_eq(&said);
    assert_eq!(tags(&env), "v1 v1.0 v2");
}

#[test]
fn the_plan_tells_that_nothing_is_deleted() {
    let env = env();
    let (said, sent) = against(&env, "delete --dry-run $OLD/app:v1 $OLD/app:v2", Some(405), Some(405));
    expect![[r#"
        REFERENCE            ACTION  RESULT  REASON
        $OLD/app  delete  failed  deletion is switched off at this registry, or not among what it does
        ------- stderr -------
        error: cannot delete from $OLD/app
          caused by: deletion is switched off at this registry, or not among what it does
        hint: start the registry with REGISTRY_STORAGE_DELETE_ENABLED=true, or set storage.delete.enabled in its config.yml; one that is read-only, or a proxy, deletes nothing either
        [exit 5]
    "#]].assert_eq(&said);
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert_eq!(against(&env, "delete $OLD/app:v2", Some(405), Some(405)).0, said, "nobody is asked");
    assert_eq!(tags(&env), "v1 v1.0 v2");
}

#[test]
fn one_question_is_enough_where_tags_can_be_removed() {
    let env = env();
    let (said, sent) = against(&env, "delete --dry-run $OLD/app:v1 $OLD/app:v1.0", None, None);
    expect![[r#"
        REFERENCE                 ACTION  RESULT   REASON
        $OLD/app:v1    untag   planned  -
        $OLD/app:v1.0  untag   planned  -
        ------- stderr -------
        Plan for $OLD/app
          untag   v1    sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab
          untag   v1.0  sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab
                    the manifest stays, untagged
        The registry's garbage collection frees nothing, one that also removes untagged manifests (-m) 1.67 KiB (1709 bytes), unless other repositories share them; 2.93 KiB (3000 bytes) are shared with tags that stay.
    "#]].assert_eq(&said);
    assert_eq!(sent, [PROBE_TAG]);
    // What answers nothing of use is not known.
    let (said, _) = against(&env, "delete --dry-run $OLD/app:v2", Some(418), Some(418));
    assert!(said.contains("if the registry can remove a tag alone"), "{said}");
}
