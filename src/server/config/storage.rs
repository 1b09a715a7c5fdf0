//! The `storage` section: exactly one driver, by its name or with its parameters.

use std::path::PathBuf;

use super::Storage;
use super::keys::STORAGE_SETTINGS;
use super::section::{ConfigError, Section};
use super::tree::{Node, Origin};
use crate::store::S3Config;
use crate::store::s3::CHUNK_BYTES_MIN;

/// The storage that a complete tree names.
pub(super) fn read(root: &Section<'_>) -> Result<Storage, ConfigError> {
    let storage = root.section("storage")?;
    let mut drivers = storage.members().filter(|(name, _)| !STORAGE_SETTINGS.contains(name));
    let Some((name, node)) = drivers.next() else {
        return Err(root.missing("storage").with_hint(
            "write where the data is: storage: {filesystem: {rootdirectory: /var/lib/registry}}, or name a directory with --root DIR",
        ));
    };
    let Some((other, second)) = drivers.next() else { return driver(name, &node.at, &storage) };
    let message = format!("there is one storage, and {name} is it already ({})", node.at);
    let hint = match &second.at {
        Origin::Variable(_) => format!("REGISTRY_STORAGE={other} replaces the section of the file"),
        _ => "keep one driver and remove the other".to_owned(),
    };
    Err(storage.error(other, second.at.clone(), message).with_hint(hint))
}

fn driver(name: &str, at: &Origin, storage: &Section<'_>) -> Result<Storage, ConfigError> {
    match name {
        "inmemory" => Ok(Storage::Memory),
        "filesystem" => {
            let parameters = storage.section(name)?;
            let unknown = |(name, _): &(&str, &Node)| !["rootdirectory", "maxthreads"].contains(name);
            if let (true, Some((name, node))) =
                (parameters.is_default("rootdirectory"), parameters.members().find(unknown))
            {
                let message = "is not known, and no rootdirectory says where the data is";
                return Err(parameters.error(name, node.at.clone(), message));
            }
            let (_, root) = parameters.text("rootdirectory")?.ok_or_else(|| parameters.missing("rootdirectory"))?;
            Ok(Storage::Filesystem { root: PathBuf::from(root) })
        }
        "s3" | "s3aws" => s3(&storage.section(name)?).map(|config| Storage::S3(Box::new(config))),
        "azure" | "gcs" | "oss" | "swift" => Err(storage
            .error(name, at.clone(), "this storage is not supported yet")
            .with_hint("filesystem, s3 and inmemory are; Google's storage has an S3 interface too")),
        _ => Err(storage
            .error(name, at.clone(), "no such storage")
            .with_hint("filesystem, s3 and inmemory are storages")),
    }
}

/// The S3 driver's parameters, by distribution's names.
fn s3(section: &Section<'_>) -> Result<S3Config, ConfigError> {
    let standard = S3Config::default();
    let text =
        |name: &str| Ok::<_, ConfigError>(section.text(name)?.map(|(_, text)| text.to_owned()).unwrap_or_default());
    let config = S3Config {
        accesskey: text("accesskey")?,
        secretkey: text("secretkey")?,
        sessiontoken: text("sessiontoken")?,
        region: text("region")?,
        regionendpoint: text("regionendpoint")?,
        forcepathstyle: section.boolean("forcepathstyle")?,
        bucket: text("bucket")?,
        rootdirectory: text("rootdirectory")?,
        encrypt: section.boolean("encrypt")?.unwrap_or(standard.encrypt),
        keyid: text("keyid")?,
        secure: section.boolean("secure")?.unwrap_or(standard.secure),
        skipverify: section.boolean("skipverify")?.unwrap_or(standard.skipverify),
        chunksize: section.parsed("chunksize", chunk_size)?.unwrap_or(standard.chunksize),
        storageclass: section.text("storageclass")?.map_or(standard.storageclass, |(_, text)| text.to_owned()),
        useragent: text("useragent")?,
        environment: Vec::new(),
    };
    let needs = |name: &str| section.missing(name);
    if config.bucket.is_empty() {
        return Err(needs("bucket"));
    }
    if config.region.is_empty() && config.regionendpoint.is_empty() {
        return Err(needs("region").with_hint("name the region of the bucket, such as region: us-east-1"));
    }
    Ok(config)
}

fn chunk_size(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|size| *size >= CHUNK_BYTES_MIN)
        .ok_or_else(|| format!("must be {CHUNK_BYTES_MIN} or more, in bytes"))
}
