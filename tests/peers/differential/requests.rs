//! The conversation: what docker, containerd and scripts send, and what they send by mistake.

use super::Conversation;
use crate::support::api::Api;
use crate::support::http::Answer;
use crate::support::image::{
    ACCEPT_ALL, Content, DOCKER_LIST, DOCKER_MANIFEST, Flavour, Graph, OCI_INDEX, OCI_MANIFEST, image, index, noise,
    sha256,
};

const OCTETS: (&str, &str) = ("Content-Type", "application/octet-stream");
const ABSENT: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

pub(super) fn all(to: &mut Conversation) {
    nothing_there_yet(to);
    malformed(to);
    uploads(to);
    mounts(to);
    blobs(to);
    manifests(to);
    negotiation(to);
    listings(to);
    deletions(to);
}

/// Where to go on. Without a `Location` the conversation continues at an upload that nobody knows.
fn location(answer: &Answer) -> String {
    answer.header("Location").map_or_else(|| "/v2/app/blobs/uploads/lost".to_owned(), Api::path_of)
}

fn with_digest(location: &str, digest: &str) -> String {
    let separator = if location.contains('?') { '&' } else { '?' };
    format!("{location}{separator}digest={digest}")
}

fn nothing_there_yet(to: &mut Conversation) {
    to.plain("ping", "GET", "/v2/");
    to.plain("ping: HEAD", "HEAD", "/v2/");
    to.plain("ping without the slash", "GET", "/v2");
    to.plain("the root", "GET", "/");
    to.plain("empty: catalog", "GET", "/v2/_catalog");
    to.plain("empty: tags", "GET", "/v2/none/tags/list");
    to.plain("empty: manifest by tag", "GET", "/v2/none/manifests/v1");
    to.plain("empty: manifest HEAD", "HEAD", "/v2/none/manifests/v1");
    to.plain("empty: manifest by digest", "GET", &format!("/v2/none/manifests/{ABSENT}"));
    to.plain("empty: blob", "GET", &format!("/v2/none/blobs/{ABSENT}"));
    to.plain("empty: blob HEAD", "HEAD", &format!("/v2/none/blobs/{ABSENT}"));
    to.plain("empty: delete manifest", "DELETE", &format!("/v2/none/manifests/{ABSENT}"));
    to.plain("empty: delete blob", "DELETE", &format!("/v2/none/blobs/{ABSENT}"));
    to.plain("empty: upload status", "GET", "/v2/none/blobs/uploads/0a8ac3f4-5a0c-4b8e-9a11-0123456789ab");
    to.plain("empty: referrers", "GET", &format!("/v2/none/referrers/{ABSENT}"));
}

fn malformed(to: &mut Conversation) {
    to.plain("bad: method on ping", "POST", "/v2/");
    to.plain("bad: method on tags", "PUT", "/v2/none/tags/list");
    to.plain("bad: method on catalog", "DELETE", "/v2/_catalog");
    to.plain("bad: route", "GET", "/v2/none/nothing");
    to.plain("bad: upper-case name", "GET", "/v2/Upper/tags/list");
    to.plain("bad: short digest of a blob", "GET", "/v2/none/blobs/sha256:abc");
    to.plain("bad: algorithm of a blob", "GET", "/v2/none/blobs/crc:00000000000000000000000000000000");
    to.plain("bad: digest of a manifest", "GET", "/v2/none/manifests/sha256:abc");
    to.plain("bad: tag", "GET", "/v2/none/manifests/-dash");
    to.plain("bad: catalog n", "GET", "/v2/_catalog?n=many");
    to.plain("bad: catalog negative n", "GET", "/v2/_catalog?n=-1");
    to.plain("bad: upload id", "GET", "/v2/none/blobs/uploads/not-an-id");
}

fn uploads(to: &mut Conversation) {
    let bytes = noise(1, 3000);
    let digest = sha256(&bytes);
    let begun = to.plain("upload: begin", "POST", "/v2/app/blobs/uploads/");
    to.plain("upload: status of an empty one", "GET", &location(&begun));
    let first =
        to.ask("upload: PATCH", "PATCH", &location(&begun), &[OCTETS, ("Content-Range", "0-999")], &bytes[..1000]);
    let status = to.plain("upload: status", "GET", &location(&first));
    let more = [OCTETS, ("Content-Range", "1000-1999")];
    let second = to.ask("upload: PATCH again", "PATCH", &location(&status), &more, &bytes[1000..2000]);
    to.ask("upload: PUT without a digest", "PUT", &location(&second), &[OCTETS], b"");
    let target = with_digest(&location(&second), "sha256:abc");
    to.ask("upload: PUT of a malformed digest", "PUT", &target, &[OCTETS], b"");
    let target = with_digest(&location(&second), &digest);
    to.ask("upload: PUT with the rest", "PUT", &target, &[OCTETS], &bytes[2000..]);
    to.plain("upload: status after the end", "GET", &location(&second));

    let begun = to.plain("upload: begin for a gap", "POST", "/v2/app/blobs/uploads/");
    let wrong = [OCTETS, ("Content-Range", "5000-5999")];
    to.ask("upload: PATCH out of order", "PATCH", &location(&begun), &wrong, &bytes[1000..2000]);
    let begun = to.plain("upload: begin for a wrong length", "POST", "/v2/app/blobs/uploads/");
    let wrong = [OCTETS, ("Content-Range", "0-99")];
    to.ask("upload: PATCH of another length", "PATCH", &location(&begun), &wrong, &bytes[1000..2000]);
    let begun = to.plain("upload: begin another", "POST", "/v2/app/blobs/uploads/");
    let target = with_digest(&location(&begun), ABSENT);
    to.ask("upload: PUT of other content", "PUT", &target, &[OCTETS], b"not that");
    let begun = to.plain("upload: begin to cancel", "POST", "/v2/app/blobs/uploads/");
    to.plain("upload: cancel", "DELETE", &location(&begun));
    to.plain("upload: status of a cancelled one", "GET", &location(&begun));
    let target = format!("/v2/app/blobs/uploads/?digest={}", sha256(b"at once"));
    to.ask("upload: in one POST", "POST", &target, &[OCTETS], b"at once");
    let begun = to.plain("upload: begin an empty blob", "POST", "/v2/app/blobs/uploads/");
    let target = with_digest(&location(&begun), &sha256(b""));
    to.ask("upload: an empty blob", "PUT", &target, &[OCTETS], b"");
}

fn mounts(to: &mut Conversation) {
    let digest = sha256(&noise(1, 3000));
    to.plain("mount", "POST", &format!("/v2/other/blobs/uploads/?mount={digest}&from=app"));
    to.plain("mount of what is not there", "POST", &format!("/v2/other/blobs/uploads/?mount={ABSENT}&from=app"));
    to.plain("mount from nowhere", "POST", &format!("/v2/third/blobs/uploads/?mount={digest}&from=nowhere"));
    to.plain("mount of a malformed digest", "POST", "/v2/other/blobs/uploads/?mount=sha256:abc&from=app");
    to.plain("mounted", "HEAD", &format!("/v2/other/blobs/{digest}"));
}

fn blobs(to: &mut Conversation) {
    let digest = sha256(&noise(1, 3000));
    let target = format!("/v2/app/blobs/{digest}");
    to.plain("blob", "GET", &target);
    to.plain("blob: HEAD", "HEAD", &target);
    for (name, range) in [
        ("blob: first bytes", "bytes=0-9"),
        ("blob: from the middle", "bytes=1500-"),
        ("blob: last bytes", "bytes=-5"),
        ("blob: to beyond the end", "bytes=2990-9999"),
        ("blob: from beyond the end", "bytes=3000-"),
        ("blob: backwards", "bytes=500-0"),
        ("blob: another unit", "lines=0-9"),
    ] {
        to.ask(name, "GET", &target, &[("Range", range)], b"");
    }
    let tag = format!("\"{digest}\"");
    to.ask("blob: If-None-Match", "GET", &target, &[("If-None-Match", &tag)], b"");
    to.ask("blob: If-None-Match of another", "HEAD", &target, &[("If-None-Match", "\"other\"")], b"");
}

fn store(to: &mut Conversation, graph: &Graph) {
    for blob in graph.blobs() {
        to.api.push_blob("app", blob);
    }
}

fn put(to: &mut Conversation, name: &'static str, reference: &str, content_type: &str, bytes: &[u8]) {
    to.ask(name, "PUT", &format!("/v2/app/manifests/{reference}"), &[("Content-Type", content_type)], bytes);
}

fn manifests(to: &mut Conversation) {
    let (docker, oci) = (image(Flavour::Docker, 10), image(Flavour::Oci, 11));
    put(to, "manifest: PUT before its blobs", "v1", DOCKER_MANIFEST, &docker.top().bytes);
    store(to, &docker);
    store(to, &oci);
    put(to, "manifest: PUT schema 2", "v1", DOCKER_MANIFEST, &docker.top().bytes);
    put(to, "manifest: PUT OCI", "oci", OCI_MANIFEST, &oci.top().bytes);
    put(to, "manifest: PUT by digest", docker.digest(), DOCKER_MANIFEST, &docker.top().bytes);
    put(to, "manifest: PUT under another's digest", oci.digest(), DOCKER_MANIFEST, &docker.top().bytes);
    put(to, "manifest: PUT of no JSON", "bad", DOCKER_MANIFEST, b"{not json");
    put(to, "manifest: PUT of nothing", "bad", DOCKER_MANIFEST, b"");
    put(to, "manifest: PUT as another type", "bad", OCI_MANIFEST, &docker.top().bytes);
    put(to, "manifest: PUT as an unknown type", "bad", "application/x-other", &docker.top().bytes);
    for (name, flavour, seed) in [("list", Flavour::Docker, 20), ("index", Flavour::Oci, 30)] {
        let many = index(flavour, seed);
        store(to, &many);
        let missing = if name == "list" {
            "manifest: PUT list before its images"
        } else {
            "manifest: PUT index before its images"
        };
        put(to, missing, name, &many.top().media_type, &many.top().bytes);
        let mut children = many.manifests();
        let (first, second): (Option<&Content>, Option<&Content>) = (children.next(), children.next());
        for child in [first, second].into_iter().flatten() {
            to.api.put_manifest("app", &child.digest, child).expect(201);
        }
        let complete = if name == "list" { "manifest: PUT list" } else { "manifest: PUT index" };
        put(to, complete, name, &many.top().media_type, &many.top().bytes);
    }
}

fn negotiation(to: &mut Conversation) {
    let both = format!("{DOCKER_MANIFEST}, {DOCKER_LIST}");
    for (name, reference, accept) in [
        ("accept: schema 2 as itself", "v1", DOCKER_MANIFEST),
        ("accept: schema 2 as anything", "v1", "*/*"),
        ("accept: schema 2 as OCI", "v1", OCI_MANIFEST),
        ("accept: OCI as itself", "oci", OCI_MANIFEST),
        ("accept: OCI as schema 2", "oci", DOCKER_MANIFEST),
        ("accept: OCI as anything", "oci", "*/*"),
        ("accept: list as itself", "list", DOCKER_LIST),
        ("accept: list among others", "list", &both),
        ("accept: list as an image", "list", DOCKER_MANIFEST),
        ("accept: index as itself", "index", OCI_INDEX),
        ("accept: index as an image", "index", OCI_MANIFEST),
        ("accept: index as everything", "index", ACCEPT_ALL),
    ] {
        to.ask(name, "GET", &format!("/v2/app/manifests/{reference}"), &[("Accept", accept)], b"");
    }
    to.plain("accept: schema 2 without a word", "GET", "/v2/app/manifests/v1");
    to.plain("accept: OCI without a word", "GET", "/v2/app/manifests/oci");
    let docker = image(Flavour::Docker, 10);
    let target = format!("/v2/app/manifests/{}", docker.digest());
    to.ask("manifest by digest", "GET", &target, &[("Accept", ACCEPT_ALL)], b"");
    to.ask("manifest by digest: HEAD", "HEAD", &target, &[("Accept", ACCEPT_ALL)], b"");
    to.ask("manifest by tag: HEAD", "HEAD", "/v2/app/manifests/v1", &[("Accept", ACCEPT_ALL)], b"");
    let tag = format!("\"{}\"", docker.digest());
    let headers = [("Accept", ACCEPT_ALL), ("If-None-Match", tag.as_str())];
    to.ask("manifest: If-None-Match", "GET", "/v2/app/manifests/v1", &headers, b"");
}

fn listings(to: &mut Conversation) {
    to.plain("tags", "GET", "/v2/app/tags/list");
    to.plain("tags: a page", "GET", "/v2/app/tags/list?n=2");
    to.plain("tags: after one", "GET", "/v2/app/tags/list?n=2&last=index");
    to.plain("tags of a repository without", "GET", "/v2/other/tags/list");
    to.plain("catalog", "GET", "/v2/_catalog");
    to.plain("catalog: a page", "GET", "/v2/_catalog?n=1");
    to.plain("catalog: after one", "GET", "/v2/_catalog?n=1&last=app");
    to.plain("catalog: a page of none", "GET", "/v2/_catalog?n=0");
}

fn deletions(to: &mut Conversation) {
    let (docker, oci) = (image(Flavour::Docker, 10), image(Flavour::Oci, 11));
    to.plain("delete: by tag", "DELETE", "/v2/app/manifests/oci");
    to.plain("delete: tag that is not there", "DELETE", "/v2/app/manifests/absent");
    // By digest both have it still, whatever became of the tag.
    to.plain("delete: by digest", "DELETE", &format!("/v2/app/manifests/{}", oci.digest()));
    to.plain("delete: by digest again", "DELETE", &format!("/v2/app/manifests/{}", oci.digest()));
    to.plain("delete: its tag", "GET", "/v2/app/manifests/oci");
    let layer = &docker.parts[0].digest;
    to.plain("delete: blob", "DELETE", &format!("/v2/app/blobs/{layer}"));
    to.plain("delete: blob again", "DELETE", &format!("/v2/app/blobs/{layer}"));
    to.plain("delete: blob is gone", "HEAD", &format!("/v2/app/blobs/{layer}"));
    to.plain("delete: malformed digest", "DELETE", "/v2/app/manifests/sha256:abc");
}
