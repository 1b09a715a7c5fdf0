//! The `storage` section: exactly one driver, by its name or with its parameters.

use std::path::PathBuf;

use super::Storage;
use super::section::{ConfigError, Section};
use super::yaml::{Node, Value};

/// Where registry:2 keeps its data when nobody says where.
const ROOT: &str = "/var/lib/registry";

/// Members of the section that are no driver.
const SETTINGS: &[&str] = &["maintenance", "cache", "delete", "redirect", "tag"];

pub(super) fn read(root: &Section<'_>) -> Result<Option<Storage>, ConfigError> {
    let storage = root.section_or_name("storage")?;
    if let Some(Node { at, value: Value::Scalar(name) }) = root.node()?.get("storage") {
        return driver(name, *at, &storage).map(Some);
    }
    let mut drivers = storage.members().filter(|(name, _)| !SETTINGS.contains(name));
    let Some((name, node)) = drivers.next() else { return Ok(None) };
    if let Some((other, node)) = drivers.next() {
        let message = format!("there is one storage, and {name} is it already");
        return Err(storage.error(other, node.at, message).with_hint("keep one driver and remove the other"));
    }
    driver(name, node.at, &storage).map(Some)
}

fn driver(name: &str, at: super::Position, storage: &Section<'_>) -> Result<Storage, ConfigError> {
    match name {
        "inmemory" => Ok(Storage::Memory),
        "filesystem" => {
            let parameters = storage.section(name)?;
            let root = parameters.text("rootdirectory")?.map_or(ROOT, |(_, text)| text);
            Ok(Storage::Filesystem { root: PathBuf::from(root) })
        }
        "s3" | "s3aws" => Ok(Storage::S3(storage.section(name)?.texts()?)),
        "azure" | "gcs" | "oss" | "swift" => Err(storage
            .error(name, at, "this storage is not supported yet")
            .with_hint("filesystem, s3 and inmemory are; Google's storage has an S3 interface too")),
        _ => Err(storage.error(name, at, "no such storage").with_hint("filesystem, s3 and inmemory are storages")),
    }
}
