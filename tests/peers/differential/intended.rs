//! Where we answer otherwise than registry 2.8.2, on purpose.

/// `requests` and `line` are regular expressions over the whole name of a request and the whole differing line, which
/// begins with the one who said it: `2.8.2 header …`, `reg status …`.
pub(super) struct Intended {
    pub(super) requests: &'static str,
    pub(super) line: &'static str,
    pub(super) reason: &'static str,
}

const fn because(requests: &'static str, line: &'static str, reason: &'static str) -> Intended {
    Intended { requests, line, reason }
}

/// Everything that one side said.
const ALL: &str = "(2\\.8\\.2|reg) .*";

pub(super) const INTENDED: &[Intended] = &[
    // Of every answer.
    because(
        ".*",
        "(2\\.8\\.2|reg) header content-type: application/json(; charset=utf-8)?",
        "JSON has no charset parameter (RFC 8259 §11), and the distribution-spec names the plain type",
    ),
    because(
        ".*",
        "reg header x-content-type-options: nosniff",
        "content of strangers must not become a page; Debian's own config.yml has registry 2 send it too",
    ),
    because(
        ".*",
        "(2\\.8\\.2|reg) (message|detail) .*",
        "codes are for programs and equal; messages are for people, and ours name the thing and what to do",
    ),
    because(
        ".*HEAD|delete: blob is gone",
        "(2\\.8\\.2|reg) header content-length: .*",
        "the length of the error body that a GET would have, and our messages are longer",
    ),
    because(
        "(upload|mount).*",
        "(2\\.8\\.2|reg) header location: http://HOST/v2/[a-z]+/blobs/uploads/UUID(\\?_state=STATE)?",
        "the state of an upload is in the store, so that any node can go on with it without a shared secret",
    ),
    // What registry 2 cannot do.
    because("empty: referrers", ALL, "registry 2 has no referrers API; the distribution-spec 1.1 wants an empty index"),
    because("upload: in one POST", ALL, "registry 2 ignores ?digest= on POST; we take the blob in this one request"),
    because(
        "delete: by tag",
        ALL,
        "registry 2 cannot untag; the distribution-spec 1.1 wants 202, and only the tag goes",
    ),
    because("delete: tag that is not there", ALL, "registry 2 cannot untag, and takes every tag for a bad digest"),
    because(
        "tags",
        "(2\\.8\\.2|reg) body .*",
        "tags in byte order, as the distribution-spec wants; registry 2 has none",
    ),
    because(
        "tags: .*",
        "(2\\.8\\.2|reg) (body|header link:) .*",
        "registry 2 ignores n and last; the distribution-spec wants pages and a Link to the next one",
    ),
    // What registry 2 gets wrong.
    because("ping without the slash", ALL, "an answer saves clients a redirect, which some follow without credentials"),
    because("the root", "reg header docker-distribution-api-version: .*", "every answer carries it, the 404 too"),
    because("bad: method on ping", ALL, "only GET and HEAD mean something here; registry 2 takes every method"),
    because("bad: method on .*", ALL, "an error body instead of text, and HEAD is allowed wherever GET is"),
    because(
        "bad: (upper-case name|tag)",
        ALL,
        "the route is known and the name is bad: 400 with what is wrong, not a bare 404",
    ),
    because(
        "bad: digest of a manifest",
        ALL,
        "registry 2 answers 500 to a malformed digest and shows a path of its disk",
    ),
    because("bad: catalog .*", ALL, "a page size that is none is an error (as in registry 3), not the default"),
    because(
        "(empty: upload status|bad: upload id)",
        "(2\\.8\\.2|reg) error .*",
        "an upload that is not there is unknown; registry 2 says invalid, because its URL carries no signed state",
    ),
    because(
        "upload: PATCH out of order",
        ALL,
        "the distribution-spec wants 416; registry 2 appends the bytes at the wrong place",
    ),
    because(
        "upload: PATCH of another length",
        ALL,
        "a range that contradicts the body is a broken client; registry 2 stores it",
    ),
    because("mount of a malformed digest", ALL, "a malformed digest is an error, not an upload of something else"),
    because(
        "blob: (from beyond the end|backwards)",
        "(2\\.8\\.2|reg) .*",
        "416 with an error body and the size; registry 2 announces the length of the blob and sends 33 bytes of text",
    ),
    because("blob: another unit", ALL, "RFC 9110 §14.2: a range in an unknown unit is ignored; registry 2 answers 416"),
    because(
        "blob: If-None-Match",
        "reg header (accept-ranges|content-type): .*",
        "headers of the 200 that the 304 stands for; they cost nothing and are allowed",
    ),
    because(
        "manifest: PUT as an unknown type",
        ALL,
        "a Content-Type that is no manifest's says nothing (curl sends a form's): the document's own mediaType counts",
    ),
    because(
        "accept: schema 2 (as anything|as OCI|without a word)",
        ALL,
        "registry 2 converts to the deprecated schema 1 and signs it; we serve what was pushed, as registry 3 does",
    ),
    because(
        "accept: (OCI as schema 2|OCI as anything|OCI without a word|index as an image)",
        ALL,
        "registry 2 says 404 to a client that did not ask for OCI; we serve what was pushed, as registry 3 does",
    ),
    because(
        "manifest: If-None-Match",
        "reg header (docker-content-digest|etag): .*",
        "RFC 9110 §15.4.5: a 304 carries the ETag of the 200",
    ),
    because(
        "catalog.*",
        "(2\\.8\\.2|reg) (body|header link:) .*",
        "a repository is one that holds a manifest; registry 2 lists it from its first blob on, and pages beyond the end",
    ),
    because(
        "delete: blob",
        "reg header docker-content-digest: .*",
        "what was deleted is named, as for every other answer about a blob",
    ),
];
