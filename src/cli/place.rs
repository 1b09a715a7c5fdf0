//! Where images are: a reference, an image layout `oci:DIR[:TAG]`, or an archive.

use std::fmt;
use std::path::PathBuf;

use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::cli::naming::is_foreign;
use crate::content::options::Relation;
use crate::content::{Source, Target};
use crate::layout::{ArchiveTarget, DockerArchive, Form, Layout};
use crate::spec::{Host, Locator, Reference, Tag};

/// The places that are files, for the help of commands: brackets in a doc comment would be links.
pub(super) const FILES_HELP: &str = "oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:NAME[:TAG]]";

/// Where an image is, as the user named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Remote(Reference),
    Layout {
        dir: PathBuf,
        locator: Option<Locator>,
    },
    /// A layout in a tar archive.
    OciArchive {
        file: PathBuf,
        locator: Option<Locator>,
    },
    /// What `docker save` writes and `docker load` reads; the name is a repository's.
    DockerArchive {
        file: PathBuf,
        name: Option<String>,
        locator: Option<Locator>,
    },
}

impl Place {
    pub(crate) fn parse(context: &Context, text: &str) -> Result<Self, Failure> {
        type Parse = fn(&str) -> Place;
        let files: [(&str, Parse, &str); 3] = [
            ("oci:", Self::layout, "oci:DIR[:TAG]"),
            ("oci-archive:", Self::oci_archive, "oci-archive:FILE[:TAG]"),
            ("docker-archive:", Self::docker_archive, "docker-archive:FILE[:NAME[:TAG]]"),
        ];
        for (prefix, parse, form) in files {
            match text.strip_prefix(prefix) {
                Some("") => {
                    return Err(Failure::usage(format!("invalid place {text:?}: the path is missing")).with_hint(form));
                }
                Some(rest) => return Ok(parse(rest)),
                None => {}
            }
        }
        if let Some(meant) = mistyped(text).filter(|_| !is_foreign(text)) {
            return Err(Failure::usage(format!("{text:?} is a file's name, and a registry's image is expected"))
                .with_hint(format!("did you mean {meant}?")));
        }
        Ok(Self::Remote(context.reference(text)?))
    }

    fn layout(text: &str) -> Self {
        let (dir, locator) = split(text);
        Self::Layout { dir: dir.into(), locator }
    }

    fn oci_archive(text: &str) -> Self {
        let (file, locator) = split(text);
        Self::OciArchive { file: file.into(), locator }
    }

    /// The file ends at the first colon, as in skopeo; the rest is a name as docker knows it.
    fn docker_archive(text: &str) -> Self {
        let (file, name) = text.split_once(':').map_or((text, None), |(file, name)| (file, Some(name)));
        let (name, locator) = match name {
            Some(name) => match name.rsplit_once(':').map(|(name, tag)| (name, tag.parse::<Tag>())) {
                Some((name, Ok(tag))) => (Some(name.to_owned()), Some(Locator::Tag(tag))),
                _ => (Some(name.to_owned()), None),
            },
            None => (None, None),
        };
        Self::DockerArchive { file: file.into(), name, locator }
    }

    pub(crate) fn locator(&self) -> Option<Locator> {
        match self {
            Self::Remote(reference) => reference.locator(),
            Self::Layout { locator, .. } | Self::OciArchive { locator, .. } | Self::DockerArchive { locator, .. } => {
                locator.clone()
            }
        }
    }

    pub(crate) fn tag(&self) -> Option<&Tag> {
        match self {
            Self::Remote(reference) => reference.tag.as_ref(),
            Self::Layout { locator, .. } | Self::OciArchive { locator, .. } | Self::DockerArchive { locator, .. } => {
                match locator {
                    Some(Locator::Tag(tag)) => Some(tag),
                    _ => None,
                }
            }
        }
    }

    /// The reference, of a place in a registry.
    pub(crate) fn reference(&self) -> Option<&Reference> {
        match self {
            Self::Remote(reference) => Some(reference),
            Self::Layout { .. } | Self::OciArchive { .. } | Self::DockerArchive { .. } => None,
        }
    }

    pub(crate) fn host(&self) -> Option<&Host> {
        self.reference().map(|reference| &reference.host)
    }

    /// A failure of this place, with what may help there.
    pub(crate) fn failed(&self, error: impl Into<Failure>) -> Failure {
        match self.host() {
            Some(host) => error.into().at(host),
            None => error.into(),
        }
    }

    /// Whether it can only be written from its beginning to its end.
    pub(crate) fn is_archive(&self) -> bool {
        matches!(self, Self::OciArchive { .. } | Self::DockerArchive { .. })
    }

    /// The same place with another tag or digest.
    pub(crate) fn at(&self, locator: Locator) -> Self {
        let mut place = self.clone();
        match &mut place {
            Self::Remote(reference) => *reference = reference.at(locator),
            Self::Layout { locator: own, .. }
            | Self::OciArchive { locator: own, .. }
            | Self::DockerArchive { locator: own, .. } => *own = Some(locator),
        }
        place
    }

    pub(crate) async fn open_source(&self, context: &Context) -> Result<Opened, Failure> {
        match self {
            Self::Remote(reference) => Ok(Opened::Remote(Box::new(context.repository(reference)?))),
            Self::Layout { dir, .. } => Ok(Opened::Layout(Layout::open(dir).await?)),
            Self::OciArchive { file, .. } => Ok(Opened::Layout(Layout::open_archive(file).await?)),
            Self::DockerArchive { file, name, locator } => {
                Ok(Opened::Docker(DockerArchive::open(file, name.as_deref(), locator.as_ref()).await?))
            }
        }
    }

    pub(crate) async fn open_target(&self, context: &Context) -> Result<OpenedTarget, Failure> {
        Ok(match self {
            Self::Remote(reference) => OpenedTarget::InPlace(Box::new(context.repository(reference)?)),
            Self::Layout { dir, .. } => OpenedTarget::InPlace(Box::new(Layout::open_or_make(dir).await?)),
            Self::OciArchive { file, .. } => OpenedTarget::Archive(ArchiveTarget::new(file, Form::Oci)),
            Self::DockerArchive { file, name, .. } => {
                OpenedTarget::Archive(ArchiveTarget::new(file, Form::Docker { name: name.clone() }))
            }
        })
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

/// What somebody meant who typed the name of a file where a reference stands. A host before it makes it one all the same.
fn mistyped(text: &str) -> Option<String> {
    let name = split(text).0;
    let is_tar = [text, name].iter().any(|name| [".tar", ".tar.gz", ".tgz"].iter().any(|end| name.ends_with(end)));
    let is_path = text == "." || text == ".." || ["./", "../", "/", "~"].iter().any(|start| text.starts_with(start));
    match (is_tar, is_path) {
        (true, true) => Some(format!("oci-archive:{text} or docker-archive:{text}")),
        (true, false) if Reference::host_part(text).is_none() => {
            Some(format!("oci-archive:{text} or docker-archive:{text}; a repository of that name is HOST/{name}"))
        }
        (false, true) => Some(format!("oci:{text}")),
        _ => None,
    }
}

/// What follows the last colon is a tag if it can be one; `@` begins a digest.
fn split(text: &str) -> (&str, Option<Locator>) {
    if let Some((path, digest)) = text.rsplit_once('@')
        && let Ok(digest) = digest.parse()
    {
        return (path, Some(Locator::Digest(digest)));
    }
    match text.rsplit_once(':') {
        Some((path, tag)) if !path.is_empty() => match tag.parse() {
            Ok(tag) => (path, Some(Locator::Tag(tag))),
            Err(_) => (text, None),
        },
        _ => (text, None),
    }
}

/// A source that is open.
pub(crate) enum Opened {
    Remote(Box<dyn Source>),
    Layout(Layout),
    Docker(DockerArchive),
}

/// A target that is open.
pub(crate) enum OpenedTarget {
    /// What is written is there.
    InPlace(Box<dyn Target>),
    /// What is written is there at the end.
    Archive(ArchiveTarget),
}

impl OpenedTarget {
    pub(crate) fn target(&self) -> &dyn Target {
        match self {
            Self::InPlace(target) => target.as_ref(),
            Self::Archive(archive) => archive,
        }
    }

    /// Nothing more will be written.
    pub(crate) async fn finish(&self) -> Result<(), Failure> {
        match self {
            Self::InPlace(_) => Ok(()),
            Self::Archive(archive) => Ok(archive.finish().await?),
        }
    }
}

impl Opened {
    pub(crate) fn source(&self) -> &dyn Source {
        match self {
            Self::Remote(remote) => remote.as_ref(),
            Self::Layout(layout) => layout,
            Self::Docker(archive) => archive,
        }
    }

    /// What is meant when neither tag nor digest is named: the only image of a place in files, else `latest`.
    pub(crate) async fn default_image(&self, place: &Place) -> Result<(Locator, Option<Tag>), Failure> {
        let several = |names: &[String]| {
            let names = names.iter().take(10).map(String::as_str).collect::<Vec<_>>().join(", ");
            Err(Failure::usage(format!("there are several images in {place}"))
                .with_hint(format!("name one behind the path; there is {names}")))
        };
        let none = || Err(Failure::message(Kind::NotFound, format!("there is no image in {place}")));
        match self {
            Self::Remote(_) => {
                let latest: Tag = "latest".parse()?;
                Ok((latest.clone().into(), Some(latest)))
            }
            Self::Layout(layout) => {
                let tags = layout.tags().await?;
                // Referrers stand in the list too, and are not what a person means.
                let mut images = layout.roots().await?;
                images.retain(|root| root.artifact_type.is_none());
                match (images.as_slice(), tags.as_slice()) {
                    ([], _) => none(),
                    ([only], []) => Ok((only.digest.into(), None)),
                    (_, [tag]) => Ok((tag.clone().into(), Some(tag.clone()))),
                    (_, _) => several(&tags.iter().map(Tag::to_string).collect::<Vec<_>>()),
                }
            }
            Self::Docker(archive) => match archive.only() {
                Some((digest, tag)) => Ok((digest.into(), tag)),
                None if archive.is_empty() => none(),
                None => several(&archive.names()),
            },
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(reference) => return reference.fmt(f),
            Self::Layout { dir, .. } => write!(f, "oci:{}", dir.display())?,
            Self::OciArchive { file, .. } => write!(f, "oci-archive:{}", file.display())?,
            Self::DockerArchive { file, name: Some(name), .. } => {
                write!(f, "docker-archive:{}:{name}", file.display())?
            }
            // A tag alone names nothing in such an archive.
            Self::DockerArchive { file, name: None, locator } => {
                write!(f, "docker-archive:{}", file.display())?;
                return match locator {
                    Some(Locator::Digest(digest)) => write!(f, "@{digest}"),
                    _ => Ok(()),
                };
            }
        }
        match self.locator() {
            Some(Locator::Tag(tag)) => write!(f, ":{tag}"),
            Some(Locator::Digest(digest)) => write!(f, "@{digest}"),
            None => Ok(()),
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

    #[test]
    fn archives_are_named_as_skopeo_names_them() {
        let tag = |tag: &str| Some(Locator::Tag(tag.parse().expect("a tag")));
        for (text, file, name, locator) in [
            ("a.tar", "a.tar", None, None),
            ("/x/a.tar:app", "/x/a.tar", Some("app"), None),
            ("a.tar:app:v1", "a.tar", Some("app"), tag("v1")),
            ("a.tar:localhost:5000/app", "a.tar", Some("localhost:5000/app"), None),
            ("a.tar:localhost:5000/app:v1", "a.tar", Some("localhost:5000/app"), tag("v1")),
        ] {
            let place = Place::docker_archive(text);
            let expected = Place::DockerArchive { file: file.into(), name: name.map(str::to_owned), locator };
            assert_eq!(place, expected, "{text}");
            assert_eq!(place.to_string(), format!("docker-archive:{text}"));
        }
        assert_eq!(Place::oci_archive("a.tar:v1"), Place::OciArchive { file: "a.tar".into(), locator: tag("v1") });
    }
}
