//! Every limit of the program in one place, with its unit in the name and its reason beside it.

/// Longest repository name, in bytes. distribution-spec ("Pulling manifests") advises 255 with the host included, and
/// 255 is the longest single file name of the file systems that repositories live on.
pub(crate) const REPOSITORY_BYTES_MAX: usize = 255;

/// Longest tag, in bytes (distribution-spec, "Pulling manifests").
pub(crate) const TAG_BYTES_MAX: usize = 128;

/// Largest manifest taken in a PUT, in bytes. The spec asks for at least 4 MB; 4 MiB is what registry:2 takes.
pub(crate) const MANIFEST_BYTES_MAX: usize = 4 << 20;

/// Deepest nesting of JSON arrays and objects in a manifest. Real ones need six; the bound keeps hostile ones off the
/// stack.
pub(crate) const MANIFEST_JSON_DEPTH_MAX: usize = 64;

/// Most descriptors in one manifest. 4 MiB hold about 40,000; more are refused before anyone looks them up.
pub(crate) const MANIFEST_CHILDREN_MAX: usize = 40_000;

/// Deepest nesting of indexes that a walk follows (an index of indexes of images is three).
pub(crate) const INDEX_DEPTH_MAX: usize = 16;

/// Most tags taken in one manifest PUT (`?tag=`, distribution-spec end-7b asks for at least 10).
pub(crate) const PUT_TAGS_MAX: usize = 64;

/// Entries of a catalog page when the client names no `n` (registry:2's answer).
pub(crate) const CATALOG_PAGE_DEFAULT: usize = 100;

/// Largest `n` of a catalog page (registry:2's `catalog.maxentries`).
pub(crate) const CATALOG_PAGE_MAX: usize = 1000;

/// Largest `n` of a tag page; a larger one is clamped and the answer carries a `Link`.
pub(crate) const TAGS_PAGE_MAX: usize = 10_000;

/// Largest page of referrers, in bytes of descriptors: the answer is a manifest, so clients bound it as one.
pub(crate) const REFERRERS_PAGE_BYTES_MAX: usize = 4 << 20;
