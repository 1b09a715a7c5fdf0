//! One repository as it stands in storage: its tags, its links, its upload sessions.
//!
//! A link named after a sha256 says what it holds by its own name; only others are read. Knows nothing of what manifests
//! say.

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use super::{READS, list_all, read_small, with_causes};
use crate::gc::inventory::{Blocked, UploadEntry};
use crate::spec::{Algorithm, Digest, Repository, Tag};
use crate::store::keys::digest_of;
use crate::store::{self, Depth, Driver, Key, Prefix, Result, Stat};

/// A link is the text of one digest; a longer one is none.
pub(in crate::registry) const LINK_BYTES_MAX: u64 = 256;

/// That a repository holds something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    /// As the name of the link says it.
    pub(super) digest: Digest,
    /// Where the bytes stand.
    pub(super) stored: Digest,
    pub(super) changed: Option<Timestamp>,
}

/// One repository, as far as it could be read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) name: Repository,
    pub(super) tags: Vec<(Tag, Digest, Option<Timestamp>)>,
    pub(super) revisions: Vec<Link>,
    pub(super) layers: Vec<Link>,
    pub(super) uploads: Vec<UploadEntry>,
    pub(super) blocked: Option<Blocked>,
    /// Why there may be links that are not in the lists above.
    pub(super) links_unknown: Option<String>,
}

impl Read {
    fn block(&mut self, why: Blocked) {
        self.blocked.get_or_insert(why);
    }
}

pub(super) async fn read_holding(driver: &dyn Driver, name: Repository) -> Read {
    let mut read = Read {
        name: name.clone(),
        tags: vec![],
        revisions: vec![],
        layers: vec![],
        uploads: vec![],
        blocked: None,
        links_unknown: None,
    };
    read_tags(driver, &mut read).await;
    let revisions =
        Links { driver, prefix: Prefix::revisions(&name), key: &|digest| Key::revision_link(&name, digest) };
    read.revisions = revisions.read(&mut read).await;
    let layers = Links { driver, prefix: Prefix::layers(&name), key: &|digest| Key::layer_link(&name, digest) };
    read.layers = layers.read(&mut read).await;
    read_uploads(driver, &mut read).await;
    read
}

fn failed(error: &store::Error) -> Blocked {
    Blocked::Failed(with_causes(error))
}

/// What became of one tag.
enum Target {
    Digest(Digest, Timestamp),
    /// A directory without a tag, which a crash can leave.
    None,
    Damaged,
    Failed(store::Error),
}

async fn read_tags(driver: &dyn Driver, read: &mut Read) {
    let entries = match list_all(driver, &Prefix::tags(&read.name), Depth::Children, false).await {
        Ok(entries) => entries,
        Err(error) => return read.block(failed(&error)),
    };
    let mut tags: Vec<Tag> = Vec::new();
    for entry in entries {
        match entry.name.trim_end_matches('/').parse() {
            Ok(tag) => tags.push(tag),
            Err(_) => read.block(Blocked::Damaged(format!("{:?} is no name of a tag", entry.name))),
        }
    }
    let name = read.name.clone();
    let targets: Vec<(Tag, Target)> = stream::iter(tags)
        .map(|tag| async {
            let target = read_tag(driver, &Key::tag_current(&name, &tag)).await;
            (tag, target)
        })
        .buffered(READS)
        .collect()
        .await;
    for (tag, target) in targets {
        match target {
            Target::Digest(digest, changed) => read.tags.push((tag, digest, Some(changed))),
            Target::None => {}
            Target::Damaged => read.block(Blocked::Damaged(format!("the link of tag {tag} is damaged"))),
            Target::Failed(error) => read.block(failed(&error)),
        }
    }
}

async fn read_tag(driver: &dyn Driver, key: &Key) -> Target {
    let object = match driver.read(key, None).await {
        Ok(object) if object.stat.size > LINK_BYTES_MAX => return Target::Damaged,
        Ok(object) => object,
        Err(error) if error.is_not_found() => return Target::None,
        Err(error) => return Target::Failed(error),
    };
    let changed = object.stat.changed;
    match object.bytes(key).await {
        Ok(bytes) => parse_link(&bytes).map_or(Target::Damaged, |digest| Target::Digest(digest, changed)),
        Err(error) => Target::Failed(error),
    }
}

pub(in crate::registry) fn parse_link(bytes: &[u8]) -> Option<Digest> {
    std::str::from_utf8(bytes).ok()?.trim_ascii_end().parse().ok()
}

/// The links of one kind.
struct Links<'a> {
    driver: &'a dyn Driver,
    prefix: Prefix,
    key: &'a (dyn Fn(&Digest) -> Key + Sync),
}

impl Links<'_> {
    /// Every link that can be told; for those that cannot, `into` says that there may be more.
    async fn read(&self, into: &mut Read) -> Vec<Link> {
        let named = match self.names(into).await {
            Ok(named) => named,
            Err(error) => {
                into.links_unknown.get_or_insert_with(|| with_causes(&error));
                into.block(failed(&error));
                return vec![];
            }
        };
        let read: Vec<(Digest, Result<Link>)> = stream::iter(named)
            .map(|(digest, stat)| async move { (digest, self.link(digest, stat).await) })
            .buffered(READS)
            .collect()
            .await;
        let mut links = Vec::with_capacity(read.len());
        for (digest, link) in read {
            match link {
                Ok(link) => links.push(link),
                // A directory without a link, which a deletion by distribution leaves.
                Err(error) if error.is_not_found() => {}
                Err(error) => {
                    let why = format!("the link of {digest} cannot be read: {}", with_causes(&error));
                    into.links_unknown.get_or_insert_with(|| why.clone());
                    into.block(Blocked::Damaged(why));
                }
            }
        }
        links
    }

    /// What the links are named after, in the way of listing that costs the store least.
    async fn names(&self, into: &mut Read) -> Result<Vec<(Digest, Option<Stat>)>> {
        let mut entries = Vec::new();
        if self.driver.has_directories() {
            for algorithm in list_all(self.driver, &self.prefix, Depth::Children, false).await? {
                let below = list_all(self.driver, &self.prefix.child(&algorithm.name), Depth::Children, false).await?;
                entries.extend(below.into_iter().map(|entry| (format!("{}{}", algorithm.name, entry.name), None)));
            }
        } else {
            let all = list_all(self.driver, &self.prefix, Depth::All, true).await?;
            // Revisions of old have signatures below them, each with a link of its own.
            let own = all.into_iter().filter(|entry| entry.name.matches('/').count() == 2);
            entries.extend(own.map(|entry| (entry.name, entry.stat)));
        }
        let mut named = Vec::with_capacity(entries.len());
        for (name, stat) in entries {
            match digest_of(&name) {
                Some(digest) => named.push((digest, stat)),
                None => {
                    let why = format!("a link is named {name:?}, which is no digest that can be checked");
                    into.links_unknown.get_or_insert_with(|| why.clone());
                    into.block(Blocked::Damaged(why));
                }
            }
        }
        Ok(named)
    }

    async fn link(&self, digest: Digest, stat: Option<Stat>) -> Result<Link> {
        let key = (self.key)(&digest);
        let changed = match stat {
            Some(stat) => stat.changed,
            None => self.driver.stat(&key).await?.changed,
        };
        let stored = if digest.algorithm() == Algorithm::Sha256 { digest } else { self.target(&key).await? };
        Ok(Link { digest, stored, changed: Some(changed) })
    }

    /// Where the bytes stand, as the link itself says.
    async fn target(&self, key: &Key) -> Result<Digest> {
        let bytes = read_small(self.driver, key, LINK_BYTES_MAX).await?.unwrap_or_default();
        let damaged = || store::Error::Corrupt { key: key.to_string(), reason: "it is no digest".into() };
        parse_link(&bytes).filter(|stored| stored.algorithm() == Algorithm::Sha256).ok_or_else(damaged)
    }
}

async fn read_uploads(driver: &dyn Driver, read: &mut Read) {
    // Sessions that cannot be listed stay: nothing else depends on them.
    let listed = list_all(driver, &Prefix::uploads(&read.name), Depth::Children, false).await;
    for entry in listed.unwrap_or_default() {
        let Ok(id) = entry.name.trim_end_matches('/').parse() else { continue };
        let data = driver.stat(&Key::upload_data(&read.name, &id)).await.ok();
        let started = driver.stat(&Key::upload_started(&read.name, &id)).await.ok();
        let changed = [data, started].into_iter().flatten().map(|stat| stat.changed).max();
        read.uploads.push(UploadEntry { id, size: data.map_or(0, |stat| stat.size), changed });
    }
}
