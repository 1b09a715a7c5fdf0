//! The OCI vocabulary: values and grammar that both sides of the wire share.
//!
//! Knows no I/O, no clock, no randomness and no async. Everything here parses from text or bytes and prints back to
//! them; what a registry or a client does with a value is decided above.
//!
//! Words used in the whole program:
//!
//! | word | is |
//! |---|---|
//! | registry | the service that holds repositories |
//! | host | the address part of a reference, `localhost:5000` |
//! | remote | a registry reached over HTTP |
//! | repository | a namespace of manifests, tags and linked blobs |
//! | locator | what follows the repository in a manifest URL: a tag or a digest |
//! | reference | what a user types: host, repository, and a tag or digest |
//! | descriptor | media type, digest and size of some content |
//! | manifest | a JSON document that lists content: an image manifest or an index |
//! | children | the descriptors a manifest lists |
//! | subject, referrer | the manifest pointed at; the manifest whose `subject` points there |
//! | link | the record that a repository holds a blob |
//! | upload session | the server's state of one blob upload |
//! | stage, publish, discard | bytes being written, made visible, dropped |
//! | untag, delete, unlink | remove a tag, a manifest, a repository's hold on a blob |
//! | inventory, plan, report | what is there, what would happen, what happened |

pub(crate) mod challenge;
pub(crate) mod descriptor;
pub(crate) mod digest;
pub(crate) mod error_code;
pub(crate) mod inert;
pub(crate) mod limits;
pub(crate) mod manifest;
pub(crate) mod media_type;
pub(crate) mod name;
pub(crate) mod nearest;
pub(crate) mod page;
pub(crate) mod range;
pub(crate) mod reference;
pub(crate) mod route;
pub(crate) mod scope;
pub(crate) mod shown;

pub(crate) use challenge::Challenge;
pub(crate) use descriptor::{Descriptor, Platform};
pub(crate) use digest::{Algorithm, Digest, Hasher};
pub(crate) use error_code::ErrorCode;
pub(crate) use manifest::Manifest;
pub(crate) use media_type::MediaType;
pub(crate) use name::{Locator, Repository, Tag, UploadId};
pub(crate) use page::Page;
pub(crate) use range::ByteRange;
pub(crate) use reference::{Host, Reference};
pub(crate) use route::Route;
pub(crate) use scope::{Resource, Scopes};
pub(crate) use shown::{HIDDEN, without_secrets};
