//! `reg copy`

use expect_test::expect;

use crate::support::image::{DOCKER_LIST, OCI_INDEX};
use crate::support::image::{artifact, docker_image, image_for, index, index_of, noise};
use crate::support::{Client, Env, Image, image};

pub(super) fn second(env: &Env) -> Client {
    Client::connect(&env.expand("$REG2"))
}

/// Checks that a registry serves an image, byte for byte.
#[track_caller]
pub(super) fn assert_there(client: &mut Client, repository: &str, locator: &str, image: &Image) {
    let got =
        client.send("GET", &format!("/v2/{repository}/manifests/{locator}"), &[("Accept", &image.media_type)], b"");
    assert_eq!((got.status, got.body.as_slice()), (200, image.manifest.as_slice()), "{repository} {locator}");
    assert_eq!(got.header("content-type"), Some(image.media_type.as_str()));
    for blob in &image.blobs {
        let got = client.get(&format!("/v2/{repository}/blobs/{}", crate::support::digest(blob)));
        assert_eq!((got.status, got.body.len()), (200, blob.len()));
        assert_eq!(&got.body, blob);
    }
    for child in &image.children {
        assert_there(client, repository, &child.digest(), child);
    }
}

#[test]
fn from_one_registry_to_another() {
    let env = Env::with_two_servers();
    let image = image(1);
    env.push("team/app:v1", &image);
    env.reg("copy $REG/team/app:v1 $REG2/mirror/app -o csv").check(expect![[r#"
        source,reference,digest,result,copied,mounted,skipped,bytes
        $REG/team/app:v1,$REG2/mirror/app:v1,sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab,copied,4,0,0,4709
    "#]]);
    assert_there(&mut second(&env), "mirror/app", "v1", &image);
    env.reg("copy $REG/team/app:v1 $REG2/mirror/app -o csv").check(expect![[r#"
        source,reference,digest,result,copied,mounted,skipped,bytes
        $REG/team/app:v1,$REG2/mirror/app:v1,sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab,present,0,0,1,0
    "#]]);
    env.reg("copy $REG/team/app:v1 $REG2/mirror/app:v1 -o json").check(expect![[r#"
        {
          "schema": "reg.copy/v1",
          "registry": "$REG2",
          "repository": "mirror/app",
          "items": [
            {
              "source": "$REG/team/app:v1",
              "reference": "$REG2/mirror/app:v1",
              "digest": "sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab",
              "result": "present",
              "copied": 0,
              "mounted": 0,
              "skipped": 1,
              "bytes": 0
            }
          ],
          "errors": []
        }
    "#]]);
    env.reg("copy $REG/team/app:v1 $REG2/mirror/app:other -o name").check(expect![[r#"
        $REG2/mirror/app:other
    "#]]);
}

#[test]
fn there_and_back_through_a_layout() {
    let env = Env::with_two_servers();
    let list = index_of(DOCKER_LIST, &[(docker_image(1), "amd64"), (docker_image(2), "arm64")], "");
    let nested = index_of(OCI_INDEX, &[(index(&[(3, "amd64"), (4, "arm64")]), "amd64"), (image(5), "s390x")], "");
    let images = [("docker", docker_image(7)), ("list", list), ("nested", nested)];
    for (tag, image) in &images {
        env.push(&format!("team/app:{tag}"), image);
    }
    env.reg("copy --all-tags --jobs 1 $REG/team/app oci:$TMP/layout").ok();
    env.reg("copy --all-tags oci:$TMP/layout $REG2/back").ok();
    for (tag, image) in &images {
        assert_there(&mut second(&env), "back", tag, image);
    }
    env.reg("copy oci:$TMP/layout:list oci:$TMP/other:renamed -o name").check(expect![[r#"
        oci:$TMP/other:renamed
    "#]]);
    assert!(env.path("other/blobs/sha256").join(&images[1].1.digest()["sha256:".len()..]).is_file());
    env.reg("copy oci:$TMP/layout $REG2/back -o csv").check(expect![[r#"
        ------- stderr -------
        error: cannot copy oci:$TMP/layout to $REG2/back
          caused by: there are several images in oci:$TMP/layout
        hint: name one behind the path; there is docker, list, nested
        [exit 2]
    "#]]);
}

#[test]
fn referrers_come_along_when_asked_for() {
    let env = Env::with_two_servers();
    let image = image(1);
    let signature = artifact("application/vnd.example.signature", &image, 1);
    let of_signature = artifact("application/vnd.example.timestamp", &signature, 2);
    env.push("a/b:v1", &image);
    env.push("a/b", &signature);
    env.push("a/b", &of_signature);
    let referrers = |client: &mut Client, repository: &str, subject: &Image| -> Vec<String> {
        let listed = client.get(&format!("/v2/{repository}/referrers/{}", subject.digest())).json();
        let digests = listed["manifests"].as_array().expect("a list").iter();
        digests.map(|entry| entry["digest"].as_str().expect("a digest").to_owned()).collect()
    };
    env.reg("copy $REG/a/b:v1 $REG2/without:v1").ok();
    assert_eq!(referrers(&mut second(&env), "without", &image), Vec::<String>::new());
    env.reg("copy --referrers $REG/a/b:v1 oci:$TMP/layout").ok();
    env.reg("copy --referrers oci:$TMP/layout $REG2/with").ok();
    let mut client = second(&env);
    assert_eq!(referrers(&mut client, "with", &image), [signature.digest()]);
    assert_eq!(referrers(&mut client, "with", &signature), [of_signature.digest()]);
    assert_there(&mut client, "with", &of_signature.digest(), &of_signature);
    // To an image that is there already.
    env.reg("copy --referrers $REG/a/b:v1 $REG2/without:v1").ok();
    assert_eq!(referrers(&mut client, "without", &image), [signature.digest()]);
}

#[test]
fn platforms_are_chosen() {
    let env = Env::with_two_servers();
    env.push("a/b:v1", &index(&[(1, "amd64"), (2, "arm64"), (3, "s390x")]));
    env.reg("copy --platform linux/arm64 $REG/a/b:v1 $REG2/one:v1 -o name").check(expect![[r#"
        $REG2/one:v1
    "#]]);
    assert_there(&mut second(&env), "one", "v1", &image_for(2, "arm64"));
    env.reg("copy --platform linux/arm64 --platform linux/amd64 $REG/a/b:v1 $REG2/two:v1 -o name")
        .check(expect![[r#"
            $REG2/two:v1
            ------- stderr -------
            the index of $REG2/two:v1 has only these platforms, and the digest sha256:6667c658286f1a24cd8d515d156997ee2db295a1cdfe2640a1e9f245cce99c4e instead of sha256:0099e6dbac305a80a35c337c58b083be128eb7b7d5006a81f88a5844953eca3d
        "#]]);
    let two = second(&env).get("/v2/two/manifests/v1").json();
    assert_eq!(two["manifests"].as_array().map(Vec::len), Some(2));
    env.reg("copy --platform linux/riscv64 $REG/a/b:v1 $REG2/none:v1").check(expect![[r#"
        ------- stderr -------
        error: cannot copy $REG/a/b:v1 to $REG2/none:v1
          caused by: source: cannot select platforms
          caused by: there is no linux/riscv64; there is linux/amd64, linux/arm64, linux/s390x
        [exit 3]
    "#]]);
    env.reg("copy --platform linux $REG/a/b:v1 $REG2/none:v1").check(expect![[r#"
        ------- stderr -------
        error: invalid value 'linux' for '--platform <OS/ARCH[/VARIANT]>': invalid platform "linux": expected OS/ARCH or OS/ARCH/VARIANT, for example linux/arm64/v8

        For more information, try '--help'.
        [exit 2]
    "#]]);
    assert_eq!(second(&env).get("/v2/none/tags/list").status, 404);
}

#[test]
fn what_is_not_there() {
    let env = Env::with_two_servers();
    env.push("a/b:v1", &image(1));
    env.reg("copy $REG/a/b:v2 $REG2/a/b").check(expect![[r#"
        ------- stderr -------
        error: cannot copy $REG/a/b:v2 to $REG2/a/b:v2
          caused by: source: cannot read tag v2
          caused by: GET /v2/a/b/manifests/v2: 404 MANIFEST_UNKNOWN (manifest v2 is not known)
        [exit 3]
    "#]]);
    env.reg("copy $REG/no/such $REG2/a/b").check(expect![[r#"
        ------- stderr -------
        error: cannot copy $REG/no/such:latest to $REG2/a/b:latest
          caused by: source: cannot read tag latest
          caused by: GET /v2/no/such/manifests/latest: 404 MANIFEST_UNKNOWN (manifest latest is not known)
        [exit 3]
    "#]]);
    env.reg("copy --all-tags $REG/no/such $REG2/a/b").check(expect![[r#"
        ------- stderr -------
        error: cannot copy $REG/no/such to $REG2/a/b
          caused by: GET /v2/no/such/tags/list: 404 NAME_UNKNOWN (repository no/such is not known)
        [exit 3]
    "#]]);
    env.reg("copy --filter 'w*' $REG/a/b $REG2/a/b").check(expect![[r#"
        ------- stderr -------
        no tag of $REG/a/b matches
    "#]]);
    env.reg("copy oci:$TMP/nowhere $REG2/a/b").check(expect![[r#"
        ------- stderr -------
        error: cannot copy oci:$TMP/nowhere to $REG2/a/b
          caused by: $TMP/nowhere is no image layout: it has no oci-layout file
        [exit 3]
    "#]]);
    env.reg("copy $REG/a/b:v2 oci:$TMP/layout").check(expect![[r#"
        ------- stderr -------
        error: cannot copy $REG/a/b:v2 to oci:$TMP/layout:v2
          caused by: source: cannot read tag v2
          caused by: GET /v2/a/b/manifests/v2: 404 MANIFEST_UNKNOWN (manifest v2 is not known)
        [exit 3]
    "#]]);
    assert!(!env.path("layout").exists(), "nothing is made for nothing");
    assert_eq!(second(&env).get("/v2/a/b/tags/list").status, 404);
}

#[test]
fn what_makes_no_sense() {
    let env = Env::without_server();
    env.reg("copy localhost:1/a/b:v1 localhost:1/a/b:v1").check(expect![[r#"
        ------- stderr -------
        error: localhost:1/a/b:v1 and localhost:1/a/b:v1 are the same
        [exit 2]
    "#]]);
    env.reg("copy --all-tags localhost:1/a/b:v1 localhost:1/a/c").check(expect![[r#"
        ------- stderr -------
        error: all tags are copied from a place to a place; localhost:1/a/b:v1 or localhost:1/a/c names one
        hint: leave the tags away
        [exit 2]
    "#]]);
    let digest = crate::support::digest(b"");
    env.reg(&format!("copy localhost:1/a/b:v1 localhost:1/a/c@{digest}")).check(expect![[r#"
        ------- stderr -------
        error: the target localhost:1/a/c@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 names a digest; what is copied brings its own
        hint: leave @sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 away
        [exit 2]
    "#]]);
    env.reg("copy oci: localhost:1/a/c").check(expect![[r#"
        ------- stderr -------
        error: invalid place "oci:": the path is missing
        hint: oci:DIR[:TAG]
        [exit 2]
    "#]]);
    env.reg("copy docker://localhost:1/a/b:v1 oci:x").check(expect![[r#"
        ------- stderr -------
        error: invalid reference "docker://localhost:1/a/b:v1"
        hint: leave docker:// away
        [exit 2]
    "#]]);
    std::fs::write(env.path("thesis"), "precious").expect("written");
    env.reg("copy localhost:1/a/b:v1 oci:$TMP").check(expect![[r#"
        ------- stderr -------
        error: cannot copy localhost:1/a/b:v1 to oci:$TMP
          caused by: $TMP is neither empty nor an image layout
        [exit 1]
    "#]]);
}

#[test]
fn a_dry_run_changes_nothing() {
    let env = Env::with_two_servers();
    env.push("a/b:v1", &image(1));
    env.push("a/b:v2", &image(2));
    env.reg("copy $REG/a/b:v1 $REG2/a/b").ok();
    env.reg("copy --dry-run --all-tags $REG/a/b $REG2/a/b --jobs 1 -o csv").check(expect![[r#"
        source,reference,digest,result,copied,mounted,skipped,bytes
        $REG/a/b:v1,$REG2/a/b:v1,sha256:c7cd9b3b69ba1fa2d9a6f09275fb6da420f0dac7bd6b7d035ca6a3267c6d10ab,present,0,0,1,0
        $REG/a/b:v2,$REG2/a/b:v2,sha256:9522811eb903e4b711bee2979163028f07a3136c407d782b1def90d69758db4a,would-copy,3,0,1,1709
    "#]]);
    env.reg("copy --dry-run $REG/a/b:v2 $REG/other -o csv").check(expect![[r#"
        source,reference,digest,result,copied,mounted,skipped,bytes
        $REG/a/b:v2,$REG/other:v2,sha256:9522811eb903e4b711bee2979163028f07a3136c407d782b1def90d69758db4a,would-copy,1,3,0,557
    "#]]);
    env.reg("copy --dry-run $REG/a/b:v2 oci:$TMP/layout -o csv").check(expect![[r#"
        source,reference,digest,result,copied,mounted,skipped,bytes
        $REG/a/b:v2,oci:$TMP/layout:v2,sha256:9522811eb903e4b711bee2979163028f07a3136c407d782b1def90d69758db4a,would-copy,4,0,0,4709
    "#]]);
    assert!(!env.path("layout").exists());
    assert_eq!(env.http().get("/v2/other/tags/list").status, 404);
    assert_eq!(second(&env).get("/v2/a/b/tags/list").json()["tags"], serde_json::json!(["v1"]));
    assert_eq!(env.reg("copy --dry-run --detailed-exitcode $REG/a/b:v1 $REG2/a/b").exit, Some(0));
    assert_eq!(env.reg("copy --dry-run --detailed-exitcode $REG/a/b:v2 $REG2/a/b").exit, Some(8));
    assert_eq!(env.reg("copy --detailed-exitcode $REG/a/b:v2 $REG2/a/b").exit, Some(8));
    assert_eq!(env.reg("copy --detailed-exitcode $REG/a/b:v2 $REG2/a/b").exit, Some(0));
}

#[test]
fn a_damaged_layout_is_named() {
    let env = Env::new();
    let image = image(1);
    env.push("a/b:v1", &image);
    env.push("a/b:v2", &crate::support::image(2));
    env.reg("copy --all-tags --jobs 1 $REG/a/b oci:$TMP/layout").ok();
    let own_layer = env.path("layout/blobs/sha256").join(&crate::support::digest(&image.blobs[2])["sha256:".len()..]);
    std::fs::write(&own_layer, noise(9, image.blobs[2].len())).expect("written");
    env.reg("copy oci:$TMP/layout:v1 $REG/new").check(expect![[r#"
        ------- stderr -------
        error: cannot copy oci:$TMP/layout:v1 to $REG/new:v1
          caused by: source: cannot read blob sha256:92d5ebb3315886c469530c0acf965352d379dfeb549ec95cbad0ac41d27f015b
          caused by: $TMP/layout/blobs/sha256/92d5ebb3315886c469530c0acf965352d379dfeb549ec95cbad0ac41d27f015b is damaged: its bytes have the digest sha256:a38f0db5f8d809a2412addad4345fe29c502597b6d2e0fa0a046b1cd6dfa26f7
        [exit 1]
    "#]]);
    assert_eq!(env.http().get("/v2/new/manifests/v1").status, 404);
    env.reg("copy --all-tags oci:$TMP/layout $REG/new --jobs 1 -o csv").check(expect![[r#"
        source,reference,digest,result,copied,mounted,skipped,bytes
        oci:$TMP/layout:v2,$REG/new:v2,sha256:9522811eb903e4b711bee2979163028f07a3136c407d782b1def90d69758db4a,copied,3,0,1,1709
        ------- stderr -------
        error: cannot copy oci:$TMP/layout:v1 to $REG/new:v1
          caused by: source: cannot read blob sha256:92d5ebb3315886c469530c0acf965352d379dfeb549ec95cbad0ac41d27f015b
          caused by: $TMP/layout/blobs/sha256/92d5ebb3315886c469530c0acf965352d379dfeb549ec95cbad0ac41d27f015b is damaged: its bytes have the digest sha256:a38f0db5f8d809a2412addad4345fe29c502597b6d2e0fa0a046b1cd6dfa26f7
        copied $REG/new:v2
        [exit 7]
    "#]]);
    assert_there(&mut env.http(), "new", "v2", &crate::support::image(2));
    std::fs::write(env.path("layout/index.json"), "{").expect("written");
    env.reg("copy oci:$TMP/layout:v1 $REG/new").check(expect![[r#"
        ------- stderr -------
        error: cannot copy oci:$TMP/layout:v1 to $REG/new:v1
          caused by: source: cannot read tag v1
          caused by: $TMP/layout/index.json is damaged: not JSON: EOF while parsing an object at line 1 column 1
        [exit 1]
    "#]]);
}

/// A file's name is no repository, and the places of other programs are not ours: nothing is sent anywhere.
#[test]
fn mistyped_files_are_not_pushed_as_repositories() {
    let env = Env::without_server();
    let refused = |place: &str, hint: &str| {
        for command in [format!("copy localhost:1/a:v1 {place}"), format!("copy {place} localhost:1/a:v1")] {
            let output = env.reg(&command);
            assert!(output.exit == Some(2) && output.stderr.contains(&format!("hint: {hint}")), "{command}: {output}");
        }
    };
    refused("dir:foo", "oci:DIR[:TAG] is an image layout in a directory\nhint: a repository of that name is HOST/dir");
    refused("docker-daemon:a:v1", "docker save -o FILE IMAGE");
    refused("containers-storage:a:v1", "podman save --format oci-archive -o FILE IMAGE");
    for place in ["ostree:a", "sif:a.sif", "atomic:a/b"] {
        refused(place, "an image is HOST/REPOSITORY[:TAG]");
    }
    refused("tarball:a.tar", "docker import FILE");
    refused("docker://h/x", "leave docker:// away\n");
    for name in ["h.tar", "out/h.tar.gz", "h.tgz"] {
        let meant = format!("oci-archive:{name} or docker-archive:{name}; a repository of that name is HOST/{name}?");
        refused(name, &format!("did you mean {meant}"));
    }
    refused("h.tar:v1", "did you mean oci-archive:h.tar:v1");
    for name in ["./h.tar", "/h.tar", "../d.d/h.tar"] {
        refused(name, &format!("did you mean oci-archive:{name} or docker-archive:{name}?"));
    }
    for name in ["./d", "../d:v1", "/tmp/d", "~/d", "."] {
        refused(name, &format!("did you mean oci:{name}?"));
    }
    // With a host it is a repository, whatever its name.
    for place in ["localhost:1/h.tar:v1", "localhost:1/dir:foo"] {
        let output = env.reg(&format!("copy {place} oci:$TMP/d"));
        assert!(output.exit == Some(1) && output.stderr.contains(place), "{place}: {output}");
    }
}

#[test]
fn platforms_are_named_one_by_one() {
    let env = Env::without_server();
    env.reg("copy a:v1 b:v1 --platform linux/amd64,linux/arm64").check(expect![[r#"
        ------- stderr -------
        error: invalid value 'linux/amd64,linux/arm64' for '--platform <OS/ARCH[/VARIANT]>': one platform each: --platform linux/amd64 --platform linux/arm64

        For more information, try '--help'.
        [exit 2]
    "#]]);
}
