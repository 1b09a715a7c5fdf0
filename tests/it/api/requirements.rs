//! The distribution specification as a table: one row a requirement, with the section that makes it. Rows of 1.1 and of
//! its `main` (what 1.2 will add) stand together; the latter say so.
//!
//! Each row works in a repository of its own, where an image is tagged `v1`, beside the repository `{other}` with
//! another one. `{…}` in a row is a name or a digest of this world, `@…` some bytes of it.

use std::collections::BTreeMap;

use crate::support::image::{artifact, digest_sha512, image, noise};
use crate::support::{Client, Env, Response, digest};

/// A requirement: section, rule, and the exchange that shows it.
struct Row(&'static str, &'static str, &'static [Step]);

/// A request and what its answer must be.
struct Step {
    /// Method and target.
    request: &'static str,
    headers: &'static [&'static str],
    body: &'static str,
    /// Any of these.
    status: &'static [u16],
    /// `name: value`; `name` alone for any value; `!name` for none; `body: @…` or `body: text`; `code: CODE`.
    answer: &'static [&'static str],
}

const fn step(request: &'static str, status: &'static [u16], answer: &'static [&'static str]) -> Step {
    Step { request, headers: &[], body: "", status, answer }
}

const fn send(
    request: &'static str,
    headers: &'static [&'static str],
    body: &'static str,
    status: &'static [u16],
    answer: &'static [&'static str],
) -> Step {
    Step { request, headers, body, status, answer }
}

const OCTETS: &[&str] = &["Content-Type: application/octet-stream"];
const MANIFEST: &[&str] = &["Content-Type: application/vnd.oci.image.manifest.v1+json"];
const START: Step = step("POST /v2/{name}/blobs/uploads/", &[202], &["location"]);

const ROWS: &[Row] = &[
    Row("Determining Support", "end-1 answers 200", &[step("GET /v2/", &[200], &[])]),
    Row(
        "Pulling manifests",
        "GET of a tag answers the exact bytes, their type and digest",
        &[step(
            "GET /v2/{name}/manifests/v1",
            &[200],
            &[
                "body: @manifest",
                "content-type: application/vnd.oci.image.manifest.v1+json",
                "docker-content-digest: {manifest}",
            ],
        )],
    ),
    Row(
        "Pulling manifests",
        "GET of a digest answers the same",
        &[step(
            "GET /v2/{name}/manifests/{manifest}",
            &[200],
            &["body: @manifest", "docker-content-digest: {manifest}"],
        )],
    ),
    Row(
        "Pulling manifests",
        "what is not there is 404, with the code of what is missing",
        &[
            step("GET /v2/{name}/manifests/none", &[404], &["code: MANIFEST_UNKNOWN"]),
            step("GET /v2/{name}/manifests/{new}", &[404], &["code: MANIFEST_UNKNOWN"]),
            step("HEAD /v2/{name}/manifests/none", &[404], &["body: "]),
        ],
    ),
    Row(
        "Checking if content exists",
        "HEAD of a manifest: 200, its length, type and digest, no body",
        &[step(
            "HEAD /v2/{name}/manifests/v1",
            &[200],
            &[
                "content-length: {manifest.size}",
                "docker-content-digest: {manifest}",
                "content-type: application/vnd.oci.image.manifest.v1+json",
                "body: ",
            ],
        )],
    ),
    Row(
        "Pulling blobs",
        "GET of a digest answers the bytes and the digest",
        &[step(
            "GET /v2/{name}/blobs/{layer}",
            &[200],
            &["body: @layer", "docker-content-digest: {layer}", "content-length: {layer.size}"],
        )],
    ),
    Row(
        "Pulling blobs",
        "a blob of another repository is not here",
        &[step("GET /v2/{name}/blobs/{otherlayer}", &[404], &["code: BLOB_UNKNOWN"])],
    ),
    Row(
        "Pulling blobs",
        "Range: 206 and the part",
        &[
            send(
                "GET /v2/{name}/blobs/{layer}",
                &["Range: bytes=1-3"],
                "",
                &[206],
                &["content-range: bytes 1-3/{layer.size}", "content-length: 3"],
            ),
            send(
                "GET /v2/{name}/blobs/{layer}",
                &["Range: bytes=999999-"],
                "",
                &[416],
                &["content-range: bytes */{layer.size}"],
            ),
        ],
    ),
    Row(
        "Checking if content exists",
        "HEAD of a blob: 200 and its length; 404 for none",
        &[
            step(
                "HEAD /v2/{name}/blobs/{layer}",
                &[200],
                &["content-length: {layer.size}", "docker-content-digest: {layer}", "body: "],
            ),
            step("HEAD /v2/{name}/blobs/{new}", &[404], &["body: "]),
        ],
    ),
    Row(
        "Pushing a blob monolithically / POST then PUT",
        "202 with a Location; 201 with the blob's Location",
        &[
            START,
            send(
                "PUT {location}?digest={new}",
                OCTETS,
                "@new",
                &[201],
                &["location: {base}/v2/{name}/blobs/{new}", "docker-content-digest: {new}"],
            ),
            step("GET /v2/{name}/blobs/{new}", &[200], &["body: @new"]),
        ],
    ),
    Row(
        "Pushing a blob monolithically / Single POST",
        "201 with the blob's Location",
        &[
            send(
                "POST /v2/{name}/blobs/uploads/?digest={new}",
                OCTETS,
                "@new",
                &[201],
                &["location: {base}/v2/{name}/blobs/{new}"],
            ),
            step("GET /v2/{name}/blobs/{new}", &[200], &["body: @new"]),
        ],
    ),
    Row(
        "Pushing a blob monolithically",
        "a digest that is not the content's is refused, and nothing is stored",
        &[
            START,
            send("PUT {location}?digest={wrong}", OCTETS, "@new", &[400], &["code: DIGEST_INVALID"]),
            step("HEAD /v2/{name}/blobs/{wrong}", &[404], &[]),
            step("HEAD /v2/{name}/blobs/{new}", &[404], &[]),
            send("POST /v2/{name}/blobs/uploads/?digest={wrong}", OCTETS, "@new", &[400], &["code: DIGEST_INVALID"]),
            START,
            send("PUT {location}", OCTETS, "@new", &[400], &["code: DIGEST_INVALID"]),
            START,
            send("PUT {location}?digest=md5:0123", OCTETS, "@new", &[400], &["code: DIGEST_INVALID"]),
        ],
    ),
    Row(
        "Pushing a blob in chunks",
        "each chunk 202 with Range; the last may come with the PUT",
        &[
            START,
            send(
                "PATCH {location}",
                &["Content-Range: 0-599", "Content-Type: application/octet-stream"],
                "@new.1",
                &[202],
                &["range: 0-599", "location"],
            ),
            send("PATCH {location}", &["Content-Range: 600-799"], "@new.2", &[202], &["range: 0-799"]),
            send("PUT {location}?digest={new}", &["Content-Range: 800-999"], "@new.3", &[201], &[]),
            step("GET /v2/{name}/blobs/{new}", &[200], &["body: @new"]),
        ],
    ),
    Row(
        "Pushing a blob in chunks",
        "a chunk out of order is 416, in a PATCH and in the PUT, and the session goes on",
        &[
            START,
            send("PATCH {location}", &["Content-Range: 0-599"], "@new.1", &[202], &[]),
            send("PATCH {location}", &["Content-Range: 700-899"], "@new.2", &[416], &[]),
            send("PUT {location}?digest={new}", &["Content-Range: 700-899"], "@new.2", &[416], &[]),
            step("GET {location}", &[204], &["range: 0-599", "location"]),
            send("PUT {location}?digest={new}", OCTETS, "@new.23", &[201], &[]),
        ],
    ),
    Row(
        "Pushing a blob in chunks",
        "a PATCH without Content-Range appends a stream",
        &[
            START,
            send("PATCH {location}", OCTETS, "@new", &[202], &["range: 0-999"]),
            step("PUT {location}?digest={new}", &[201], &[]),
        ],
    ),
    Row(
        "Pushing a blob in chunks",
        "GET of the session tells what is there: 204, Range, Location",
        &[
            START,
            send("PATCH {location}", OCTETS, "@new.1", &[202], &[]),
            step("GET {location}", &[204], &["range: 0-599", "location", "docker-upload-uuid"]),
            step(
                "GET /v2/{name}/blobs/uploads/00000000-0000-4000-8000-000000000000",
                &[404],
                &["code: BLOB_UPLOAD_UNKNOWN"],
            ),
        ],
    ),
    Row(
        "Cancelling an upload (main: end-14)",
        "DELETE of the session: 204, then it is 404",
        &[
            START,
            step("DELETE {location}", &[204], &[]),
            step("GET {location}", &[404], &["code: BLOB_UPLOAD_UNKNOWN"]),
            step("DELETE {location}", &[404], &["code: BLOB_UPLOAD_UNKNOWN"]),
        ],
    ),
    Row(
        "Pushing a blob (main: end-4c, digest-algorithm)",
        "an upload announced as sha512 ends as sha512; an unknown algorithm is refused",
        &[
            step("POST /v2/{name}/blobs/uploads/?digest-algorithm=sha512", &[202], &["location"]),
            send("PUT {location}?digest={new512}", OCTETS, "@new", &[201], &["docker-content-digest: {new512}"]),
            step("GET /v2/{name}/blobs/{new512}", &[200], &["body: @new", "docker-content-digest: {new512}"]),
            step("POST /v2/{name}/blobs/uploads/?digest-algorithm=md5", &[400], &["code: DIGEST_INVALID"]),
        ],
    ),
    Row(
        "Mounting a blob from another repository",
        "201 with the blob's Location; where there is nothing to mount, a session",
        &[
            step(
                "POST /v2/{name}/blobs/uploads/?mount={otherlayer}&from={other}",
                &[201],
                &["location: {base}/v2/{name}/blobs/{otherlayer}", "docker-content-digest: {otherlayer}"],
            ),
            step("GET /v2/{name}/blobs/{otherlayer}", &[200], &["body: @otherlayer"]),
            step(
                "POST /v2/{name}/blobs/uploads/?mount={new}&from={other}",
                &[202],
                &["location", "docker-upload-uuid"],
            ),
            step("POST /v2/{name}/blobs/uploads/?mount={otherlayer}&from=no/such", &[202], &["location"]),
        ],
    ),
    Row(
        "Mounting a blob from another repository",
        "without from the registry may look for itself",
        &[step(
            "POST /v2/{name}/blobs/uploads/?mount={otherlayer}",
            &[201],
            &["location: {base}/v2/{name}/blobs/{otherlayer}"],
        )],
    ),
    Row(
        "Pushing Manifests",
        "by tag: 201, Location, digest; then it is there",
        &[
            send(
                "PUT /v2/{name}/manifests/v2",
                MANIFEST,
                "@manifest",
                &[201],
                &["location: {base}/v2/{name}/manifests/{manifest}", "docker-content-digest: {manifest}"],
            ),
            step("HEAD /v2/{name}/manifests/v2", &[200], &["docker-content-digest: {manifest}"]),
        ],
    ),
    Row(
        "Pushing Manifests",
        "by digest, sha256 and sha512: 201 and the same digest",
        &[
            send(
                "PUT /v2/{name}/manifests/{manifest}",
                MANIFEST,
                "@manifest",
                &[201],
                &["docker-content-digest: {manifest}"],
            ),
            send(
                "PUT /v2/{name}/manifests/{manifest512}",
                MANIFEST,
                "@manifest",
                &[201],
                &["docker-content-digest: {manifest512}"],
            ),
            step(
                "GET /v2/{name}/manifests/{manifest512}",
                &[200],
                &["body: @manifest", "docker-content-digest: {manifest512}"],
            ),
            send("PUT /v2/{name}/manifests/{wrong}", MANIFEST, "@manifest", &[400], &["code: DIGEST_INVALID"]),
        ],
    ),
    Row(
        "Pushing Manifests",
        "parameters of Content-Type are ignored; another mediaType inside is refused",
        &[
            send(
                "PUT /v2/{name}/manifests/v2",
                &["Content-Type: application/vnd.oci.image.manifest.v1+json; charset=utf-8"],
                "@manifest",
                &[201],
                &[],
            ),
            step("GET /v2/{name}/manifests/v2", &[200], &["content-type: application/vnd.oci.image.manifest.v1+json"]),
            send(
                "PUT /v2/{name}/manifests/v3",
                &["Content-Type: application/vnd.oci.image.index.v1+json"],
                "@manifest",
                &[400],
                &["code: MANIFEST_INVALID"],
            ),
        ],
    ),
    Row(
        "Pushing Manifests",
        "a manifest whose blobs are not there: 400 or 404 with MANIFEST_BLOB_UNKNOWN",
        &[
            send("PUT /v2/{name}/manifests/v9", MANIFEST, "@otherimage", &[400, 404], &["code: MANIFEST_BLOB_UNKNOWN"]),
            step("GET /v2/{name}/manifests/v9", &[404], &[]),
        ],
    ),
    Row(
        "Pushing Manifests",
        "over the limit: 413",
        &[send("PUT /v2/{name}/manifests/big", MANIFEST, "@toolarge", &[413], &[])],
    ),
    Row(
        "Pushing manifests with tags (main: end-7b)",
        "a digest with ten tags: all are there, OCI-Tag names them",
        &[
            send(
                "PUT /v2/{name}/manifests/{manifest}?tag=a&tag=b&tag=c&tag=d&tag=e&tag=f&tag=g&tag=h&tag=i&tag=j",
                MANIFEST,
                "@manifest",
                &[201],
                &["oci-tag: a, b, c, d, e, f, g, h, i, j"],
            ),
            step("HEAD /v2/{name}/manifests/j", &[200], &["docker-content-digest: {manifest}"]),
            send("PUT /v2/{name}/manifests/{manifest}?tag=-bad", MANIFEST, "@manifest", &[400], &["code: TAG_INVALID"]),
        ],
    ),
    Row(
        "Pushing Manifests with Subject",
        "OCI-Subject; the subject need not exist; it is among the referrers",
        &[
            send("PUT /v2/{name}/manifests/{artifact}", MANIFEST, "@artifact", &[201], &["oci-subject: {manifest}"]),
            step(
                "GET /v2/{name}/referrers/{manifest}",
                &[200],
                &[
                    "content-type: application/vnd.oci.image.index.v1+json",
                    "has: {artifact}",
                    "has: \"seed\":\"7\"",
                    "has: \"artifactType\":\"application/x.sbom\"",
                ],
            ),
            step("DELETE /v2/{name}/manifests/{manifest}", &[202], &[]),
            step("GET /v2/{name}/referrers/{manifest}", &[200], &["has: {artifact}"]),
        ],
    ),
    Row(
        "Listing Referrers",
        "none: an empty index, also where nothing is known at all",
        &[
            step(
                "GET /v2/{name}/referrers/{new}",
                &[200],
                &["has: \"manifests\":[]", "content-type: application/vnd.oci.image.index.v1+json"],
            ),
            step("GET /v2/no/such/referrers/{new}", &[200], &["has: \"manifests\":[]"]),
            step("GET /v2/{name}/referrers/sha256:12", &[400], &["code: DIGEST_INVALID"]),
        ],
    ),
    Row(
        "Listing Referrers",
        "a filter is said to be applied",
        &[
            send("PUT /v2/{name}/manifests/{artifact}", MANIFEST, "@artifact", &[201], &[]),
            step(
                "GET /v2/{name}/referrers/{manifest}?artifactType=application/x.sbom",
                &[200],
                &["oci-filters-applied: artifactType", "has: {artifact}"],
            ),
            step(
                "GET /v2/{name}/referrers/{manifest}?artifactType=application/other",
                &[200],
                &["oci-filters-applied: artifactType", "has: \"manifests\":[]"],
            ),
            step("GET /v2/{name}/referrers/{manifest}", &[200], &["!oci-filters-applied"]),
        ],
    ),
    Row(
        "Listing Tags",
        "sorted; n, last and Link; n=0 is empty; no repository is 404",
        &[
            send("PUT /v2/{name}/manifests/{manifest}?tag=b&tag=a&tag=c", MANIFEST, "@manifest", &[201], &[]),
            step(
                "GET /v2/{name}/tags/list",
                &[200],
                &["has: [\"a\",\"b\",\"c\",\"v1\"]", "has: \"name\":\"{name}\"", "!link"],
            ),
            step(
                "GET /v2/{name}/tags/list?n=2",
                &[200],
                &["has: [\"a\",\"b\"]", "link: </v2/{name}/tags/list?n=2&last=b>; rel=\"next\""],
            ),
            step("GET /v2/{name}/tags/list?n=2&last=b", &[200], &["has: [\"c\",\"v1\"]", "!link"]),
            step("GET /v2/{name}/tags/list?last=bb", &[200], &["has: [\"c\",\"v1\"]"]),
            step("GET /v2/{name}/tags/list?n=0", &[200], &["has: \"tags\":[]", "!link"]),
            step("GET /v2/no/such/tags/list", &[404], &["code: NAME_UNKNOWN"]),
        ],
    ),
    Row(
        "Deleting tags",
        "202; the tag is gone, what it pointed to is not",
        &[
            step("DELETE /v2/{name}/manifests/v1", &[202], &[]),
            step("GET /v2/{name}/manifests/v1", &[404], &[]),
            step("GET /v2/{name}/manifests/{manifest}", &[200], &[]),
            step("DELETE /v2/{name}/manifests/v1", &[404], &["code: MANIFEST_UNKNOWN"]),
        ],
    ),
    Row(
        "Deleting Manifests",
        "202; digest and tags are gone",
        &[
            step("DELETE /v2/{name}/manifests/{manifest}", &[202], &[]),
            step("GET /v2/{name}/manifests/{manifest}", &[404], &[]),
            step("GET /v2/{name}/manifests/v1", &[404], &[]),
            step("GET /v2/{name}/tags/list", &[200, 404], &["lacks: v1"]),
            step("DELETE /v2/{name}/manifests/{manifest}", &[404], &["code: MANIFEST_UNKNOWN"]),
        ],
    ),
    Row(
        "Deleting Blobs",
        "202; it is gone here and there in the other repository",
        &[
            step("POST /v2/{name}/blobs/uploads/?mount={otherlayer}&from={other}", &[201], &[]),
            step("DELETE /v2/{name}/blobs/{otherlayer}", &[202], &[]),
            step("HEAD /v2/{name}/blobs/{otherlayer}", &[404], &[]),
            step("HEAD /v2/{other}/blobs/{otherlayer}", &[200], &[]),
            step("DELETE /v2/{name}/blobs/{otherlayer}", &[404], &["code: BLOB_UNKNOWN"]),
        ],
    ),
    Row(
        "Error Codes",
        "a bad name, digest or tag is 400 with its code",
        &[
            step("GET /v2/Bad/tags/list", &[400], &["code: NAME_INVALID", "content-type: application/json"]),
            step("GET /v2/{name}/blobs/sha256:zz", &[400], &["code: DIGEST_INVALID"]),
            step("GET /v2/{name}/manifests/-x", &[400], &["code: TAG_INVALID"]),
            step("GET /v2/{name}/tags/list?n=x", &[400], &["code: PAGINATION_NUMBER_INVALID"]),
        ],
    ),
];

/// Names and bytes of the world of a row.
struct World {
    words: BTreeMap<&'static str, String>,
    bytes: BTreeMap<&'static str, Vec<u8>>,
}

impl World {
    fn new(host: &str, at: usize) -> Self {
        let (ours, others) = (image(1), image(2));
        let new = noise(99, 1000);
        let artifact = artifact("application/x.sbom", &ours, 7);
        let words = BTreeMap::from([
            ("name", format!("spec/row{at}")),
            ("other", "spec/other".to_owned()),
            ("base", format!("http://{host}")),
            ("location", String::new()),
            ("manifest", ours.digest()),
            ("manifest.size", ours.manifest.len().to_string()),
            ("manifest512", digest_sha512(&ours.manifest)),
            ("layer", digest(&ours.blobs[2])),
            ("layer.size", ours.blobs[2].len().to_string()),
            ("otherlayer", digest(&others.blobs[2])),
            ("new", digest(&new)),
            ("new512", digest_sha512(&new)),
            ("wrong", digest(b"something else")),
            ("artifact", artifact.digest()),
        ]);
        let bytes = BTreeMap::from([
            ("manifest", ours.manifest),
            ("layer", ours.blobs[2].clone()),
            ("otherlayer", others.blobs[2].clone()),
            ("otherimage", others.manifest),
            ("artifact", artifact.manifest),
            ("new.1", new[..600].to_vec()),
            ("new.2", new[600..800].to_vec()),
            ("new.3", new[800..].to_vec()),
            ("new.23", new[600..].to_vec()),
            ("new", new),
            ("toolarge", vec![b' '; (4 << 20) + 1]),
        ]);
        Self { words, bytes }
    }

    fn push(&self, client: &mut Client) {
        let name = &self.words["name"];
        image(1).push(client, &format!("{name}:v1"));
        for blob in artifact("application/x.sbom", &image(1), 7).blobs {
            client.push_blob(name, &blob);
        }
    }

    fn expand(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    fn body(&self, text: &str) -> Vec<u8> {
        text.strip_prefix('@').map_or_else(|| self.expand(text).into_bytes(), |name| self.bytes[name].clone())
    }

    fn take(&mut self, client: &mut Client, step: &Step) -> Result<(), String> {
        let request = self.expand(step.request);
        let (method, target) = request.split_once(' ').expect("method and target");
        let headers: Vec<(&str, &str)> = step.headers.iter().filter_map(|header| header.split_once(": ")).collect();
        let answer = client.send(method, target, &headers, &self.body(step.body));
        if !step.status.contains(&answer.status) {
            return Err(format!("{request}: expected {:?}, got {answer}", step.status));
        }
        for expected in step.answer {
            self.check(&answer, expected).map_err(|fault| format!("{request}: {fault} in {answer}"))?;
        }
        if answer.header("location").is_some() {
            self.words.insert("location", answer.location());
        }
        Ok(())
    }

    fn check(&self, answer: &Response, expected: &str) -> Result<(), String> {
        let holds = match expected.split_once(':') {
            Some(("body", body)) => answer.body == self.body(body.trim_start()),
            Some(("code", code)) => answer.code() == code.trim_start(),
            Some(("has", text)) => answer.text().contains(&self.expand(text.trim_start())),
            Some(("lacks", text)) => !answer.text().contains(&self.expand(text.trim_start())),
            Some((name, value)) => answer.header(name) == Some(self.expand(value.trim_start()).as_str()),
            None => match expected.strip_prefix('!') {
                Some(name) => answer.header(name).is_none(),
                None => answer.header(expected).is_some(),
            },
        };
        if holds { Ok(()) } else { Err(format!("no {}", self.expand(expected))) }
    }
}

#[test]
fn every_requirement_holds() {
    let env = Env::new();
    let mut client = env.http();
    image(2).push(&mut client, "spec/other");
    let mut faults = Vec::new();
    for (at, Row(section, rule, steps)) in ROWS.iter().enumerate() {
        let mut world = World::new(env.host(), at);
        world.push(&mut client);
        if let Some(fault) = steps.iter().find_map(|step| world.take(&mut client, step).err()) {
            faults.push(format!("{section}: {rule}\n{fault}"));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
