//! nginx in front, as guides have it: TLS there, the registry behind it over TCP or a socket of the file system, with a
//! prefix and under names of nginx's own; docker pushes and pulls through it.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::certificates::certificates;
use crate::support::dockerd::Dockerd;
use crate::support::process::{Daemon, free_address};
use crate::support::programs::{available, require};
use crate::support::tls::get;

/// Starts nginx with TLS and these locations, before the server `upstream`.
fn nginx(program: &Path, directory: &Path, upstream: &str, locations: &str) -> (SocketAddr, String, Daemon) {
    let (address, authority) = (free_address(), certificates(directory));
    let at = directory.display();
    let config = format!(
        "daemon off;\nuser root;\npid {at}/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n  access_log off;\n  \
         client_body_temp_path {at}/body;\n  proxy_temp_path {at}/proxy;\n  fastcgi_temp_path {at}/f;\n  \
         uwsgi_temp_path {at}/u;\n  scgi_temp_path {at}/s;\n  upstream registry {{ server {upstream}; }}\n  server {{\n    \
         listen {address} ssl http2;\n    ssl_certificate {at}/domain.crt;\n    ssl_certificate_key {at}/domain.key;\n    \
         client_max_body_size 0;\n    proxy_http_version 1.1;\n    proxy_request_buffering off;\n    {locations}\n  }}\n}}\n"
    );
    fs::write(directory.join("nginx.conf"), config).expect("a configuration");
    let mut command = Command::new(program);
    command.arg("-p").arg(directory).arg("-c").arg(directory.join("nginx.conf")).args(["-e", "stderr"]);
    let mut daemon = Daemon::spawn(command, &directory.join("nginx.log"));
    daemon.await_ready(|| TcpStream::connect(address).ok()).unwrap_or_else(|error| panic!("{error}"));
    (address, authority, daemon)
}

fn serve(directory: &Path, http: &str) -> Daemon {
    let data = directory.join("data");
    let config = format!(
        "version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{{http}}}\n",
        data.display()
    );
    fs::write(directory.join("config.yml"), config).expect("a configuration");
    let mut command = Command::new(env!("CARGO_BIN_EXE_reg"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("REG")) {
        command.env_remove(name);
    }
    command.arg("serve").arg(directory.join("config.yml"));
    Daemon::spawn(command, &directory.join("reg.log"))
}

/// What a registry is told of its clients by X-Forwarded-*, and by the header that is in their place by now (RFC 7239).
const TOLD: [&str; 2] = [
    "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;",
    "proxy_set_header Host inside; proxy_set_header Forwarded 'for=127.0.0.1;proto=https;host=\"$http_host\"';",
];

#[test]
fn docker_pushes_and_pulls_through_it() {
    let program = require!("nginx");
    let docker = available!(Dockerd::shared());
    for (is_unix, prefix, told) in [(false, "", TOLD[0]), (true, "", TOLD[1]), (true, "/registry", TOLD[0])] {
        // The path of a socket is at most 107 bytes long.
        let directory = TempDir::new_in("/tmp").expect("a directory");
        let directory = directory.path();
        let behind = free_address();
        let socket = directory.join("s").display().to_string();
        let (http, upstream) = match is_unix {
            true => (format!("net: unix, addr: {socket}"), format!("unix:{socket}")),
            false => (format!("addr: '{behind}'"), behind.to_string()),
        };
        let mut registry = serve(directory, &format!("{http}, prefix: '{prefix}/'"));
        registry
            .await_ready(|| match is_unix {
                true => Path::new(&socket).exists().then_some(()),
                false => TcpStream::connect(behind).ok().map(drop),
            })
            .unwrap_or_else(|error| panic!("{error}"));
        let locations = format!(
            "{told}\n    location /v2/ {{ proxy_pass http://registry{prefix}/v2/; }}\n    \
             location {prefix}/ {{ proxy_pass http://registry{prefix}/; }}\n"
        );
        let (address, authority, _nginx) = nginx(&program, directory, &upstream, &locations);

        let name = format!("{address}/team/app:v1");
        docker.import(&name, "through nginx");
        docker.ok(&["push", &name]);
        let digest = docker.digest(&name);
        docker.ok(&["image", "rm", &name]);
        docker.ok(&["pull", &name]);
        assert_eq!(docker.digest(&name), digest);
        docker.ok(&["image", "rm", &name]);

        let seen = get(address, "localhost", &authority, "/v2/team/app/tags/list").expect("an answer");
        assert!(seen.trim_end().ends_with("{\"name\":\"team/app\",\"tags\":[\"v1\"]}"), "{seen}");
    }
}
