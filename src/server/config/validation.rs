//! `validation`, `catalog` and `tags`: what is asked of a manifest, and how long a page of a list may be.

use regex::Regex;

use super::section::{ConfigError, Section};
use super::values::number;
use crate::registry::{Completeness, UrlRules};
use crate::spec::Platform;
use crate::spec::limits::{CATALOG_PAGE_MAX, TAGS_PAGE_MAX};

/// `validation`: which children a manifest must have, and to which addresses it may send clients.
pub(super) fn read(root: &Section<'_>) -> Result<(Completeness, UrlRules), ConfigError> {
    let validation = root.section("validation")?;
    let manifests = validation.section("manifests")?;
    let urls = manifests.section("urls")?;
    let urls = UrlRules { allow: urls.list("allow", expression)?, deny: urls.list("deny", expression)? };
    let completeness = completeness(&manifests.section("indexes")?)?;
    if validation.boolean("disabled")? == Some(true) {
        return Ok((Completeness::Sparse, UrlRules::default()));
    }
    Ok((completeness, urls))
}

/// `catalog.maxentries`
pub(super) fn catalog_page_max(root: &Section<'_>) -> Result<usize, ConfigError> {
    Ok(root.section("catalog")?.parsed("maxentries", page_max)?.flatten().unwrap_or(CATALOG_PAGE_MAX))
}

/// `tags.maxtags`
pub(super) fn tags_page_max(root: &Section<'_>) -> Result<usize, ConfigError> {
    Ok(root.section("tags")?.parsed("maxtags", page_max)?.flatten().unwrap_or(TAGS_PAGE_MAX))
}

/// Nothing and less mean the default, as in distribution.
fn page_max(text: &str) -> Result<Option<usize>, String> {
    Ok(usize::try_from(number(text)?).ok().filter(|max| *max > 0))
}

fn completeness(indexes: &Section<'_>) -> Result<Completeness, ConfigError> {
    let known = indexes.parsed("platforms", |text| match text {
        "all" | "none" | "list" => Ok(text.to_owned()),
        _ => Err("must be all, list or none".into()),
    })?;
    match known.as_deref() {
        Some("none") => Ok(Completeness::SparseIndexes),
        Some("list") => {
            let platforms = indexes.sections("platformlist")?.iter().map(platform).collect::<Result<Vec<_>, _>>()?;
            // A list of nothing asks for everything, as in distribution.
            Ok(if platforms.is_empty() { Completeness::Whole } else { Completeness::Platforms(platforms) })
        }
        _ => Ok(Completeness::Whole),
    }
}

fn platform(section: &Section<'_>) -> Result<Platform, ConfigError> {
    let name = |name: &str| section.some(name)?.ok_or_else(|| section.missing(name));
    Ok(Platform {
        os: name("os")?,
        architecture: name("architecture")?,
        variant: None,
        os_version: None,
        os_features: None,
    })
}

fn expression(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| {
        // It draws the expression and a mark below it, and says in the last line what is wrong.
        let message = error.to_string();
        let last = message.lines().last().unwrap_or_default();
        format!("must be a regular expression ({})", last.trim_start_matches("error: "))
    })
}
