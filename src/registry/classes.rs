//! Which sorts of content a registry takes (`policy.repository.classes`), as distribution tells them apart: by the config.

use super::{Error, Result};
use crate::spec::Manifest;
use crate::spec::manifest::Content;

/// Configs by class.
const CONFIGS: &[(&str, &str)] = &[
    ("application/vnd.docker.container.image.v1+json", "image"),
    ("application/vnd.oci.image.config.v1+json", "image"),
    ("application/vnd.docker.plugin.v1+json", "plugin"),
];

/// Whether one of `classes` is that of a manifest; of none, everything is taken. An index has no class. They hold for what is
/// pushed, and not for what is there.
///
/// # Errors
/// [`Error::ClassRefused`]
pub(super) fn check(classes: &[String], manifest: &Manifest) -> Result<()> {
    let Content::Image { config, .. } = manifest.content() else { return Ok(()) };
    if classes.is_empty() {
        return Ok(());
    }
    let config = config.as_ref().map_or_else(|| "no media type".into(), |config| config.media_type.to_string());
    match CONFIGS.iter().find(|(known, _)| *known == config) {
        Some((_, class)) if classes.iter().any(|allowed| allowed == class) => Ok(()),
        Some((_, class)) => Err(Error::ClassRefused(format!("{class} manifests"))),
        None => Err(Error::ClassRefused(format!("manifests with a config of {config}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(classes: &[&str], config: &str) -> Option<String> {
        let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"{config}","digest":"{digest}","size":2}},"layers":[]}}"#
        );
        let manifest = Manifest::parse(text.into(), None).expect("a manifest");
        let classes: Vec<String> = classes.iter().map(|&class| class.to_owned()).collect();
        check(&classes, &manifest).err().map(|error| error.to_string())
    }

    #[test]
    fn classes_of_what_is_pushed() {
        let (image, plugin) = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.plugin.v1+json");
        let docker = "application/vnd.docker.container.image.v1+json";
        let chart = "application/vnd.cncf.helm.config.v1+json";
        for config in [image, plugin, docker, chart] {
            assert_eq!(refused(&[], config), None, "{config}");
        }
        assert_eq!((refused(&["image"], image), refused(&["image"], docker)), (None, None));
        assert_eq!(refused(&["plugin", "image"], plugin), None);
        assert_eq!(refused(&["image"], plugin).as_deref(), Some("the registry takes no plugin manifests"));
        assert_eq!(refused(&["plugin"], image).as_deref(), Some("the registry takes no image manifests"));
        let said = format!("the registry takes no manifests with a config of {chart}");
        assert_eq!(refused(&["image"], chart), Some(said));
    }
}
