//! The servers: how each is configured, started and measured.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A program that takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Reg,
    Registry2,
    Registry3,
    Zot,
    Olareg,
    Nginx,
}

impl Kind {
    pub(crate) const ALL: &[Self] =
        &[Self::Reg, Self::Registry2, Self::Registry3, Self::Zot, Self::Olareg, Self::Nginx];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reg => "reg",
            Self::Registry2 => "registry-2.8",
            Self::Registry3 => "registry-3",
            Self::Zot => "zot",
            Self::Olareg => "olareg",
            Self::Nginx => "nginx",
        }
    }

    pub(crate) fn program(self) -> Option<PathBuf> {
        match self {
            Self::Reg => Some(env!("CARGO_BIN_EXE_reg").into()),
            Self::Registry2 => find("docker-registry"),
            Self::Registry3 => find("registry"),
            Self::Zot => find("zot"),
            Self::Olareg => find("olareg"),
            Self::Nginx => find("nginx"),
        }
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let extra = std::env::var_os("REG_PEERS_BIN").unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = [PathBuf::from("/usr/sbin")];
    std::env::split_paths(&extra)
        .chain(std::env::split_paths(&path))
        .chain(sbin)
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// A running server with a directory of its own.
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    /// Where nginx' static files go.
    pub(crate) root: PathBuf,
    pub(crate) start: Duration,
    child: Child,
    directory: tempfile::TempDir,
}

impl Server {
    /// Starts the server and waits until it answers; `None` where its program is not installed.
    pub(crate) fn start(kind: Kind) -> io::Result<Option<Self>> {
        let Some(program) = kind.program() else { return Ok(None) };
        let directory = tempfile::tempdir()?;
        let root = directory.path().join("data");
        fs::create_dir_all(&root)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new(program);
        arguments(kind, &mut command, directory.path(), &root, address)?;
        let log = fs::File::create(directory.path().join("log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let begin = Instant::now();
        let child = command.spawn()?;
        let mut server = Self { kind, address, root, start: Duration::ZERO, child, directory };
        while TcpStream::connect(address).is_err() {
            if begin.elapsed() > Duration::from_secs(20) || server.child.try_wait()?.is_some() {
                let log = fs::read_to_string(server.directory.path().join("log")).unwrap_or_default();
                return Err(io::Error::other(format!("did not start: {log}")));
            }
            std::thread::sleep(Duration::from_micros(200)); // poll: the port opens
        }
        server.start = begin.elapsed();
        Ok(Some(server))
    }

    /// User and system time of the process and its threads so far (nginx: with its worker's).
    pub(crate) fn cpu(&self) -> Duration {
        let mut ticks = cpu_ticks(self.child.id());
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        for child in fs::read_to_string(children).unwrap_or_default().split_whitespace() {
            ticks += child.parse().map(cpu_ticks).unwrap_or_default();
        }
        Duration::from_millis(ticks * 10)
    }

    /// A line of /proc/<pid>/status in MiB: `VmRSS`, `VmHWM`.
    pub(crate) fn memory_mib(&self, field: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked to end, nginx ends its workers; killed, it would leave them behind.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    fields.split_whitespace().skip(11).take(2).filter_map(|text| text.parse::<u64>().ok()).sum()
}

fn arguments(kind: Kind, command: &mut Command, directory: &Path, root: &Path, address: SocketAddr) -> io::Result<()> {
    let (config, root) = (directory.join("config"), root.display());
    match kind {
        Kind::Reg => {
            command.arg("serve").arg("--addr").arg(address.to_string()).arg("--root").arg(root.to_string());
        }
        Kind::Registry2 | Kind::Registry3 => {
            let text = format!(
                "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
                 storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}, cache: {{blobdescriptor: inmemory}}}}\n\
                 http: {{addr: \"{address}\"}}\n"
            );
            fs::write(&config, text)?;
            command.arg("serve").arg(config).env("OTEL_TRACES_EXPORTER", "none");
        }
        Kind::Zot => {
            let text = format!(
                r#"{{"storage":{{"rootDirectory":"{root}","commit":true,"gc":false}},
                   "http":{{"address":"{}","port":"{}","compat":["docker2s2"]}},"log":{{"level":"error"}}}}"#,
                address.ip(),
                address.port()
            );
            let config = directory.join("config.json");
            fs::write(&config, text)?;
            command.arg("serve").arg(config);
        }
        Kind::Olareg => {
            command.args(["serve", "--addr", &address.ip().to_string(), "--port", &address.port().to_string()]);
            command.args(["--dir", &root.to_string(), "--verbosity", "error"]);
        }
        Kind::Nginx => {
            let text = format!(
                "daemon off; worker_processes 2; error_log {log}/error.log; pid {log}/pid;\n\
                 events {{ worker_connections 256; }}\n\
                 http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; open_file_cache max=1000;\n\
                 client_body_temp_path {log}/b; proxy_temp_path {log}/p; fastcgi_temp_path {log}/f; uwsgi_temp_path {log}/u;\n\
                 scgi_temp_path {log}/s; server {{ listen {address}; root {root}; }} }}\n",
                log = directory.display()
            );
            fs::write(&config, text)?;
            command.arg("-c").arg(config).arg("-p").arg(directory);
        }
    }
    Ok(())
}
