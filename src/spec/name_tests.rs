//! Names: the grammar of the spec by example, and its agreement with the spec's own regular expressions.

use proptest::prelude::*;

use super::*;

#[test]
fn repositories() {
    for good in ["a", "library/alpine", "a.b/c_d/e__f/g-h/i---j", "0/1", &"a".repeat(255)] {
        assert!(good.parse::<Repository>().is_ok(), "{good:?}");
    }
    for bad in [
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        "A",
        "a.",
        ".a",
        "a..b",
        "a___b",
        "_a",
        "a_",
        "-a",
        "a-",
        "a/../b",
        "..",
        ".",
        "a b",
        "a\0b",
        "a%2fb",
        "é",
        "_uploads",
        "a/_layers",
        "a._b",
    ] {
        assert!(matches!(bad.parse::<Repository>(), Err(NameError::Repository(_))), "{bad:?}");
    }
    assert_eq!("a".repeat(256).parse::<Repository>(), Err(NameError::RepositoryTooLong));
}

#[test]
fn tags() {
    for good in ["a", "A", "_", "1.0", "v1.0-rc.1_x", &"t".repeat(128)] {
        assert!(good.parse::<Tag>().is_ok(), "{good:?}");
    }
    for bad in ["", ".", "-a", ".a", "a b", "a/b", "a:b", "ä", "a\n", &"t".repeat(129)] {
        assert!(matches!(bad.parse::<Tag>(), Err(NameError::Tag(_))), "{bad:?}");
    }
}

#[test]
fn upload_ids_are_uuids() {
    let id = UploadId::from_random([0xff; 16]);
    assert_eq!(id.as_str(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    assert_eq!(id.as_str().parse::<UploadId>().as_ref(), Ok(&id));
    for bad in ["", "..", "ffffffff-ffff-4fff-bfff-fffffffffff/", "FFFFFFFF-ffff-4fff-bfff-ffffffffffff"] {
        assert!(bad.parse::<UploadId>().is_err(), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn repositories_agree_with_the_specs_expression(text in "[a-c0_./-]{0,12}") {
        let expression = regex::Regex::new(
            r"^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$",
        ).expect("valid expression");
        prop_assert_eq!(text.parse::<Repository>().is_ok(), expression.is_match(&text), "{}", text);
    }

    #[test]
    fn names_never_panic(text in "\\PC{0,300}") {
        let _ = text.parse::<Repository>();
        let _ = text.parse::<Tag>();
        let _ = text.parse::<Locator>();
        let _ = text.parse::<UploadId>();
    }
}
