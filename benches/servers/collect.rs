//! `garbage-collect`, on copies of one store: one repository with many tags, and many repositories with one.
//!
//! The stores are written as files, in the layout that all of these programs share.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Options;
use crate::process::Kind;
use crate::report::Table;
use crate::seed::{digest, manifest};

/// Times every chosen work with one program, if it is a collector and installed.
pub(crate) fn run(kind: Kind, options: &Options, table: &mut Table) -> io::Result<()> {
    let is_collector = matches!(kind, Kind::Reg | Kind::Registry2 | Kind::Registry3);
    let wanted =
        options.work.as_ref().is_none_or(|chosen| chosen.iter().any(|name| "garbage-collect".contains(name.as_str())));
    let Some(program) = kind.program().filter(|_| is_collector && wanted) else { return Ok(()) };
    let tags = if options.quick { 200 } else { 2000 };
    let directory = tempfile::tempdir()?;
    let tagged = Store { root: directory.path().join("tags") };
    for number in 0..tags {
        tagged.image("bench/app", Some(&format!("v{number}")), number)?;
        // As many without a tag as a tenth of those with one.
        if number % 10 == 0 {
            tagged.image("bench/app", None, tags + number)?;
        }
    }
    let many = Store { root: directory.path().join("repositories") };
    for number in 0..options.repositories {
        many.image(&format!("bench{}/app{number}", number % 100), Some("v1"), number)?;
    }
    let repositories = options.repositories;
    for (store, flags, work) in [
        (&tagged, "-dm", format!("garbage-collect -d -m, 1 repository x {tags} tags, ms")),
        (&many, "-d", format!("garbage-collect -d, {repositories} repositories x 1 tag, ms")),
        (&tagged, "-m", format!("garbage-collect -m, 1 repository x {tags} tags, ms")),
    ] {
        let config = directory.path().join("config.yml");
        fs::write(
            &config,
            format!("version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n", store.root.display()),
        )?;
        let begin = Instant::now();
        let mut command = Command::new(&program);
        command.arg("garbage-collect").arg(flags).arg(&config).env("OTEL_TRACES_EXPORTER", "none");
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        if status.success() {
            table.note(&work, kind.name(), begin.elapsed().as_secs_f64() * 1e3);
        } else {
            table.fail(&work, kind.name(), &status.to_string());
        }
    }
    Ok(())
}

/// A store in the making.
struct Store {
    root: std::path::PathBuf,
}

impl Store {
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.root.join("docker/registry/v2").join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        fs::write(path, bytes)
    }

    fn blob(&self, bytes: &[u8]) -> io::Result<String> {
        let digest = digest(bytes);
        let hex = digest.trim_start_matches("sha256:").to_owned();
        self.write(&format!("blobs/sha256/{}/{hex}/data", &hex[..2]), bytes)?;
        Ok(hex)
    }

    fn link(&self, path: &str, hex: &str) -> io::Result<()> {
        self.write(&format!("{path}/link"), format!("sha256:{hex}").as_bytes())
    }

    /// An image with a config and a layer of its own, and a layer that all share.
    fn image(&self, repository: &str, tag: Option<&str>, number: usize) -> io::Result<()> {
        let (config, layer, base) = (format!("{{\"n\":{number}}}"), format!("layer {number}"), b"base".repeat(100));
        for bytes in [config.as_bytes(), layer.as_bytes(), &base] {
            let hex = self.blob(bytes)?;
            self.link(&format!("repositories/{repository}/_layers/sha256/{hex}"), &hex)?;
        }
        let hex = self.blob(&manifest(config.as_bytes(), &[layer.as_bytes(), &base]))?;
        let manifests = format!("repositories/{repository}/_manifests");
        self.link(&format!("{manifests}/revisions/sha256/{hex}"), &hex)?;
        let Some(tag) = tag else { return Ok(()) };
        self.link(&format!("{manifests}/tags/{tag}/current"), &hex)?;
        self.link(&format!("{manifests}/tags/{tag}/index/sha256/{hex}"), &hex)
    }
}
