//! The part of the configuration that is text and trees, from the product's files.

#[path = "../src/server/config/check.rs"]
pub(super) mod check;
#[path = "../src/server/config/defaults.rs"]
pub(super) mod defaults;
#[path = "../src/server/config/faults.rs"]
pub(super) mod faults;
#[path = "../src/server/config/keys.rs"]
pub(super) mod keys;
#[path = "../src/server/config/overlay.rs"]
pub(super) mod overlay;
#[path = "../src/server/config/schema.rs"]
pub(super) mod schema;
#[path = "../src/server/config/section.rs"]
pub(super) mod section;
#[path = "../src/server/config/show.rs"]
pub(super) mod show;
#[path = "../src/server/config/tree.rs"]
pub(super) mod tree;
#[path = "../src/server/config/values.rs"]
pub(super) mod values;
#[path = "../src/server/config/yaml.rs"]
pub(super) mod yaml;

use self::faults::Faults;
use self::tree::Node;

/// A file under variables, checked and complete; and what it says.
pub(crate) fn read(text: &str, variables: &[(&str, &str)]) -> Option<(String, Vec<(String, serde_json::Value)>)> {
    let mut tree: Node = yaml::parse(&"f".into(), text).ok()?;
    overlay::expand_name(&keys::ROOT, &mut tree);
    let mut faults = Faults::default();
    for warning in overlay::apply(&mut tree, variables.iter().copied(), &mut faults) {
        assert!(warning.to_string().starts_with("REGISTRY_"));
    }
    check::check(&tree, &mut faults);
    faults.check().ok()?;
    defaults::local(&mut tree, None);
    defaults::complete(&mut tree);
    let settings = show::settings(&tree);
    let yaml = show::yaml(&settings);
    Some((yaml, settings.into_iter().map(|setting| (setting.name(), setting.value)).collect()))
}
