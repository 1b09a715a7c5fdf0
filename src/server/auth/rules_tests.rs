//! Tables of decisions, and what must hold of any rules.

use proptest::prelude::*;

use super::*;

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn name(text: &str) -> Repository {
    text.parse().expect("a repository")
}

fn grant(patterns: &[&str], actions: &[Action]) -> Grant {
    let patterns = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
    Grant::new(Patterns::new(patterns).expect("patterns"), actions.iter().copied())
}

fn rule(subjects: Subjects, patterns: &[&str], actions: &[Action]) -> Rule {
    Rule { subjects, grant: grant(patterns, actions), at: "f:1:1".into() }
}

/// 1: strangers pull what is public. 2: everybody who is logged in pulls. 3: the developers push. 4: root may everything.
fn rules() -> Rules {
    use Action::*;
    let anonymous = Subjects { anonymous: true, ..Subjects::default() };
    let every_user = Subjects { every_user: true, ..Subjects::default() };
    let dev = Subjects { groups: set(&["dev"]), ..Subjects::default() };
    let root = Subjects { users: set(&["root"]), ..Subjects::default() };
    Rules {
        groups: [("dev".to_owned(), set(&["alice", "bob"])), ("idle".to_owned(), set(&["alice"]))].into(),
        rules: vec![
            rule(anonymous, &["public/**", "alpine"], &[Pull]),
            rule(every_user, &["team/**"], &[Pull]),
            rule(dev, &["team/*", "home/{a,b}?/x"], &[Push]),
            rule(root, &["**"], &Action::ALL),
        ],
    }
}

#[test]
fn who_may_do_what_and_why() {
    use Action::*;
    use Because::*;
    use Decision::*;
    let rules = rules();
    let allowed =
        |number: usize, because, pattern| Allowed { number, rule: &rules.rules[number - 1], because, pattern };
    for (user, action, repository, decision) in [
        (None, Pull, "public/a/b", allowed(1, Everybody, "public/**")),
        (Some("alice"), Pull, "alpine", allowed(1, Everybody, "alpine")),
        (None, Pull, "public", NotForUser(vec![4])),
        (None, Push, "public/a", NotForAction(vec![1])),
        (None, Pull, "team/app", NotForUser(vec![2, 3, 4])),
        (Some("carol"), Pull, "team/app", allowed(2, EveryUser, "team/**")),
        (Some("carol"), Push, "team/app", NotForAction(vec![2])),
        (Some("alice"), Push, "team/app", allowed(3, Group("dev"), "team/*")),
        (Some("alice"), Push, "team/app/sub", NotForAction(vec![2])),
        (Some("bob"), Pull, "home/a1/x", allowed(3, Group("dev"), "home/{a,b}?/x")),
        (Some("bob"), Pull, "home/a/x", NotForUser(vec![4])),
        (Some("bob"), Delete, "team/app", NotForAction(vec![2, 3])),
        (Some("root"), Delete, "team/app", allowed(4, User, "**")),
        (Some("Root"), Delete, "any", NotForUser(vec![4])),
    ] {
        let repository = name(repository);
        assert_eq!(rules.decide(user, action, &repository), decision, "{user:?} {action:?} {repository}");
        let is_allowed = matches!(decision, Allowed { .. });
        assert_eq!(rules.allows(user, action, &repository), is_allowed, "{user:?} {action:?} {repository}");
    }
    assert_eq!(Rules::default().decide(Some("root"), Pull, &name("a")), NoRepository, "no rule allows nothing");
    assert!(rules.admit_strangers() && !Rules::default().admit_strangers());
    assert_eq!(rules.groups_of("alice").collect::<Vec<_>>(), ["dev", "idle"]);
}

#[test]
fn scopes_are_covered_as_a_whole() {
    let rules = rules();
    let covers = |user: Option<&'static str>, scopes: &str| {
        let scopes: Scopes = scopes.parse().expect("scopes");
        cover(&scopes, user.is_some(), |action, repository| rules.allows(user, action, repository))
    };
    let alice = Some("alice");
    assert!(covers(alice, "repository:team/app:pull,push") && covers(alice, "registry:catalog:*") && covers(None, ""));
    assert!(covers(Some("root"), "repository:team/app:*") && !covers(alice, "repository:team/app:*"));
    for refused in [
        "repository:team/app:pull,push repository:other:pull",
        "repository:team/app:pull,push,fly",
        "repository:TEAM:pull",
        "repository(plugin):team/app:pull",
        "registry:gc:*",
    ] {
        assert!(!covers(alice, refused), "{refused}");
    }
    assert!(!covers(None, "registry:catalog:*"));
}

#[test]
fn texts_that_are_no_patterns() {
    for text in ["**", "*", "a/**", "**/a", "a/**/b", "a-?.x_*", "{a,b}/c*"] {
        assert_eq!(check_pattern(text), Ok(()), "{text}");
    }
    for text in [
        "",
        "/a",
        "a/",
        "a//b",
        "Team/*",
        "a b",
        "a\n",
        "host:5000/a",
        "é",
        "a\\*",
        "[a-c]",
        "a[!x]b",
        &"a".repeat(256),
    ] {
        assert_eq!(check_pattern(text), Err(PatternError::Name), "{text}");
    }
    for text in ["a**", "a/**b/c", "***"] {
        assert_eq!(check_pattern(text), Err(PatternError::Stars), "{text}");
    }
    for text in ["{a,b", "a,b}"] {
        assert!(matches!(check_pattern(text), Err(PatternError::Syntax(_))), "{text}");
    }
}

proptest! {
    /// More rules never take anything away, and a stranger never has more than somebody who is logged in.
    #[test]
    fn rules_only_add(
        patterns in prop::collection::vec("(a|b|\\*|\\*\\*|\\{a,b\\})(/(a|b|\\*|\\*\\*)){0,2}", 1..4),
        flags in prop::collection::vec((any::<bool>(), any::<bool>(), 0_usize..3), 4),
        repository in "[ab](/[ab]){0,3}",
    ) {
        let mut rules = Rules::default();
        let repository = name(&repository);
        let mut before = Vec::new();
        for (pattern, (anonymous, every_user, action)) in patterns.iter().zip(flags) {
            let subjects = Subjects { anonymous, every_user, users: set(&["u"]), ..Subjects::default() };
            rules.rules.push(rule(subjects, &[pattern], &[Action::ALL[action]]));
            let all = [None, Some("u"), Some("v")].map(|user| Action::ALL.map(|a| rules.allows(user, a, &repository)));
            for (at, action) in Action::ALL.into_iter().enumerate() {
                prop_assert!(!all[0][at] || (all[1][at] && all[2][at]), "logging in takes nothing away");
                let decision = rules.decide(Some("u"), action, &repository);
                prop_assert_eq!(all[1][at], matches!(decision, Decision::Allowed { .. }));
            }
            prop_assert!(all.iter().all(|of_user| !of_user[1] || of_user[0]), "a push includes a pull");
            let now: Vec<bool> = all.concat();
            prop_assert!(before.iter().zip(&now).all(|(before, now)| !before || *now), "a rule takes nothing away");
            before = now;
        }
    }

    /// A pattern without `**` never crosses a slash.
    #[test]
    fn one_star_stays_between_slashes(pattern in "[a*?]{1,4}(/[a*?]{1,4}){0,2}", repository in "a{1,4}(/a{1,4}){0,3}") {
        prop_assume!(check_pattern(&pattern).is_ok() && !pattern.contains("**"));
        let is_match = grant(&[&pattern], &[Action::Pull]).allows(Action::Pull, &name(&repository));
        prop_assert!(!is_match || pattern.split('/').count() == repository.split('/').count());
    }
}
