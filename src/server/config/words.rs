//! A line for every key, for the manual: what its value says, and which registry has it. In the manual's order.
//!
//! A key without a line here, and a line without a key, fail a test.

/// Which registry reads a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// `registry:2` and `registry:3`.
    Both,
    /// `registry:2` alone.
    V2,
    /// `registry:3` alone.
    V3,
    /// Only this one: the others ignore it.
    Ours,
}

/// The keys of one section.
#[derive(Debug)]
pub(crate) struct Group {
    /// Path of the section; `[]` is any item of a list.
    pub(crate) path: &'static str,
    /// A sentence or two about the section.
    pub(crate) says: &'static str,
    pub(crate) keys: &'static [Words],
}

/// What is said of a key. Empty where it has no effect: the schema says why.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) name: &'static str,
    pub(crate) since: Since,
    pub(crate) says: &'static str,
}

const fn group(path: &'static str) -> Group {
    Group { path, says: "", keys: &[] }
}

impl Group {
    const fn says(self, says: &'static str) -> Self {
        Self { says, ..self }
    }

    const fn keys(self, keys: &'static [Words]) -> Self {
        Self { keys, ..self }
    }
}

const fn both(name: &'static str, says: &'static str) -> Words {
    Words { name, since: Since::Both, says }
}

const fn v2(name: &'static str, says: &'static str) -> Words {
    Words { name, since: Since::V2, says }
}

const fn v3(name: &'static str, says: &'static str) -> Words {
    Words { name, since: Since::V3, says }
}

const fn ours(name: &'static str, says: &'static str) -> Words {
    Words { name, since: Since::Ours, says }
}

const CLIENT_AUTH: &str = "request-client-cert, require-any-client-cert, verify-client-cert-if-given or \
                           require-and-verify-client-cert, which is the default with clientcas.";

pub(super) const GROUPS: &[Group] = &[
    group("").keys(&[
        both("version", "Version of the file: 0.1. No variable changes it."),
        both("loglevel", "Older name of log.level, which wins over it."),
        both("middleware", ""),
        both("redis", ""),
        both("proxy", ""),
        v2("reporting", ""),
    ]),
    group("log").says("Lines about the server go to standard error, the access log to standard output.").keys(&[
        both("level", "error, warn, info or debug."),
        both("formatter", "text, json or logstash."),
        both("fields", "Stand on every line that is not of the access log."),
        both("hooks", ""),
        v3("reportcaller", "Lines name the code that wrote them."),
    ]),
    group("log.accesslog").keys(&[both("disabled", "No access log. It is in Apache's combined format.")]),
    group("storage").says("Exactly one of filesystem, inmemory and s3; its name alone does.").keys(&[
        both("inmemory", "Data is in memory, and gone with the process."),
        both("azure", ""),
        both("gcs", ""),
        v2("oss", ""),
        v2("swift", ""),
    ]),
    group("storage.filesystem").keys(&[
        both("rootdirectory", "Directory of the data; that of another registry is taken as it is."),
        both("maxthreads", "Read and not needed: there are as many threads as requests that wait for the disk."),
    ]),
    group("storage.s3").says("A bucket of S3 or of a server that speaks its protocol. s3aws is another name.").keys(&[
        both("accesskey", "Who writes; without, the AWS_* variables say so, else the machine's role."),
        both("secretkey", "The secret of accesskey."),
        both("sessiontoken", "Third part of temporary credentials."),
        both("region", "Region of the bucket; needed at Amazon."),
        both("bucket", "Its name; needed."),
        both("regionendpoint", "HOST:PORT or URL of a server that is not Amazon's."),
        v3(
            "forcepathstyle",
            "The bucket is in the path of the URL and not in the host. Default: true with regionendpoint, else false.",
        ),
        both("encrypt", "Objects are encrypted by the server."),
        both("keyid", "Key of KMS to encrypt with; S3's own without."),
        both("secure", "https, where regionendpoint does not say."),
        both("skipverify", "Take any certificate of the server."),
        both("v4auth", "Read and not needed: signatures have version 4."),
        both("chunksize", "Size of the parts of an upload in bytes, 5 MiB or more; an upload takes as much memory."),
        both("multipartcopychunksize", "Read and not needed: the server copies as it likes."),
        both("multipartcopymaxconcurrency", "Read and not needed, too."),
        both("multipartcopythresholdsize", "Read and not needed, too."),
        both("rootdirectory", "Prefix of all keys in the bucket."),
        both("storageclass", "Class of the objects that are written; NONE for a server that knows no classes."),
        both("useragent", "What requests to the bucket call themselves."),
        both("objectacl", ""),
        v3("usedualstack", ""),
        v3("accelerate", ""),
        v3("usefipsendpoint", ""),
        v3("loglevel", ""),
        v3("redirectendpoint", ""),
    ]),
    group("storage.delete").keys(&[both("enabled", "Manifests, tags and blobs may be deleted; 405 else.")]),
    group("storage.redirect").keys(&[both("disable", "Read and not needed: clients are never sent to the bucket.")]),
    group("storage.cache").keys(&[
        both("blobdescriptor", "Read and not needed: what was read is remembered within bounds, in memory."),
        both("layerinfo", "Read and not needed: the older name of blobdescriptor."),
        v3("blobdescriptorsize", "Read and not needed, too."),
    ]),
    group("storage.tag").keys(&[v3("concurrencylimit", "Read and not needed: tags are not read one by one.")]),
    group("storage.maintenance.readonly")
        .keys(&[both("enabled", "Everything that would change something is answered 405.")]),
    group("storage.maintenance.uploadpurging").says("Removes uploads that nobody has finished.").keys(&[
        both("enabled", "Whether it does."),
        both("age", "How long nothing came of an upload that is removed."),
        both("interval", "How often it looks; the first time within one interval of the start."),
        both("dryrun", "Say in the log what would be removed, and leave it."),
    ]),
    group("auth")
        .says("At most one of these. Without, everybody may do everything.")
        .keys(&[v3("none", "Nobody is asked.")]),
    group("access")
        .says("Who may do what where; without it every user may do everything.")
        .keys(&[ours("groups", "Lists of users by the name of their group.")]),
    group("access.rules[]").says("What any rule allows is allowed, and nothing else.").keys(&[
        ours("repositories", "Patterns of the names of repositories, see PATTERNS; needed."),
        ours("users", "Who is meant, by name; \"*\" is everybody who is logged in."),
        ours("groups", "Who is meant, by group."),
        ours("anonymous", "Everybody is meant, logged in or not."),
        ours("actions", "What they may do there: pull, push (which is pull, too), delete, or \"*\"; needed."),
    ]),
    group("auth.silly").says("For tests of clients: whoever sends any Authorization header passes.").keys(&[
        both("realm", "URL of a token server that clients are sent to; needed."),
        both("service", "Name of this registry for it; needed."),
    ]),
    group("auth.htpasswd").says("Users and passwords in a file that reg user or htpasswd -B writes.").keys(&[
        both("realm", "What clients are told that the password is for; needed."),
        both("path", "The file, with bcrypt hashes; read again when it changes. Needed; a missing one is made."),
    ]),
    group("auth.token").says("Somebody else says who may do what, and signs it.").keys(&[
        both("realm", "URL of the token server; needed."),
        both("service", "Name of this registry, the audience (aud) of tokens; needed."),
        both("issuer", "Who must have issued a token (iss); needed."),
        both("rootcertbundle", "File of certificates (PEM) whose keys sign tokens. This or jwks is needed."),
        v3("jwks", "File of keys that sign tokens, a JSON Web Key Set; or the https URL where it is published."),
        v3("signingalgorithms", "Algorithms that are taken. Default: EdDSA, and HS, RS, ES and PS with 256, 384, 512."),
        both("autoredirect", "The token server is on the host that the client has asked."),
        v3("autoredirectpath", "Its path there."),
    ]),
    group("http").keys(&[
        both("addr", "HOST:PORT to listen on; :PORT for every interface. Needed in a file."),
        both("net", "tcp, the default, or unix: addr is then the path of a socket."),
        both("prefix", "What all paths begin with, such as /registry/."),
        both("host", "URL under which clients reach this registry, for the addresses that it sends them."),
        both("relativeurls", "Addresses sent to clients are without scheme and host."),
        both("headers", "Headers of every answer, lists of values by name."),
        both("secret", "Signs tokens, which servers with the same one take from each other; uploads need none."),
        ours(
            "trustedproxies",
            "Addresses and networks (10.0.0.0/8) of proxies whose X-Forwarded-For, else Forwarded, says who asks. Programs of \
             this machine are among them.",
        ),
        both("draintimeout", "How long requests in progress may take after SIGTERM. Default: 8s; none in others."),
    ]),
    group("http.tls").says("Without it, plain HTTP. The files are read again when they change.").keys(&[
        both("certificate", "File of the certificate (PEM), and those that lead to its authority behind it."),
        both("key", "File of its key (PEM)."),
        both("clientcas", "Files of authorities (PEM) that sign the certificates of clients."),
        v3("clientauth", CLIENT_AUTH),
        both("minimumtls", "tls1.2 or tls1.3; older ones count as tls1.2."),
        both("ciphersuites", "Suites of TLS 1.2 by Go's names; those that are not sound any more are left out."),
    ]),
    group("http.tls.letsencrypt")
        .says("Certificates by ACME in place of files, proved on port 443 (TLS-ALPN-01).")
        .keys(&[
            both("cachefile", "Directory of certificates and keys, laid out as Go's autocert does; needed."),
            both("email", "Who the authority may write to."),
            both("hosts", "Names to get certificates for; needed, and no others are asked for."),
            v3("directoryurl", "Another authority than Let's Encrypt."),
        ]),
    group("http.debug")
        .says("Health, variables and metrics for operators; nobody is asked who they are.")
        .keys(&[both("addr", "HOST:PORT of a second address.")]),
    group("http.debug.prometheus").keys(&[
        both("enabled", "Metrics are there for Prometheus."),
        both("path", "Under which path; /metrics without."),
    ]),
    group("http.http2").keys(&[both("disabled", "Over TLS only HTTP/1.1 is spoken.")]),
    group("http.h2c").keys(&[v3("enabled", "HTTP/2 is spoken without TLS too, to clients that begin with it.")]),
    group("notifications.queue").says("Where events wait until they are delivered.").keys(&[
        ours(
            "directory",
            "Directory of the queues. Default: _notifications in that of the data, else in /var/lib/registry.",
        ),
        ours("maxbytes", "Most bytes of the queue of one endpoint."),
    ]),
    group("notifications.events").keys(&[both("includereferences", "A manifest's event lists what it refers to.")]),
    group("notifications.endpoints[]").says("Servers that hear of pushes, pulls and deletions.").keys(&[
        both("name", "What the log calls it."),
        both("disabled", "Sends nothing there."),
        both("url", "Where events are posted to; needed."),
        ours("version", "v1 or v2: events as registry:2 or as registry:3 sends them."),
        both("headers", "Headers of the requests, lists of values by name."),
        both("timeout", "How long an answer may take."),
        both("threshold", "How many failures in a row before a pause."),
        both("backoff", "How long such a pause is."),
        both("ignoredmediatypes", "Media types whose events are not sent."),
    ]),
    group("notifications.endpoints[].ignore").keys(&[
        both("mediatypes", "As ignoredmediatypes."),
        both("actions", "Actions whose events are not sent: pull, push, mount, delete."),
    ]),
    group("health.storagedriver").keys(&[
        both("enabled", "The storage is looked at."),
        both("interval", "How often."),
        both("threshold", "How many failures in a row make the registry unhealthy."),
    ]),
    group("health.file[]").keys(&[
        both("file", "Unhealthy while this file is there."),
        both("interval", "How often it is looked for."),
        both("threshold", "How often in a row it must be there."),
    ]),
    group("health.http[]").keys(&[
        both("uri", "URL that is asked with HEAD."),
        both("headers", "Headers of the request, lists of values by name."),
        both("statuscode", "The status that is expected; 200 without."),
        both("timeout", "How long an answer may take."),
        both("interval", "How often."),
        both("threshold", "How many failures in a row make the registry unhealthy."),
    ]),
    group("health.tcp[]").keys(&[
        both("addr", "HOST:PORT that is connected to."),
        both("timeout", "How long that may take."),
        both("interval", "How often."),
        both("threshold", "How many failures in a row make the registry unhealthy."),
    ]),
    group("validation").keys(&[
        both("enabled", "Read and not needed: disabled is what counts."),
        both("disabled", "Manifests are taken whatever they refer to."),
    ]),
    group("validation.manifests.urls").says("Addresses that layers may name: any without rules, none in others.").keys(
        &[
            both("allow", "Regular expressions; an address must match one of them."),
            both("deny", "Regular expressions; an address must match none of them."),
        ],
    ),
    group("validation.manifests.indexes").keys(&[v3("platforms", "Images that an index needs: all, none, or a list.")]),
    group("validation.manifests.indexes.platformlist[]")
        .keys(&[v3("os", "Operating system, such as linux."), v3("architecture", "Processor, such as amd64.")]),
    group("catalog").keys(&[both("maxentries", "Longest page of the catalog; who asks for more gets an error.")]),
    group("tags").keys(&[v3("maxtags", "Longest page of a list of tags; who asks for more gets as many.")]),
    group("policy.repository")
        .keys(&[both("classes", "Classes of content that are taken: image, plugin. Any without.")]),
    group("tokens").says("Tokens that this registry gives out to the users of auth.htpasswd.").keys(&[
        ours("enabled", "docker's bearer tokens are given out at /token."),
        ours("service", "What this registry is called in them."),
        ours("lifetime", "How long one of them counts: from 1m to 24h."),
        ours(
            "file",
            "File of API tokens, which reg token create writes; read again when it changes. A token is shown as a \
             bearer token, or as the password of its owner: beside another name it is refused.",
        ),
    ]),
    group("limits")
        .says("Rates of requests, connections at a time, the size of blobs.")
        .keys(&[ours("loopback", "Rates and connections are limited for this machine itself, too.")]),
    group("limits.requests[]").keys(&[
        ours("per", "address or user: whose requests are counted together; needed."),
        ours("methods", "Which methods are counted; all without."),
        ours("rate", "How many requests in which time, such as 10/s, 600/m or 5000/h; needed."),
        ours("burst", "How many may come at once; as many as in one time without."),
    ]),
    group("limits.connections")
        .keys(&[ours("total", "Most connections at a time."), ours("peraddress", "Most of them from one address.")]),
    group("limits.blobs").keys(&[ours("maxbytes", "Largest blob that is taken, in bytes.")]),
    group("quotas").keys(&[ours("interval", "How often the content is counted anew; what cannot be read is left out, with a warning.")]),
    group("quotas.rules[]").says("Bytes of distinct content, and of unfinished uploads, below a prefix of names.").keys(&[
        ours("prefix", "What the names of the repositories begin with."),
        ours("maxbytes", "Most bytes there; a push of more is refused, and leaves nothing of it."),
    ]),
    group("compatibility").keys(&[v2("schema1", "")]),
];
