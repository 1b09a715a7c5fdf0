//! Every key of distribution's configuration, 2.8 and 3.x together, with what it must look like and what it does here.

use super::schema::{Known, Section, Shape, Unknown, boolean, duration, key, number, section, text, texts};

const OTHER_STORAGE: &str = "is not supported";

pub(super) const ROOT: Section = Section::of(&[
    text("version"),
    text("loglevel").live(),
    section("log", &LOG),
    section("storage", &STORAGE),
    section("auth", &AUTH),
    section("middleware", &MIDDLEWARE).ignored("has no effect: this server sends blobs itself"),
    section("http", &HTTP),
    section("notifications", &NOTIFICATIONS).optional(),
    section("redis", &REDIS).ignored("has no effect: nothing is cached outside of this program"),
    section("health", &HEALTH),
    section("proxy", &PROXY).ignored(
        "fetches nothing from its remoteurl here: only what is in the storage is served, and pushes are refused",
    ),
    section("validation", &VALIDATION),
    section("catalog", &Section::of(&[number("maxentries").default("1000")])),
    section("tags", &Section::of(&[number("maxtags").default("10000")])),
    // Ours, from here to the next one of distribution's.
    section("limits", &LIMITS).optional().live(),
    section("quotas", &QUOTAS).optional(),
    section("policy", &POLICY),
    section("compatibility", &COMPATIBILITY),
    section("access", &ACCESS).live(),
    section("tokens", &TOKENS).optional(),
    section("reporting", &REPORTING).ignored("has no effect: errors are in the log and nowhere else"),
])
.unknown(Unknown::FaultNear(&["access", "auth", "health", "limits", "quotas", "storage", "tokens"]));

/// Ours: tokens that this registry gives out.
const TOKENS: Section = Section::of(&[
    boolean("enabled").default("false"),
    text("service").default("registry"),
    duration("lifetime").default("5m"),
    text("file"),
])
.unknown(Unknown::Fault);

/// Ours: a rule that is read as less than it says may allow more.
const ACCESS: Section = Section::of(&[
    key("groups", Shape::Map(&Shape::List(&Shape::Text))),
    key("rules", Shape::List(&Shape::Section(&RULE))),
])
.unknown(Unknown::Fault);

const RULE: Section =
    Section::of(&[texts("repositories"), texts("users"), texts("groups"), boolean("anonymous"), texts("actions")])
        .unknown(Unknown::Fault);

const LOG: Section = Section::of(&[
    text("level").default("info").live(),
    text("formatter").default("text"),
    key("fields", Shape::Map(&Shape::Any)),
    section("accesslog", &Section::of(&[boolean("disabled").default("false")])),
    key("hooks", Shape::List(&Shape::Section(&HOOK))).ignored("has no effect: no mail is sent"),
    boolean("reportcaller"),
]);

const HOOK: Section =
    Section::of(&[boolean("disabled"), text("type"), texts("levels"), section("options", &MAIL).go("MAILOPTIONS")]);

const MAIL: Section = Section::of(&[
    section("smtp", &Section::of(&[text("addr"), text("username"), text("password").secret(), boolean("insecure")])),
    text("from"),
    texts("to"),
]);

pub(super) const STORAGE: Section = Section::of(&[
    section("filesystem", &FILESYSTEM).optional(),
    section("inmemory", &Section::of(&[])).optional(),
    section("s3", &S3).optional(),
    section("s3aws", &S3).optional(),
    section("azure", &AZURE).optional().ignored(OTHER_STORAGE),
    section("gcs", &GCS).optional().ignored(OTHER_STORAGE),
    key("oss", Shape::Any).ignored(OTHER_STORAGE),
    key("swift", Shape::Any).ignored(OTHER_STORAGE),
    section("delete", &Section::of(&[boolean("enabled").default("false")])),
    // Blobs are never redirected.
    section("redirect", &Section::of(&[boolean("disable")])),
    // Nothing is asked of another program, so there is nothing to cache in one, and no lock to divide.
    section("cache", &Section::of(&[text("blobdescriptor"), text("layerinfo"), number("blobdescriptorsize")])),
    section("tag", &Section::of(&[number("concurrencylimit")])),
    section("maintenance", &MAINTENANCE),
])
.unknown(Unknown::Fault)
.named();

/// Keys of `storage` that are no driver.
pub(super) const STORAGE_SETTINGS: &[&str] = &["delete", "redirect", "cache", "tag", "maintenance"];

const FILESYSTEM: Section = Section::of(&[
    text("rootdirectory").default("/var/lib/registry"),
    // As many threads as there are requests that wait for the disk.
    number("maxthreads"),
])
.unknown(Unknown::FaultNearAny);

const S3: Section = Section::of(&[
    text("accesskey").secret(),
    text("secretkey").secret(),
    text("sessiontoken").secret(),
    text("region"),
    text("bucket"),
    text("regionendpoint"),
    boolean("forcepathstyle"),
    boolean("encrypt").default("false"),
    text("keyid"),
    boolean("secure").default("true"),
    boolean("skipverify").default("false"),
    boolean("v4auth"),
    number("chunksize").default("10485760"),
    // A blob is copied by the server in parts of its own choice.
    number("multipartcopychunksize"),
    number("multipartcopymaxconcurrency"),
    number("multipartcopythresholdsize"),
    text("rootdirectory"),
    text("storageclass").default("STANDARD"),
    text("useragent"),
    text("objectacl").ignored("has no effect: objects are for whom the bucket is for"),
    boolean("usedualstack").ignored("has no effect: name the endpoint with regionendpoint"),
    boolean("accelerate").ignored("has no effect: name the endpoint with regionendpoint"),
    boolean("usefipsendpoint").ignored("has no effect: name the endpoint with regionendpoint"),
    text("loglevel").ignored("has no effect: requests to the bucket are not logged"),
    text("redirectendpoint").ignored("has no effect: this server sends blobs itself"),
])
.unknown(Unknown::FaultNearAny);

const AZURE: Section = Section::of(&[
    text("accountname"),
    text("accountkey").secret(),
    text("container"),
    text("realm"),
    section("credentials", &Section::of(&[text("type"), text("clientid"), text("tenantid"), text("secret").secret()])),
    text("rootdirectory"),
    number("max_retries"),
    text("retry_delay"),
    text("serviceurl"),
    text("connectionstring").secret(),
    boolean("skipverify"),
]);

const GCS: Section = Section::of(&[
    text("bucket"),
    text("keyfile"),
    key("credentials", Shape::Any).secret(),
    text("rootdirectory"),
    number("chunksize"),
    number("maxconcurrency"),
]);

const MAINTENANCE: Section = Section::of(&[
    section("readonly", &Section::of(&[boolean("enabled").default("false").live()])),
    section("uploadpurging", &UPLOAD_PURGING),
]);

const UPLOAD_PURGING: Section = Section::of(&[
    boolean("enabled").default("true"),
    duration("age").default("168h"),
    duration("interval").default("24h"),
    boolean("dryrun").default("false"),
]);

const AUTH: Section = Section::of(&[
    key("none", Shape::Any),
    section("silly", &Section::of(&[text("realm"), text("service")])).optional(),
    section("htpasswd", &Section::of(&[text("realm"), text("path")]).unknown(Unknown::FaultNearAny)).optional(),
    section("token", &TOKEN).optional(),
])
.unknown(Unknown::Fault)
.named();

const TOKEN: Section = Section::of(&[
    text("realm"),
    text("service"),
    text("issuer"),
    text("rootcertbundle"),
    text("jwks"),
    texts("signingalgorithms"),
    boolean("autoredirect").default("false"),
    text("autoredirectpath").default("/auth/token"),
])
.unknown(Unknown::FaultNearAny);

const MIDDLEWARE: Section = Section::of(&[
    key("registry", Shape::List(&Shape::Section(&MIDDLEWARE_ONE))),
    key("repository", Shape::List(&Shape::Section(&MIDDLEWARE_ONE))),
    key("storage", Shape::List(&Shape::Section(&MIDDLEWARE_ONE))),
]);

const MIDDLEWARE_ONE: Section =
    Section::of(&[text("name"), boolean("disabled"), key("options", Shape::Map(&Shape::Any))]);

const HTTP: Section = Section::of(&[
    text("addr"),
    text("net"),
    text("prefix"),
    text("host"),
    boolean("relativeurls").default("false"),
    key("headers", HEADERS),
    // Signs bearer tokens of ours. The state of an upload, which it signs elsewhere, is here in the store.
    text("secret").secret(),
    duration("draintimeout"),
    // Ours: who may say for whom a request is.
    texts("trustedproxies").live(),
    section("tls", &TLS).optional(),
    section("debug", &DEBUG),
    section("http2", &Section::of(&[boolean("disabled").default("false")])),
    section("h2c", &Section::of(&[boolean("enabled").default("false")])),
])
.unknown(Unknown::FaultNear(&["tls"]));

const HEADERS: Shape = Shape::Map(&Shape::List(&Shape::Text));

const TLS: Section = Section::of(&[
    text("certificate"),
    text("key"),
    texts("clientcas"),
    text("clientauth"),
    text("minimumtls").default("tls1.2"),
    texts("ciphersuites"),
    section("letsencrypt", &LETS_ENCRYPT),
])
.unknown(Unknown::FaultNearAny);

const LETS_ENCRYPT: Section = Section::of(&[text("cachefile"), text("email"), texts("hosts"), text("directoryurl")])
    .unknown(Unknown::FaultNearAny);

const DEBUG: Section =
    Section::of(&[text("addr"), section("prometheus", &Section::of(&[boolean("enabled"), text("path")]))]);

const NOTIFICATIONS: Section = Section::of(&[
    section("events", &Section::of(&[boolean("includereferences").default("false")])).go("EVENTCONFIG"),
    key("endpoints", Shape::List(&Shape::Section(&ENDPOINT))),
    // Ours: where events wait, and how many bytes of them for one endpoint.
    section("queue", &Section::of(&[text("directory"), number("maxbytes").default("268435456")])),
]);

const ENDPOINT: Section = Section::of(&[
    text("name"),
    boolean("disabled"),
    text("url"),
    // Ours: v1 as registry:2 sends, v2 as registry:3.
    text("version").default("v1"),
    key("headers", HEADERS).secret(),
    duration("timeout").default("1s"),
    number("threshold").default("10"),
    duration("backoff").default("1s"),
    texts("ignoredmediatypes"),
    section("ignore", &Section::of(&[texts("mediatypes"), texts("actions")])),
]);

/// The shapes of 2.8 and of 3.x in one.
const REDIS: Section = Section::of(&[
    text("addr"),
    text("password").secret(),
    number("db"),
    duration("dialtimeout"),
    duration("readtimeout"),
    duration("writetimeout"),
    section("pool", &Section::of(&[number("maxidle"), number("maxactive"), duration("idletimeout")])),
    section(
        "tls",
        &Section::of(&[boolean("enabled"), text("certificate"), text("key"), texts("clientcas"), texts("rootcas")]),
    ),
    texts("addrs"),
    text("clientname"),
    number("protocol"),
    text("username"),
    text("sentinelusername"),
    text("sentinelpassword").secret(),
    number("maxretries"),
    duration("minretrybackoff"),
    duration("maxretrybackoff"),
    boolean("contexttimeoutenabled"),
    boolean("poolfifo"),
    number("poolsize"),
    duration("pooltimeout"),
    number("minidleconns"),
    number("maxidleconns"),
    number("maxactiveconns"),
    duration("connmaxidletime"),
    duration("connmaxlifetime"),
    number("maxredirects"),
    boolean("readonly"),
    boolean("routebylatency"),
    boolean("routerandomly"),
    text("mastername"),
    // Once misspelt in Go.
    boolean("disableidentity").go("DISABLEINDENTITY"),
    text("identitysuffix"),
    boolean("unstableresp3"),
])
.inlined("OPTIONS");

const HEALTH: Section = Section::of(&[
    section("storagedriver", &Section::of(&[boolean("enabled"), duration("interval"), number("threshold")])),
    key("file", Shape::List(&Shape::Section(&Section::of(&[text("file"), duration("interval"), number("threshold")]))))
        .go("FILECHECKERS"),
    key("http", Shape::List(&Shape::Section(&HTTP_CHECK))).go("HTTPCHECKERS"),
    key("tcp", Shape::List(&Shape::Section(&TCP_CHECK))).go("TCPCHECKERS"),
]);

const HTTP_CHECK: Section = Section::of(&[
    text("uri"),
    key("headers", HEADERS).secret(),
    number("statuscode"),
    duration("timeout"),
    duration("interval"),
    number("threshold"),
]);

const TCP_CHECK: Section = Section::of(&[text("addr"), duration("timeout"), duration("interval"), number("threshold")]);

const PROXY: Section = Section::of(&[
    text("remoteurl"),
    text("username"),
    text("password").secret(),
    duration("ttl"),
    duration("cachewritetimeout"),
    section("exec", &Section::of(&[text("command"), duration("lifetime")])),
]);

const VALIDATION: Section = Section::of(&[
    // Old; `disabled` is what counts.
    boolean("enabled"),
    boolean("disabled").default("false"),
    section(
        "manifests",
        &Section::of(&[
            section("urls", &Section::of(&[texts("allow"), texts("deny")])),
            section("indexes", &Section::of(&[text("platforms").default("all"), PLATFORM_LIST])),
        ]),
    ),
]);

const PLATFORM_LIST: Known =
    key("platformlist", Shape::List(&Shape::Section(&Section::of(&[text("os"), text("architecture")]))));

/// Rates of requests, connections at a time, the size of blobs. Loopback has none of the first two unless it says so.
const LIMITS: Section = Section::of(&[
    key("requests", Shape::List(&Shape::Section(&RATE))),
    section("connections", &Section::of(&[number("total"), number("peraddress")]).unknown(Unknown::FaultNearAny)),
    section("blobs", &Section::of(&[number("maxbytes")]).unknown(Unknown::FaultNearAny)),
    boolean("loopback").default("false"),
])
.unknown(Unknown::FaultNearAny);

const RATE: Section =
    Section::of(&[text("per"), texts("methods"), text("rate"), number("burst")]).unknown(Unknown::FaultNearAny);

/// Bytes of distinct content below a prefix of names.
const QUOTAS: Section = Section::of(&[
    key(
        "rules",
        Shape::List(&Shape::Section(
            &Section::of(&[text("prefix"), number("maxbytes")]).unknown(Unknown::FaultNearAny),
        )),
    ),
    duration("interval").default("1h"),
])
.unknown(Unknown::FaultNearAny);

const POLICY: Section = Section::of(&[section("repository", &Section::of(&[texts("classes")]))]);

const COMPATIBILITY: Section =
    Section::of(&[section("schema1", &Section::of(&[text("signingkeyfile").go("TRUSTKEY"), boolean("enabled")]))
        .ignored("has no effect: images of schema 1 are pulled as they are stored, and not taken any more")]);

const REPORTING: Section = Section::of(&[
    section("bugsnag", &Section::of(&[text("apikey").secret(), text("releasestage"), text("endpoint")])),
    section("newrelic", &Section::of(&[text("licensekey").secret(), text("name"), boolean("verbose")])),
]);
