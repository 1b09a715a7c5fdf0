//! reg-config(5): the configuration file of `reg serve`, key by key. In roff.

use std::fmt::Write as _;

use crate::server::config::{Chapter, Entry, Since, chapters};

/// The whole page.
pub(super) fn page() -> String {
    let mut page = format!("{HEAD}.SH KEYS\n{KEYS}");
    for chapter in chapters() {
        write_chapter(&mut page, &chapter);
    }
    page.push_str(TAIL);
    page
}

fn write_chapter(page: &mut String, chapter: &Chapter) {
    if !chapter.path.is_empty() {
        let _ = writeln!(page, ".SS {}", escaped(chapter.path));
    }
    if !chapter.says.is_empty() {
        let _ = writeln!(page, "{}", escaped(chapter.says));
    }
    for entry in &chapter.entries {
        write_entry(page, entry);
    }
}

fn write_entry(page: &mut String, entry: &Entry) {
    let _ = write!(page, ".TP\n\\fB{}\\fR", escaped(&entry.path));
    if !entry.shape.is_empty() {
        let _ = write!(page, " \\fI{}\\fR", escaped(&entry.shape));
    }
    if let Some(default) = entry.default {
        let _ = write!(page, " [{}]", escaped(default));
    }
    let notes = [
        (entry.since == Since::V2).then_some("registry:2 only"),
        (entry.since == Since::V3).then_some("not in registry:2"),
        (entry.since == Since::Ours).then_some("reg only"),
        entry.secret.then_some("secret"),
    ];
    let notes: Vec<_> = notes.into_iter().flatten().collect();
    if !notes.is_empty() {
        let _ = write!(page, " ({})", notes.join(", "));
    }
    page.push('\n');
    if !entry.says.is_empty() {
        let _ = writeln!(page, "{}", escaped(entry.says));
    }
    if let Some(why) = entry.ignored {
        let _ = writeln!(page, "It {}.", escaped(why));
    }
    if !entry.below.is_empty() {
        let _ = writeln!(page, "Known below it: {}.", escaped(&entry.below.join(", ")));
    }
}

/// A text that roff takes for nothing else.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

const HEAD: &str = r#".TH reg\-config 5 "" "reg" "reg"
.SH NAME
reg\-config \- configuration file of reg serve
.SH DESCRIPTION
\fBreg serve\fR \fICONFIG.yml\fR reads the file of Docker's \fBregistry:2\fR and \fBregistry:3\fR: YAML 1.1, in which
\fIyes\fR and \fIon\fR are true. The file is named by the argument or by \fBREGISTRY_CONFIGURATION_PATH\fR. Without a file
the defaults are those of a registry for one person: it listens on 127.0.0.1:5000, keeps its data in
\fI$XDG_DATA_HOME/reg/registry\fR, allows deletions, and writes warnings but no access log.
.PP
\fBreg config check\fR says whether a server would start with a file, and what of it has no effect.
\fBreg config show\fR writes every value that holds, with the line, the variable or the default that it is from.
.PP
A key that is not known is a warning with the nearest one that is. It is an error where the data or the guard that was meant
would be missed: \fIrootdirectroy\fR, \fIauht\fR. Sections that only \fBreg\fR has are ignored by other registries.
.SH VARIABLES
\fBREGISTRY_\fR and the path of a key in capitals, with \fB_\fR for each dot, set that key:
\fBREGISTRY_HTTP_ADDR=:5001\fR. The value is YAML. They are laid over the file, or over the defaults where there is none.
A list is set as a whole (\fBREGISTRY_HTTP_TLS_CLIENTCAS='[a.pem, b.pem]'\fR), or by index (\fBREGISTRY_HTTP_TLS_CLIENTCAS_0=a.pem\fR);
the index behind the last appends. Names that the writer chooses are found in any spelling
(\fBREGISTRY_HTTP_HEADERS_X\-FRAME\-OPTIONS='[deny]'\fR).
.PP
\fBREGISTRY_STORAGE=inmemory\fR and \fBREGISTRY_AUTH=htpasswd\fR replace the section by one with that name, and other
variables fill it: a storage of the file has to be replaced so before another one can be set.
"#;

const KEYS: &str = "\
Durations are written as \\fI168h\\fR, \\fI1h30m\\fR or \\fI100ms\\fR. A number without a unit counts nanoseconds, as in
distribution; one below a millisecond is an error, as seconds are meant. Defaults stand in brackets. A secret is not shown by \\fBreg config
show\\fR.
";

const TAIL: &str = r#".SH PATTERNS
The patterns of \fBaccess.rules\fR, and of the scopes of API tokens, are for the whole name of a repository:
.TP
.B *
any characters within a component, none of them too: \fIteam/*\fR is \fIteam/app\fR, and not \fIteam/app/web\fR
.TP
.B ?
one character within a component
.TP
.B **
any number of components, between slashes or at an end: \fIteam/**\fR is everything below \fIteam\fR, and not \fIteam\fR itself;
\fI**/base\fR is \fIbase\fR and \fIteam/base\fR; \fI**\fR is every repository
.TP
.B {a,b}
one of several: \fI{team,home}/**\fR
.PP
Refused are capitals, which no name has, empty components (\fI/team\fR, \fIteam//app\fR), \fB**\fR beside other characters
(\fIteam**\fR), and classes (\fI[a\-z]\fR). \fBreg config explain\fR says which rule decides a case.
.SH EXAMPLES
A registry on a port, with its data in a directory:
.PP
.nf
version: 0.1
log:
  level: info
  fields:
    service: registry
storage:
  filesystem:
    rootdirectory: /var/lib/registry
  delete:
    enabled: true
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
.fi
.PP
Users, who may do what where, and tokens. \fBreg user add\fR writes the first file, \fBreg token create\fR the second:
.PP
.nf
auth:
  htpasswd:
    realm: Registry
    path: /etc/registry/htpasswd
access:
  groups:
    dev: [alice, bob]
  rules:
    - repositories: ["public/**"]
      anonymous: true
      actions: [pull]
    - repositories: ["team/**", "library/*"]
      groups: [dev]
      users: [ci]
      actions: [push, delete]
    - repositories: ["**"]
      users: ["*"]
      actions: [pull]
tokens:
  enabled: true
  lifetime: 10m
  file: /etc/registry/tokens
.fi
.PP
How much everybody may take:
.PP
.nf
limits:
  requests:
    - {per: address, rate: 600/m, burst: 1000}
    - {per: user, rate: 10/s, methods: [PUT, POST, PATCH, DELETE]}
  connections: {total: 5000, peraddress: 100}
  blobs: {maxbytes: 10_000_000_000}
quotas:
  rules:
    - {prefix: team, maxbytes: 500_000_000_000}
    - {maxbytes: 2_000_000_000_000}
  interval: 1h
.fi
.PP
Who hears of pushes, with a queue on another disk:
.PP
.nf
notifications:
  endpoints:
    - name: deploy
      url: https://deploy.example.com/hooks/registry
      headers:
        Authorization: [Bearer s3cr3t]
      timeout: 5s
      threshold: 5
      backoff: 30s
      ignore:
        actions: [pull]
  queue:
    directory: /var/spool/registry
    maxbytes: 1_000_000_000
.fi
.PP
What takes the server out of service, and where operators look:
.PP
.nf
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
  file:
    - file: /run/registry/down
      interval: 5s
  tcp:
    - addr: redis.example.com:6379
      timeout: 3s
      interval: 30s
http:
  addr: :5000
  debug:
    addr: 127.0.0.1:5001
    prometheus:
      enabled: true
.fi
.SH SEE ALSO
\fBreg\-serve\fR(1), \fBreg\-config\-check\fR(1), \fBreg\-config\-show\fR(1), \fBreg\-config\-explain\fR(1),
\fBreg\-user\fR(1), \fBreg\-token\fR(1)
"#;
