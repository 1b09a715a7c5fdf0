//! Where images are: a reference, or an image layout `oci:DIR[:TAG]`.

use std::fmt;
use std::path::PathBuf;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::content::options::Relation;
use crate::content::{Source, Target};
use crate::layout::Layout;
use crate::spec::{Host, Locator, Reference, Tag};

/// Where an image is, as the user named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Remote(Reference),
    Layout { dir: PathBuf, locator: Option<Locator> },
}

impl Place {
    pub(crate) fn parse(context: &Context, text: &str) -> Result<Self, Failure> {
        match text.strip_prefix("oci:") {
            Some("") => {
                Err(Failure::usage(format!("invalid place {text:?}: the directory is missing"))
                    .with_hint("oci:DIR[:TAG]"))
            }
            Some(rest) => Ok(Self::layout(rest)),
            None => Ok(Self::Remote(context.reference(text)?)),
        }
    }

    /// What follows the last colon is a tag if it can be one; `@` begins a digest.
    fn layout(text: &str) -> Self {
        let with = |dir: &str, locator| Self::Layout { dir: dir.into(), locator };
        if let Some((dir, digest)) = text.rsplit_once('@')
            && let Ok(digest) = digest.parse()
        {
            return with(dir, Some(Locator::Digest(digest)));
        }
        match text.rsplit_once(':') {
            Some((dir, tag)) if !dir.is_empty() => match tag.parse() {
                Ok(tag) => with(dir, Some(Locator::Tag(tag))),
                Err(_) => with(text, None),
            },
            _ => with(text, None),
        }
    }

    pub(crate) fn locator(&self) -> Option<Locator> {
        match self {
            Self::Remote(reference) => reference.locator(),
            Self::Layout { locator, .. } => locator.clone(),
        }
    }

    pub(crate) fn tag(&self) -> Option<&Tag> {
        match self {
            Self::Remote(reference) => reference.tag.as_ref(),
            Self::Layout { locator: Some(Locator::Tag(tag)), .. } => Some(tag),
            Self::Layout { .. } => None,
        }
    }

    pub(crate) fn host(&self) -> Option<&Host> {
        match self {
            Self::Remote(reference) => Some(&reference.host),
            Self::Layout { .. } => None,
        }
    }

    /// The same place with another tag or digest.
    pub(crate) fn at(&self, locator: Locator) -> Self {
        match self {
            Self::Remote(reference) => Self::Remote(reference.at(locator)),
            Self::Layout { dir, .. } => Self::Layout { dir: dir.clone(), locator: Some(locator) },
        }
    }

    pub(crate) async fn open_source(&self, context: &Context) -> Result<Opened, Failure> {
        match self {
            Self::Remote(reference) => Ok(Opened::Remote(Box::new(context.repository(reference)?))),
            Self::Layout { dir, .. } => Ok(Opened::Layout(Layout::open(dir).await?)),
        }
    }

    pub(crate) async fn open_target(&self, context: &Context) -> Result<Box<dyn Target>, Failure> {
        match self {
            Self::Remote(reference) => Ok(Box::new(context.repository(reference)?)),
            Self::Layout { dir, .. } => Ok(Box::new(Layout::open_or_make(dir).await?)),
        }
    }

    /// How content from here lies to content in `target`.
    pub(crate) fn relation_to(&self, target: &Self) -> Relation {
        match (self, target) {
            (Self::Remote(source), Self::Remote(target)) if source.host == target.host => {
                if source.repository == target.repository {
                    Relation::SamePlace
                } else {
                    Relation::SameRegistry(source.repository.clone())
                }
            }
            _ => Relation::Apart,
        }
    }
}

/// A source that is open.
pub(crate) enum Opened {
    Remote(Box<dyn Source>),
    Layout(Layout),
}

impl Opened {
    pub(crate) fn source(&self) -> &dyn Source {
        match self {
            Self::Remote(remote) => remote.as_ref(),
            Self::Layout(layout) => layout,
        }
    }

    /// What is meant when neither tag nor digest is named: the only image of a layout, else `latest`.
    pub(crate) async fn default_image(&self, place: &Place) -> Result<(Locator, Option<Tag>), Failure> {
        let Self::Layout(layout) = self else {
            let latest: Tag = "latest".parse()?;
            return Ok((latest.clone().into(), Some(latest)));
        };
        let tags = layout.tags().await?;
        // Referrers stand in the list too, and are not what a person means.
        let images: Vec<_> = layout.roots().await?.into_iter().filter(|root| root.artifact_type.is_none()).collect();
        match (images.as_slice(), tags.as_slice()) {
            ([], _) => {
                Err(Failure::message(crate::cli::failure::Kind::NotFound, format!("there is no image in {place}")))
            }
            ([only], []) => Ok((only.digest.into(), None)),
            (_, [tag]) => Ok((tag.clone().into(), Some(tag.clone()))),
            (_, _) => {
                let names: Vec<_> = tags.iter().take(10).map(Tag::as_str).collect();
                Err(Failure::usage(format!("there are several images in {place}"))
                    .with_hint(format!("name one: {place}:TAG; there is {}", names.join(", "))))
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(reference) => reference.fmt(f),
            Self::Layout { dir, locator } => {
                write!(f, "oci:{}", dir.display())?;
                match locator {
                    Some(Locator::Tag(tag)) => write!(f, ":{tag}"),
                    Some(Locator::Digest(digest)) => write!(f, "@{digest}"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_named_as_skopeo_names_them() {
        for (text, dir, locator) in [
            ("d", "d", None),
            ("/a/b:v1", "/a/b", Some("v1")),
            ("../x:y:v1", "../x:y", Some("v1")),
            ("a:b/c", "a:b/c", None),
            (":v1", ":v1", None),
            ("d:", "d:", None),
            ("d@sha256:abc", "d@sha256", Some("abc")),
        ] {
            let locator = locator.map(|tag: &str| Locator::Tag(tag.parse().expect("a tag")));
            assert_eq!(Place::layout(text), Place::Layout { dir: dir.into(), locator }, "{text}");
        }
        let digest = crate::spec::Digest::sha256(b"");
        let place = Place::layout(&format!("d@{digest}"));
        assert_eq!(place, Place::Layout { dir: "d".into(), locator: Some(Locator::Digest(digest)) });
        assert_eq!(place.to_string(), format!("oci:d@{digest}"));
    }
}
