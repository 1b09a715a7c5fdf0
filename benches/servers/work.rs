//! The works: each is done by some connections at once, and counted.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::Options;
use crate::http::{Connection, prepare};
use crate::process::{Kind, Server};
use crate::report::{Sample, Table};
use crate::seed;

const CONNECTIONS: usize = 32;

/// Does every chosen work on one server.
pub(crate) fn run(server: &Server, options: &Options, table: &mut Table) -> io::Result<()> {
    let bench = Bench { server, options, name: server.kind.name() };
    table.note("start to first answer, ms", bench.name, server.start.as_secs_f64() * 1e3);
    table.note("idle memory, MiB", bench.name, server.memory_mib("VmRSS"));
    let scale = if options.quick { 1 } else { 10 };
    let large_mib = 64;
    let (config, large) = seed::reading(server, large_mib)?;
    let accept = format!("Accept: {}\r\n", seed::MANIFEST_TYPE);
    bench.requests(table, "manifest GET by tag", "GET", "/v2/bench/read/manifests/v1", &accept, 5000 * scale)?;
    bench.requests(table, "small blob GET", "GET", &format!("/v2/bench/read/blobs/{config}"), "", 5000 * scale)?;
    bench.requests(table, "blob HEAD", "HEAD", &format!("/v2/bench/read/blobs/{config}"), "", 5000 * scale)?;
    bench.download(table, &format!("/v2/bench/read/blobs/{large}"), large_mib, 4 * scale)?;
    if server.kind != Kind::Nginx {
        bench.upload(table, "blob push, monolithic, MiB", scale, seed::push_blob_named)?;
        bench.upload(table, "blob push, PATCH, MiB", scale, seed::patch_blob_named)?;
        bench.tags(table, scale)?;
        bench.images(table, scale)?;
        bench.catalog(table)?;
    }
    table.note("peak memory, MiB", bench.name, server.memory_mib("VmHWM"));
    Ok(())
}

struct Bench<'a> {
    server: &'a Server,
    options: &'a Options,
    name: &'static str,
}

impl Bench<'_> {
    fn wants(&self, work: &str) -> bool {
        self.options.work.as_ref().is_none_or(|chosen| chosen.iter().any(|name| work.contains(name.as_str())))
    }

    /// Runs `each` `count` times over `connections` connections and files the rate.
    fn measure(
        &self,
        table: &mut Table,
        work: &str,
        (connections, count, units): (usize, usize, f64),
        each: impl Fn(&mut Connection, usize) -> io::Result<()> + Sync,
    ) -> io::Result<()> {
        if !self.wants(work) {
            return Ok(());
        }
        let next = AtomicUsize::new(0);
        let (cpu, begin) = (self.server.cpu(), Instant::now());
        let results: Vec<io::Result<()>> = std::thread::scope(|scope| {
            let worker = || {
                let mut connection = Connection::open(self.server.address)?;
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return Ok(());
                    }
                    each(&mut connection, index)?;
                }
            };
            let threads: Vec<_> = (0..connections).map(|_| scope.spawn(worker)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err(io::Error::other("panicked"))))
                .collect()
        });
        let (wall, cpu) = (begin.elapsed().as_secs_f64(), (self.server.cpu() - cpu).as_secs_f64());
        if let Some(error) = results.into_iter().find_map(Result::err) {
            table.fail(work, self.name, &error.to_string());
            return Ok(());
        }
        let amount = count as f64 * units;
        eprintln!("  {work}: {amount} in {wall:.2} s, {cpu:.2} CPU s");
        table.add(work, self.name, Sample { per_cpu_s: amount / cpu.max(0.005), per_wall_s: amount / wall });
        Ok(())
    }

    fn requests(
        &self,
        table: &mut Table,
        work: &str,
        method: &str,
        target: &str,
        headers: &str,
        n: usize,
    ) -> io::Result<()> {
        let request = prepare(self.server.address, method, target, headers, None);
        self.measure(table, work, (CONNECTIONS, n, 1.0), |connection, _| {
            let answer = connection.replay(request.as_bytes(), method == "HEAD")?;
            if answer.status == 200 { Ok(()) } else { Err(io::Error::other(format!("status {}", answer.status))) }
        })
    }

    fn download(&self, table: &mut Table, target: &str, mib: usize, count: usize) -> io::Result<()> {
        let request = prepare(self.server.address, "GET", target, "", None);
        self.measure(table, "large blob GET, MiB", (8, count, mib as f64), |connection, _| {
            connection.replay(request.as_bytes(), false).map(|_| ())
        })
    }

    fn upload(
        &self,
        table: &mut Table,
        work: &str,
        scale: usize,
        push: fn(&mut Connection, &str, &[u8], &str) -> io::Result<()>,
    ) -> io::Result<()> {
        let mib = 16;
        let salt = work.len() as u64 * 1000;
        let blobs: Vec<_> = (0..4 * scale)
            .map(|index| seed::noise(salt + index as u64, mib << 20))
            .map(|bytes| (seed::digest(&bytes), bytes))
            .collect();
        self.measure(table, work, (4, blobs.len(), mib as f64), |connection, index| {
            let (digest, bytes) = &blobs[index];
            push(connection, "bench/push", bytes, digest)
        })
    }

    fn tags(&self, table: &mut Table, scale: usize) -> io::Result<()> {
        let config = seed::noise(3, 500);
        let mut connection = Connection::open(self.server.address)?;
        seed::push_blob(&mut connection, "bench/tags", &config)?;
        let manifest = seed::manifest(&config, &[]);
        seed::put_manifest(&mut connection, "bench/tags", "first", &manifest)?;
        let count = if scale == 1 { 500 } else { 2000 };
        self.measure(table, "tag PUT, sequential", (1, count, 1.0), |connection, index| {
            seed::put_manifest(connection, "bench/tags", &format!("t{index:05}"), &manifest)
        })?;
        self.requests(table, "tags/list, whole", "GET", "/v2/bench/tags/tags/list", "", 200 * scale)?;
        self.requests(table, "tags/list, n=100", "GET", "/v2/bench/tags/tags/list?n=100&last=t00200", "", 500 * scale)
    }

    fn images(&self, table: &mut Table, scale: usize) -> io::Result<()> {
        let per_writer = 10 * scale;
        self.measure(table, "new small images, 8 writers", (8, 8 * per_writer, 1.0), |connection, index| {
            let repository = format!("bench/image{}", index % 8);
            let (config, layer) =
                (seed::noise(50_000 + index as u64, 600), seed::noise(90_000 + index as u64, 8 << 10));
            seed::push_blob(connection, &repository, &config)?;
            seed::push_blob(connection, &repository, &layer)?;
            seed::put_manifest(connection, &repository, &format!("v{index}"), &seed::manifest(&config, &[&layer]))
        })
    }

    fn catalog(&self, table: &mut Table) -> io::Result<()> {
        if !self.wants("catalog") || self.server.kind == Kind::Olareg {
            return Ok(());
        }
        let config = seed::noise(3, 500);
        let (digest, manifest) = (seed::digest(&config), seed::manifest(&config, &[]));
        let count = if self.options.quick { 200 } else { self.options.repositories };
        let mut connection = Connection::open(self.server.address)?;
        for index in 0..count {
            let repository = format!("many/{:02}/r{index:05}", index % 100);
            seed::mount(&mut connection, &repository, &digest, "bench/tags")
                .or_else(|_| seed::push_blob_named(&mut connection, &repository, &config, &digest))?;
            seed::put_manifest(&mut connection, &repository, "v1", &manifest)?;
        }
        let pages = count / 100;
        self.measure(table, "catalog by pages of 100", (1, 1, pages as f64), |connection, _| {
            let mut target = "/v2/_catalog?n=100".to_owned();
            loop {
                let answer = connection.send("GET", &target, "", b"")?;
                match answer.link {
                    Some(link) => target = link,
                    None => return Ok(()),
                }
            }
        })
    }
}
