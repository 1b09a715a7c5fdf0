//! What the servers hold before they are measured.

use std::fs;
use std::io;

use sha2::{Digest, Sha256};

use crate::http::{Answer, Connection};
use crate::process::{Kind, Server};

pub(crate) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// Bytes that do not compress and are the same in every run.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", data_encoding::HEXLOWER.encode(&Sha256::digest(bytes)))
}

/// An image manifest of one config and some layers.
pub(crate) fn manifest(config: &[u8], layers: &[&[u8]]) -> Vec<u8> {
    let entry = |kind: &str, bytes: &[u8]| {
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.{kind}","digest":"{}","size":{}}}"#,
            digest(bytes),
            bytes.len()
        )
    };
    let layers: Vec<String> = layers.iter().map(|layer| entry("layer.v1.tar+gzip", layer)).collect();
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST_TYPE}","config":{},"layers":[{}]}}"#,
        entry("config.v1+json", config),
        layers.join(",")
    )
    .into_bytes()
}

fn expect(answer: &Answer, status: u16, what: &str) -> io::Result<()> {
    if answer.status == status { Ok(()) } else { Err(io::Error::other(format!("{what}: {}", answer.status))) }
}

/// POST, then PUT with the whole blob.
pub(crate) fn push_blob(connection: &mut Connection, repository: &str, bytes: &[u8]) -> io::Result<()> {
    push_blob_named(connection, repository, bytes, &digest(bytes))
}

/// The same with a digest that was computed before.
pub(crate) fn push_blob_named(c: &mut Connection, repository: &str, bytes: &[u8], digest: &str) -> io::Result<()> {
    let location = start(c, repository)?;
    let answer = c.send("PUT", &with_digest(&location, digest), "Content-Type: application/octet-stream\r\n", bytes)?;
    expect(&answer, 201, "blob PUT")
}

/// POST, PATCH with the whole blob, PUT without a body.
pub(crate) fn patch_blob_named(c: &mut Connection, repository: &str, bytes: &[u8], digest: &str) -> io::Result<()> {
    let location = start(c, repository)?;
    let answer = c.send("PATCH", &location, "Content-Type: application/octet-stream\r\n", bytes)?;
    expect(&answer, 202, "blob PATCH")?;
    let location = answer.location.unwrap_or(location);
    expect(&c.send("PUT", &with_digest(&location, digest), "", b"")?, 201, "blob PUT")
}

fn start(c: &mut Connection, repository: &str) -> io::Result<String> {
    let answer = c.send("POST", &format!("/v2/{repository}/blobs/uploads/"), "", b"")?;
    expect(&answer, 202, "upload POST")?;
    answer.location.ok_or_else(|| io::Error::other("no Location"))
}

fn with_digest(location: &str, digest: &str) -> String {
    let separator = if location.contains('?') { '&' } else { '?' };
    format!("{location}{separator}digest={digest}")
}

pub(crate) fn mount(c: &mut Connection, repository: &str, digest: &str, from: &str) -> io::Result<()> {
    let target = format!("/v2/{repository}/blobs/uploads/?mount={digest}&from={from}");
    expect(&c.send("POST", &target, "", b"")?, 201, "mount")
}

pub(crate) fn put_manifest(c: &mut Connection, repository: &str, tag: &str, bytes: &[u8]) -> io::Result<()> {
    let target = format!("/v2/{repository}/manifests/{tag}");
    expect(&c.send("PUT", &target, &format!("Content-Type: {MANIFEST_TYPE}\r\n"), bytes)?, 201, "manifest PUT")
}

/// Stores what the reading works read: `bench/read` with a config, a large layer and the tag `v1`. For nginx as files.
pub(crate) fn reading(server: &Server, large_mib: usize) -> io::Result<(String, String)> {
    let (config, large) = (noise(1, 2000), noise(2, large_mib << 20));
    let manifest = manifest(&config, &[&large]);
    let names = (digest(&config), digest(&large));
    if server.kind == Kind::Nginx {
        for (path, bytes) in [
            ("manifests/v1", &manifest),
            (&*format!("blobs/{}", names.0), &config),
            (&*format!("blobs/{}", names.1), &large),
        ] {
            let file = server.root.join("v2/bench/read").join(path);
            fs::create_dir_all(file.parent().unwrap_or(&file))?;
            fs::write(file, bytes)?;
        }
        return Ok(names);
    }
    let mut c = Connection::open(server.address)?;
    push_blob(&mut c, "bench/read", &config)?;
    push_blob(&mut c, "bench/read", &large)?;
    put_manifest(&mut c, "bench/read", "v1", &manifest)?;
    Ok(names)
}
