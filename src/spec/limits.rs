//! Every limit of the program in one place, with its unit in the name and its reason beside it.

/// Longest repository name, in bytes. distribution-spec ("Pulling manifests") advises 255 with the host included, and
/// 255 is the longest single file name of the file systems that repositories live on.
pub(crate) const REPOSITORY_BYTES_MAX: usize = 255;

/// Longest tag, in bytes (distribution-spec, "Pulling manifests").
pub(crate) const TAG_BYTES_MAX: usize = 128;

/// Largest manifest taken in a PUT, in bytes. The spec asks for at least 4 MB; 4 MiB is what registry:2 takes.
pub(crate) const MANIFEST_BYTES_MAX: usize = 4 << 20;

/// Most KiB of manifests that are on their way in at one time: sixty-four of the largest, hundreds of thousands of real
/// ones. Who comes when it is full is told to come again.
pub(crate) const MANIFESTS_KIB_MAX: usize = 256 << 10;

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

/// Largest `n` of a catalog page where `catalog.maxentries` says nothing else (registry:2's default).
pub(crate) const CATALOG_PAGE_MAX: usize = 1000;

/// Largest `n` of a tag page where `tags.maxtags` says nothing else; a larger one is clamped and the answer carries a
/// `Link`. registry:3 has 1000: pages are cheap here, and each costs its reader a round trip.
pub(crate) const TAGS_PAGE_MAX: usize = 10_000;

/// Largest page of referrers, in bytes of descriptors: the answer is a manifest, so clients bound it as one.
pub(crate) const REFERRERS_PAGE_BYTES_MAX: usize = 4 << 20;

/// Longest request target, in bytes; above it 414. 64 tags of a PUT need 9 KiB, everything else less.
pub(crate) const TARGET_BYTES_MAX: usize = 16 << 10;

/// Most bytes in the headers of a request; above it 431. Bearer tokens of large organisations reach 30 KiB. Their number
/// is bounded by hyper at 100: naming the number makes it allocate, the answer is the same 431.
pub(crate) const HEADER_BYTES_MAX: usize = 64 << 10;

/// Most bytes that hyper buffers of one connection: the size of the frames of an upload.
pub(crate) const CONNECTION_BUFFER_BYTES_MAX: usize = 256 << 10;

/// Most requests that are in progress at a time on one connection of HTTP/2. RFC 9113 §6.5.2 advises 100 or more; each
/// takes the place of a connection.
pub(crate) const HTTP2_STREAMS_MAX: u32 = 128;

/// Bytes of one request body that a client of HTTP/2 may send before they are read. Go's server, and so registry:2, has as
/// many: 100 MB/s over ten milliseconds.
pub(crate) const HTTP2_STREAM_WINDOW_BYTES: u32 = 1 << 20;

/// The same for all requests of one connection: the layers that a client pushes at a time. It is what a client can make a
/// connection hold in memory.
pub(crate) const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

/// Most bytes of one answer of HTTP/2 that wait in memory for the socket.
pub(crate) const HTTP2_SEND_BUFFER_BYTES_MAX: usize = 512 << 10;

/// Seconds that a client of HTTP/2 without requests has to answer a GOAWAY, so that none of its requests is lost.
pub(crate) const HTTP2_GOODBYE_SECS: u64 = 1;

/// Bytes of a file that are read at a time where the kernel cannot send it by itself.
pub(crate) const FILE_PIECE_BYTES: usize = 256 << 10;

/// Seconds for a request's headers to arrive, counted from the answer before: it is the keep-alive time too. Load
/// balancers keep connections for 60 seconds; closing later than they do avoids a race with their next request.
pub(crate) const HEADER_TIMEOUT_SECS: u64 = 75;

/// Seconds between two parts of a request body. Longer than the pauses of a client that compresses a layer meanwhile.
pub(crate) const BODY_IDLE_TIMEOUT_SECS: u64 = 60;

/// Seconds that a client may leave an answer unread before its connection is dropped.
pub(crate) const WRITE_STALL_TIMEOUT_SECS: u64 = 60;

/// Seconds of waiting for a client in which [`PACE_BYTES_MIN`] have to arrive or to be read: so long that a client may
/// spend most of it compressing.
pub(crate) const PACE_WINDOW_SECS: u64 = 300;

/// Fewest bytes in [`PACE_WINDOW_SECS`], if there are so many: 240 a second, a tenth of the slowest mobile link. Who stays
/// below it holds a connection and a session for nothing.
pub(crate) const PACE_BYTES_MIN: u64 = 72_000;

/// Most connections at a time; above it 503. A third of the file descriptors if that is less: a request may hold its
/// socket, a blob and an upload. One client gets half of them (`server::room`).
pub(crate) const CONNECTIONS_MAX: usize = 10_000;

/// Most bytes of an unwanted request body that are read after its answer, so that the client sees the answer and may
/// use the connection again; then the connection is closed.
pub(crate) const UNWANTED_BODY_BYTES_MAX: u64 = 8 << 20;

/// Seconds for the same.
pub(crate) const UNWANTED_BODY_TIMEOUT_SECS: u64 = 10;

/// Seconds that requests in progress have after SIGTERM. `docker stop` kills after ten.
pub(crate) const DRAIN_SECS: u64 = 8;

/// Blobs from this size on are sent by the kernel from their file, in bytes. Below it one copy is cheaper than a mapping.
pub(crate) const SENDFILE_BYTES_MIN: u64 = 64 << 10;

/// Most bytes in one sendfile call: a fast client of a large blob shares its worker thread with others.
pub(crate) const SENDFILE_CALL_BYTES_MAX: usize = 2 << 20;

/// Most manifests in the graph of one image. The largest known indexes have some hundred; a walk holds them in memory.
pub(crate) const GRAPH_MANIFESTS_MAX: usize = 10_000;

/// Most bytes of manifests in the graph of one image, for the same reason.
pub(crate) const GRAPH_MANIFEST_BYTES_MAX: usize = 64 << 20;

/// Tries to send one blob whose way broke down. The transport has its own retries for single requests; these start from
/// the first byte.
pub(crate) const BLOB_TRIES_MAX: u32 = 3;

/// Largest image config read into memory, in bytes. Real ones have some ten thousand.
pub(crate) const CONFIG_BYTES_MAX: usize = 8 << 20;
/// Within how many seconds a change that another process made to the storage shows in lists that are kept in memory.
/// Reading them anew costs milliseconds, so once in two seconds is nothing, and no person notices.
pub(crate) const FOREIGN_WRITES_SEEN_SECS: i64 = 2;

/// Largest `index.json` of an image layout, in bytes: some 200,000 entries.
pub(crate) const LAYOUT_INDEX_BYTES_MAX: usize = 64 << 20;

/// Largest `manifest.json` of a `docker save` archive, in bytes: that of a thousand images of a hundred layers.
pub(crate) const DOCKER_LIST_BYTES_MAX: usize = 16 << 20;

/// Most layers of one image in a `docker save` archive. Docker's storage stops at 127.
pub(crate) const DOCKER_LAYERS_MAX: usize = 1000;

/// Most names of one image in a `docker save` archive.
pub(crate) const DOCKER_NAMES_MAX: usize = 10_000;

/// So many children that are not here are named in the refusal of a manifest; then nobody looks for more. A client pushes
/// them all anyway, and looking for 40,000 would be work that one request can ask for.
pub(crate) const UNKNOWN_CHILDREN_MAX: usize = 100;
