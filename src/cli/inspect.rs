//! `reg inspect`: what an image or index is made of.

mod text;
mod view;

use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;

use super::context::Context;
use super::enrich::ConfigFacts;
use super::failure::{Failure, Kind};
use super::flags::Format;
use super::output::Document;
use super::place::{self, Opened, Place};
use crate::content::{self, Source};
use crate::spec::limits::MANIFEST_BYTES_MAX;
use crate::spec::manifest::Content;
use crate::spec::{Descriptor, Digest, Locator, Manifest, MediaType, Platform};
use view::{Child, Item};

/// Manifests that are read at the same time.
const CONCURRENCY: usize = 8;

/// Show what an image or index is made of
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(help = format!("Image or index, {}; without a tag, latest", place::FILES_HELP))]
    reference: String,

    /// Write the manifest, exactly its bytes
    #[arg(long)]
    raw: bool,

    /// Write the config, exactly its bytes
    #[arg(long, conflicts_with = "raw")]
    config: bool,

    /// The image of an index for this platform
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<Platform>,
}

/// What is inspected: where it is, and the manifest that was found.
struct Subject<'a> {
    source: &'a dyn Source,
    /// What the user typed.
    typed: &'a str,
    place: Place,
    digest: Digest,
    manifest: Manifest,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let place = Place::parse(context, &args.reference)?;
    let cannot = || format!("cannot inspect {}", args.reference);
    let opened: Opened = explain(&place, cannot, place.open_source(context).await)?;
    let locator = match place.locator() {
        Some(locator) => locator,
        None => opened.default_image(&place).await?.0,
    };
    let (digest, manifest) = explain(&place, cannot, opened.source().manifest(&locator).await)?;
    let place = place.at(locator);
    let mut subject = Subject { source: opened.source(), typed: &args.reference, place, digest, manifest };
    if let Some(platform) = &args.platform {
        subject.choose(platform).await?;
    }
    if args.raw {
        return context.output.data(subject.manifest.bytes());
    }
    if args.config {
        let config = subject.config_descriptor()?;
        let bytes = subject.config_bytes(config).await;
        return context.output.data(&explain(&subject.place, cannot, bytes)?);
    }
    let mut item = explain(&subject.place, cannot, subject.describe().await)?;
    match subject.source.referrers(&subject.digest).await {
        Ok(referrers) => item.referrers = Some(referrers.iter().map(Into::into).collect()),
        Err(error) => context.output.warn(format!("the referrers are not known: {}", Failure::from(error).line())),
    }
    match context.output.format() {
        Format::Table | Format::Wide => context.output.text(&text::render(&item, context.output.style())),
        _ => {
            let reference = subject.place.reference();
            let mut rows = context.output.rows(Document {
                schema: "reg.inspect/v1",
                registry: reference.map(|reference| reference.host.to_string()),
                repository: reference.map(|reference| reference.repository.to_string()),
            });
            rows.push(item)?;
            rows.finish()
        }
    }
}

/// Says what failed, and where.
fn explain<T, E: Into<Failure>>(
    place: &Place,
    what: impl FnOnce() -> String,
    result: Result<T, E>,
) -> Result<T, Failure> {
    result.map_err(|error| place.failed(error).context(what()))
}

impl Subject<'_> {
    /// Goes on with the image that an index lists for `platform`.
    async fn choose(&mut self, platform: &Platform) -> Result<(), Failure> {
        if !self.manifest.is_index() {
            return self.check_platform(platform).await;
        }
        let fits = |child: &&Descriptor| child.platform.as_ref().is_some_and(|there| platform.accepts(there));
        let Some(child) = self.manifest.manifests().iter().find(fits) else {
            let known: Vec<String> = platforms(&self.manifest).iter().map(ToString::to_string).collect();
            return Err(Failure::message(Kind::NotFound, format!("{} has no image for {platform}", self.typed))
                .with_hint(format!("it has {}", known.join(", "))));
        };
        let locator = Locator::Digest(child.digest);
        let read = self.source.manifest(&locator).await;
        let what = || format!("cannot inspect {} for {platform}", self.typed);
        (self.digest, self.manifest) = explain(&self.place, what, read)?;
        Ok(())
    }

    /// An image alone is for one platform: the one asked for, or the question is wrong.
    async fn check_platform(&self, platform: &Platform) -> Result<(), Failure> {
        let facts = match self.config_descriptor() {
            Ok(config) => self.config_bytes(config).await?,
            Err(_) => return Ok(()),
        };
        let facts: ConfigFacts = serde_json::from_slice(&facts).unwrap_or_default();
        match facts.platform() {
            Some(there) if !platform.accepts(there) => {
                Err(Failure::message(Kind::NotFound, format!("{} is for {there}, not for {platform}", self.typed)))
            }
            _ => Ok(()),
        }
    }

    fn config_descriptor(&self) -> Result<&Descriptor, Failure> {
        match self.manifest.content() {
            Content::Image { config: Some(config), .. } => Ok(config),
            Content::Image { config: None, .. } => {
                Err(Failure::message(Kind::NotFound, format!("{} has no config", self.typed)))
            }
            Content::Index { .. } => {
                let known: Vec<String> =
                    platforms(&self.manifest).iter().map(|platform| format!("--platform {platform}")).collect();
                Err(Failure::usage(format!("{} is an index, and each of its images has a config", self.typed))
                    .with_hint(known.join(", or ")))
            }
        }
    }

    async fn config_bytes(&self, config: &Descriptor) -> content::Result<bytes::Bytes> {
        self.source.fetch(config).await?.bytes(MANIFEST_BYTES_MAX).await
    }

    /// Everything that is shown but for the referrers.
    async fn describe(&self) -> content::Result<Item> {
        let mut item = Item::new(self.place.to_string(), self.digest, &self.manifest);
        item.name = self.place.at(self.digest.into()).to_string();
        match self.manifest.content() {
            Content::Image { config: Some(config), .. } => {
                let is_image = [MediaType::OCI_CONFIG, MediaType::DOCKER_CONFIG].contains(&config.media_type);
                if is_image {
                    let bytes = self.config_bytes(config).await?;
                    let facts: ConfigFacts = serde_json::from_slice(&bytes).unwrap_or_default();
                    item.add_config(&facts, serde_json::from_slice(&bytes).unwrap_or(Value::Null));
                }
            }
            Content::Image { config: None, .. } => {}
            Content::Index { manifests } => item.add_children(self.children(manifests).await?),
        }
        Ok(item)
    }

    /// What an index lists, with the sizes of its images. One that is not there (an index may be sparse) has none.
    async fn children(&self, listed: &[Descriptor]) -> content::Result<Vec<(Child, Option<Manifest>)>> {
        let mut found = stream::iter(listed.to_vec())
            .map(async |descriptor| {
                let read = match descriptor.media_type.is_manifest() {
                    true => self.source.manifest(&Locator::Digest(descriptor.digest)).await.map(Some),
                    false => Ok(None),
                };
                (descriptor, read)
            })
            .buffered(CONCURRENCY);
        let mut children = Vec::new();
        while let Some((descriptor, read)) = found.next().await {
            let manifest = match read {
                Ok(found) => found.map(|(_, manifest)| manifest),
                Err(error) if error.kind == content::Kind::NotFound => None,
                Err(error) => return Err(error),
            };
            children.push((Child::new(&descriptor, manifest.as_ref()), manifest));
        }
        Ok(children)
    }
}

/// The platforms that an index names.
fn platforms(manifest: &Manifest) -> Vec<Platform> {
    let listed = manifest.manifests().iter().filter_map(|child| child.platform.clone());
    listed.filter(|platform| !platform.is_unknown()).collect()
}
