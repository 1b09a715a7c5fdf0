//! What is generated and committed is what the binary generates. `UPDATE_EXPECT=1` writes it anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use expect_test::expect_file;

use crate::support::Env;

#[test]
fn completions() {
    let env = Env::without_server();
    for (shell, file) in [("bash", "reg.bash"), ("fish", "reg.fish"), ("zsh", "_reg")] {
        let script = env.reg(&format!("completions {shell}"));
        expect_file![root().join("completions").join(file)].assert_eq(script.ok());
    }
}

#[test]
fn manual_pages() {
    let env = Env::without_server();
    let written = env.reg("man $TMP/man");
    assert_eq!(written.ok(), "");
    assert_eq!(written.stderr, "the pages of all commands are in $TMP/man: man -l $TMP/man/reg.1\n");
    let generated = names(&env.path("man"));
    assert!(generated.contains("reg.1") && generated.contains("reg-tags.1"), "{generated:?}");
    for name in &generated {
        let page = std::fs::read_to_string(env.path("man").join(name)).expect("a page");
        expect_file![root().join("man").join(name)].assert_eq(&page);
    }
    assert_eq!(names(&root().join("man")), generated, "pages of commands that are gone");
    let page = std::fs::read_to_string(env.path("man/reg.1")).expect("a page");
    assert_eq!(env.reg("man").ok(), page);
    for (words, name) in [
        ("serve", "reg-serve.1"),
        ("rm", "reg-delete.1"),
        ("config check", "reg-config-check.1"),
        ("config.yml", "reg-config.5"),
    ] {
        let page = std::fs::read_to_string(env.path("man").join(name)).expect("a page");
        assert_eq!(env.reg(&format!("man {words}")).ok(), env.normalize(&page), "{words}");
        assert!(!env.path(words).exists());
    }
    // A directory that is there wins over the command of its name.
    assert_eq!(env.reg("man man").ok(), "");
    let unknown = env.reg("man serv");
    assert_eq!((unknown.exit, env.path("serv").exists()), (Some(2), false), "{unknown}");
}

/// The examples of a page, each between `.nf` and `.fi`, as a reader sees them.
fn examples(page: &str) -> Vec<String> {
    let page = std::fs::read_to_string(root().join("man").join(page)).expect("a page");
    let parts = page.split("\n.nf\n").skip(1);
    parts.map(|part| part.split_once(".fi").expect("its end").0.replace("\\-", "-")).collect()
}

/// The last of them.
fn example(page: &str) -> String {
    examples(page).pop().expect("an example")
}

/// What the pages show as files of ours is read without complaint.
#[test]
fn the_examples_of_the_manual_are_valid() {
    let mut env = Env::new();
    env.push("app:v1", &crate::support::image(1));
    std::fs::write(env.path("policy.toml"), example("reg-gc-plan.1")).expect("written");
    assert_eq!(env.reg("gc-plan $REG --policy $TMP/policy.toml").exit, Some(0));
    std::fs::create_dir(env.path("etc")).expect("made");
    assert_eq!(env.reg_with_input("user add $TMP/etc/htpasswd alice --password-stdin", "secret\n").exit, Some(0));
    assert_eq!(env.reg("token create $TMP/etc/tokens alice -s **:pull").exit, Some(0));
    env.set("REGISTRY_HTTP_SECRET", "0123456789abcdef0123456789abcdef");
    let configs = examples("reg-config.5");
    let (whole, parts) = configs.split_first().expect("examples");
    let parts = parts.iter().map(|part| format!("version: 0.1\nstorage: inmemory\n{part}"));
    let with_address =
        |text: String| if text.contains("\nhttp:") { text } else { format!("{text}http: {{addr: ':0'}}\n") };
    let mut sections = String::new();
    for text in std::iter::once(whole.clone()).chain(parts.map(with_address)) {
        let here = |path: &str| env.path(path).to_str().expect("text").to_owned();
        let text = text.replace("/var/lib", &here(".")).replace("/etc/registry", &here("etc"));
        std::fs::write(env.path("config.yml"), &text).expect("written");
        let checked = env.reg("config check $TMP/config.yml");
        assert_eq!((checked.exit, checked.stderr.as_str()), (Some(0), ""), "{text}{checked}");
        sections.extend(
            checked.stdout.lines().filter_map(|line| line.split_once("  ")).map(|(name, _)| format!("{name} ")),
        );
    }
    for section in ["access ", "tokens ", "limits ", "quotas ", "notifications ", "health ", "debug "] {
        assert!(sections.contains(section), "no example of {section}: {sections}");
    }
    std::fs::write(env.path("config.toml"), example("reg.1")).expect("written");
    env.set("REG_CONFIG", "$TMP/config.toml");
    assert_eq!(env.reg("tags $REG/app -o name").ok(), "$REG/app:v1\n");
}

/// `:` ends a word for bash, and references are full of it: what follows one must still be completed.
#[test]
fn bash_completes_behind_a_reference() {
    let env = Env::without_server();
    let script = format!(
        "source {}/completions/reg.bash
        complete_line() {{
            COMP_LINE=\"$1\"; COMP_POINT=${{#1}}; COMPREPLY=()
            COMP_WORDS=($(printf '%s' \"$1\" | sed 's/:/ : /g')); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            _reg reg \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"
            echo \"${{COMPREPLY[@]}}\"
        }}
        complete_line 'reg tags localhost:5000/team/app --so'
        complete_line 'reg delete app:copy --dry'",
        root().display()
    );
    let output = env.run(std::process::Command::new("bash").args(["--norc", "-c", &script]), "");
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("--sort\n--dry-run\n", ""), "{output}");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect()
}
