//! What manual pages say beyond the grammar of the command line: files, variables, formats. In roff.

/// Pages that have such sections.
pub(super) const PAGES: [&str; 4] = ["reg", "reg-delete", "reg-gc-plan", "reg-serve"];

/// The sections of a page.
pub(super) fn of(page: &str) -> &'static str {
    match page {
        "reg" => REG,
        "reg-delete" => DELETE,
        "reg-gc-plan" => GC_PLAN,
        "reg-serve" => SERVE,
        _ => "",
    }
}

const REG: &str = r#".SH CONFIGURATION
The configuration file is TOML. Unknown keys are errors. All keys are optional; what a flag or a variable says wins.
.PP
.nf
registry = "registry.example.com"       # of references that name none

[host."registry.example.com:8443"]      # as in references, with the port
plain_http = false                      # HTTP without TLS
insecure = false                        # do not verify certificates
ca_file = "ca.pem"                      # relative to the configuration file
cert_file = "client.pem"                # shown to the registry
key_file = "client.key"
.fi
.SH ENVIRONMENT
.TP
.B REG_REGISTRY
The registry of references that name none, as \fB\-\-registry\fR.
.TP
.B REG_CONFIG
The configuration file, which must exist then.
.TP
.B REG_AUTH_FILE\fR, \fBREGISTRY_AUTH_FILE
The only file that credentials are read from and written to.
.TP
.B DOCKER_AUTH_CONFIG
A whole document of credentials, as docker takes it.
.TP
.B DOCKER_CONFIG
The directory of docker's configuration instead of \fI~/.docker\fR.
.TP
.B XDG_CONFIG_HOME\fR, \fBXDG_DATA_HOME\fR, \fBXDG_STATE_HOME\fR, \fBXDG_RUNTIME_DIR
Where files are, see below.
.TP
.B HTTP_PROXY\fR, \fBHTTPS_PROXY\fR, \fBNO_PROXY
Proxies; never used for this machine itself.
.TP
.B NO_COLOR
No colours, unless \fB\-\-color always\fR.
.SH FILES
.TP
.I $XDG_CONFIG_HOME/reg/config.toml
The configuration, by default \fI~/.config/reg/config.toml\fR.
.TP
.I $XDG_RUNTIME_DIR/containers/auth.json\fR, \fI$XDG_CONFIG_HOME/containers/auth.json\fR, \fI~/.docker/config.json
Credentials, looked up in this order; credential helpers that they name are asked.
.TP
.I ~/.config/containers/certs.d\fR, \fI~/.docker/certs.d\fR, \fI~/.config/docker/certs.d\fR, \fI/etc/containers/certs.d\fR, \fI/etc/docker/certs.d
Folders named \fIHOST\fR or \fIHOST:PORT\fR: every \fI*.crt\fR is trusted, the first \fI*.cert\fR with a \fI*.key\fR of the same
name is shown to the registry.
.TP
.I $XDG_STATE_HOME/reg/journal.jsonl
What was deleted, see \fBreg\-delete\fR(1).
.TP
.I $XDG_DATA_HOME/reg/registry
The data of \fBreg serve\fR without a configuration.
"#;

const DELETE: &str = r#".SH FILES
.TP
.I $XDG_STATE_HOME/reg/journal.jsonl
The journal, by default \fI~/.local/state/reg/journal.jsonl\fR. One JSON object a line, written before the deletion is asked
for: time, action, host, repository, tag, digest, media_type, and the manifest in base64. A manifest that was deleted
is back when it is pushed again under its media type, as long as its layers are there.
"#;

const GC_PLAN: &str = r#".SH POLICY FILE
TOML, with keys named after the options. What any rule keeps is kept, whatever others say. Unknown keys are errors.
.PP
.nf
age-by = "created"                  # or "pushed", as \-\-age\-by
grace = "1h"                        # as \-\-grace

[[rule]]
name = "old builds"                 # shown as the reason
action = "delete"                   # the default; or "keep"
repository = ["^team/"]             # regular expressions, one or several
match = "^pr-"
except = ["-keep$"]
semver = "<2"
older-than = "30d"
keep = 10                           # never those of the newest 10 images
untagged = true                     # manifests without a tag too

[[rule]]
name = "releases"
action = "keep"
match = "^v[0-9]"
newer-than = "365d"
.fi
"#;

const SERVE: &str = r#".SH TRACES
Variables of OpenTelemetry say whether requests are traced: where \fBOTEL_EXPORTER_OTLP_ENDPOINT\fR,
\fBOTEL_EXPORTER_OTLP_TRACES_ENDPOINT\fR or \fBOTEL_TRACES_EXPORTER\fR is set. They are read at the start. What of them cannot be
used is a warning; the registry serves without traces, too, and while the collector is away.
.TP
.B OTEL_TRACES_EXPORTER
\fIotlp\fR, \fIconsole\fR (a line of the log for each span) or \fInone\fR; several with commas.
.TP
.B OTEL_EXPORTER_OTLP_ENDPOINT\fR, \fBOTEL_EXPORTER_OTLP_TRACES_ENDPOINT
The collector: \fIhttp://localhost:4318\fR, to which \fI/v1/traces\fR is added; the second variable is all of the URL. Its
certificate is looked at as those of all servers, and proxies of the environment are used.
.TP
.B OTEL_EXPORTER_OTLP_PROTOCOL
\fIhttp/protobuf\fR [default], \fIhttp/json\fR or \fIgrpc\fR.
.TP
.B OTEL_EXPORTER_OTLP_HEADERS\fR, \fB_TIMEOUT\fR, \fB_COMPRESSION\fR, \fB_CERTIFICATE\fR, \fB_CLIENT_CERTIFICATE\fR, \fB_CLIENT_KEY
Headers; milliseconds; \fIgzip\fR; files in PEM form. Each also with \fBOTLP_TRACES\fR in the place of \fBOTLP\fR.
.TP
.B OTEL_TRACES_SAMPLER\fR, \fBOTEL_TRACES_SAMPLER_ARG
Which requests are traced; \fIparentbased_always_on\fR by default, \fItraceidratio\fR with \fI0.1\fR for every tenth.
.TP
.B OTEL_PROPAGATORS
\fItracecontext\fR by default: a request with a \fItraceparent\fR is part of the trace of its sender.
.TP
.B OTEL_SERVICE_NAME\fR, \fBOTEL_RESOURCE_ATTRIBUTES
What the registry is called, by default \fIdistribution\fR as registry:3 is, and what else is to be known of it.
.TP
.B OTEL_BSP_*\fR, \fBOTEL_SPAN_*_LIMIT\fR, \fBOTEL_SDK_DISABLED
As OpenTelemetry describes them.
"#;
