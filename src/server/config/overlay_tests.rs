//! Every trap of distribution's variables, and what must hold of any list of them.

use proptest::prelude::*;

use super::*;

/// The tree after variables, as JSON, and what was said about them; or the fault.
fn over(file: &str, variables: &[(&str, &str)]) -> (String, Vec<String>) {
    let mut tree = yaml::parse(&"f".into(), file).expect("a tree");
    expand_name(&keys::ROOT, &mut tree);
    let mut faults = Faults::default();
    let warnings = apply(&mut tree, variables.iter().copied(), &mut faults);
    match faults.check() {
        Ok(()) => (tree.to_json().to_string(), warnings.iter().map(ToString::to_string).collect()),
        Err(faults) => (faults.to_string(), faults.said().filter_map(|fault| fault.hint).collect()),
    }
}

/// The same where there is nothing to say.
fn quiet(file: &str, variables: &[(&str, &str)]) -> String {
    let (tree, words) = over(file, variables);
    assert_eq!(words, <Vec<String>>::new(), "{tree}");
    tree
}

#[test]
fn a_variable_replaces_a_value() {
    assert_eq!(
        quiet("http: {addr: ':5000', secret: s}", &[("REGISTRY_HTTP_ADDR", ":5001")]),
        r#"{"http":{"addr":":5001","secret":"s"}}"#
    );
    assert_eq!(quiet("http: {addr: a}", &[("REGISTRY_HTTP_ADDR", "")]), r#"{"http":{"addr":null}}"#);
    assert_eq!(quiet("", &[("REGISTRY_LOG_ACCESSLOG_DISABLED", "yes")]), r#"{"log":{"accesslog":{"disabled":"yes"}}}"#);
}

/// distribution knows the names of Go's fields alone.
#[test]
fn yaml_names_and_go_names() {
    let events = r#"{"notifications":{"events":{"includereferences":"true"}}}"#;
    for name in ["EVENTS", "EVENTCONFIG"] {
        assert_eq!(quiet("", &[(&format!("REGISTRY_NOTIFICATIONS_{name}_INCLUDEREFERENCES"), "true")]), events);
    }
    for (yaml, go) in [("file", "FILECHECKERS"), ("http", "HTTPCHECKERS"), ("tcp", "TCPCHECKERS")] {
        let expected = format!(r#"{{"health":{{"{yaml}":[{{"threshold":"3"}}]}}}}"#);
        for name in [yaml.to_uppercase(), go.to_owned()] {
            assert_eq!(quiet("", &[(&format!("REGISTRY_HEALTH_{name}_0_THRESHOLD"), "3")]), expected);
        }
    }
    for name in ["OPTIONS", "MAILOPTIONS"] {
        assert_eq!(
            quiet("", &[(&format!("REGISTRY_LOG_HOOKS_0_{name}_SMTP_ADDR"), "m:25")]),
            r#"{"log":{"hooks":[{"options":{"smtp":{"addr":"m:25"}}}]}}"#
        );
    }
    assert_eq!(
        quiet("", &[("REGISTRY_COMPATIBILITY_SCHEMA1_TRUSTKEY", "k")]),
        r#"{"compatibility":{"schema1":{"signingkeyfile":"k"}}}"#
    );
}

/// distribution leaves the old value, or adds an empty text.
#[test]
fn lists_of_texts_by_index() {
    let hosts = "http: {tls: {letsencrypt: {hosts: [a, b]}}}";
    let with = |index: &str| quiet(hosts, &[(&format!("REGISTRY_HTTP_TLS_LETSENCRYPT_HOSTS_{index}"), "x")]);
    assert_eq!(with("0"), r#"{"http":{"tls":{"letsencrypt":{"hosts":["x","b"]}}}}"#);
    assert_eq!(with("2"), r#"{"http":{"tls":{"letsencrypt":{"hosts":["a","b","x"]}}}}"#);
    assert_eq!(
        over(hosts, &[("REGISTRY_HTTP_TLS_LETSENCRYPT_HOSTS_3", "x")]).0,
        "REGISTRY_HTTP_TLS_LETSENCRYPT_HOSTS_3: http.tls.letsencrypt.hosts: there is no element 3: the next one is 2"
    );
    assert_eq!(quiet("", &[("REGISTRY_REDIS_ADDRS_0", "r:6379")]), r#"{"redis":{"addrs":["r:6379"]}}"#);
    assert_eq!(quiet("", &[("REGISTRY_HTTP_TLS_CLIENTCAS_0", "ca")]), r#"{"http":{"tls":{"clientcas":["ca"]}}}"#);
    assert_eq!(
        quiet(hosts, &[("REGISTRY_HTTP_TLS_LETSENCRYPT_HOSTS", "[c]")]),
        r#"{"http":{"tls":{"letsencrypt":{"hosts":["c"]}}}}"#
    );
}

/// distribution sorts `_10` before `_2`.
#[test]
fn indices_count() {
    let names: Vec<String> = (0..12).map(|n| format!("REGISTRY_NOTIFICATIONS_ENDPOINTS_{n}_NAME")).collect();
    let values: Vec<String> = (0..12).map(|n| format!("e{n}")).collect();
    let variables: Vec<(&str, &str)> = names.iter().zip(&values).map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let expected: Vec<String> = (0..12).map(|n| format!(r#"{{"name":"e{n}"}}"#)).collect();
    assert_eq!(quiet("", &variables), format!(r#"{{"notifications":{{"endpoints":[{}]}}}}"#, expected.join(",")));
}

/// distribution stops with a stack trace, or drops the variable where the file has the section.
#[test]
fn leaves_of_maintenance() {
    for file in ["", "storage: {maintenance: {readonly: {enabled: false}, uploadpurging: {enabled: true}}}"] {
        let tree = quiet(
            file,
            &[
                ("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true"),
                ("REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED", "false"),
            ],
        );
        let expected =
            r#"{"storage":{"maintenance":{"readonly":{"enabled":"true"},"uploadpurging":{"enabled":"false"}}}}"#;
        assert_eq!(tree, expected);
    }
    assert_eq!(
        quiet("", &[("REGISTRY_STORAGE_MAINTENANCE_READONLY", r#"{"enabled":true}"#)]),
        r#"{"storage":{"maintenance":{"readonly":{"enabled":"true"}}}}"#
    );
}

/// distribution keeps `X-Foo` of the file and adds `x-foo`.
#[test]
fn maps_keep_their_spelling() {
    assert_eq!(
        quiet("http: {headers: {X-Foo: [a], B: [b]}}", &[("REGISTRY_HTTP_HEADERS_X-FOO", "[c]")]),
        r#"{"http":{"headers":{"X-Foo":["c"],"B":["b"]}}}"#
    );
    assert_eq!(quiet("", &[("REGISTRY_HTTP_HEADERS_X-Foo", "[c]")]), r#"{"http":{"headers":{"x-foo":["c"]}}}"#);
    assert_eq!(
        quiet("log: {fields: {Service: a}}", &[("REGISTRY_LOG_FIELDS_SERVICE", "b"), ("REGISTRY_LOG_FIELDS_ENV", "c")]),
        r#"{"log":{"fields":{"Service":"b","env":"c"}}}"#
    );
    // A key of a section has one spelling; another one in the file is not known.
    assert_eq!(quiet("http: {Addr: a}", &[("REGISTRY_HTTP_ADDR", "b")]), r#"{"http":{"Addr":"a","addr":"b"}}"#);
}

#[test]
fn a_name_replaces_the_section() {
    let file = "storage: {filesystem: {rootdirectory: /data}, delete: {enabled: true}}";
    assert_eq!(quiet(file, &[("REGISTRY_STORAGE", "inmemory")]), r#"{"storage":{"inmemory":null}}"#);
    assert_eq!(
        quiet(file, &[("REGISTRY_STORAGE_S3_BUCKET", "b"), ("REGISTRY_STORAGE", "s3")]),
        r#"{"storage":{"s3":{"bucket":"b"}}}"#
    );
    assert_eq!(
        quiet("auth: {token: {realm: t}}", &[("REGISTRY_AUTH", "htpasswd"), ("REGISTRY_AUTH_HTPASSWD_REALM", "r")]),
        r#"{"auth":{"htpasswd":{"realm":"r"}}}"#
    );
    assert_eq!(
        quiet("storage: inmemory", &[("REGISTRY_STORAGE_DELETE_ENABLED", "true")]),
        r#"{"storage":{"inmemory":null,"delete":{"enabled":"true"}}}"#
    );
}

#[test]
fn both_shapes_of_redis() {
    assert_eq!(
        quiet("", &[("REGISTRY_REDIS_ADDR", "r:1"), ("REGISTRY_REDIS_POOL_MAXIDLE", "16")]),
        r#"{"redis":{"addr":"r:1","pool":{"maxidle":"16"}}}"#
    );
    let new = r#"{"redis":{"addrs":["r:1"]}}"#;
    assert_eq!(quiet("", &[("REGISTRY_REDIS_ADDRS", "[r:1]")]), new);
    assert_eq!(quiet("", &[("REGISTRY_REDIS_OPTIONS_ADDRS", "['r:1']")]), new);
}

/// No variable of distribution reaches these.
#[test]
fn keys_with_an_underscore() {
    assert_eq!(
        quiet("", &[("REGISTRY_STORAGE_AZURE_MAX_RETRIES", "3")]),
        r#"{"storage":{"azure":{"max_retries":"3"}}}"#
    );
}

#[test]
fn what_is_not_known_is_said() {
    let (tree, words) = over(
        "",
        &[
            ("REGISTRY_HTTP_ADR", "x"),
            ("REGISTRY_HTTP_ADDR_MORE", "x"),
            ("REGISTRY_HTTP_HEADERS_X_FOO", "x"),
            ("REGISTRY_LOGG_LEVEL", "x"),
            ("REGISTRY_", "x"),
            ("REGISTRY_VERSION", "0.2"),
            ("REGISTRY_ZZZ", "x"),
        ],
    );
    assert_eq!(tree, "null");
    assert_eq!(
        words,
        [
            "REGISTRY_ is not known and ignored",
            "REGISTRY_HTTP_ADDR_MORE is not known and ignored",
            "REGISTRY_HTTP_ADR is not known and ignored; did you mean REGISTRY_HTTP_ADDR?",
            "REGISTRY_HTTP_HEADERS_X_FOO is not known and ignored",
            "REGISTRY_LOGG_LEVEL is not known and ignored; did you mean REGISTRY_LOG_LEVEL?",
            "REGISTRY_VERSION has no effect: the version is that of the file",
            "REGISTRY_ZZZ is not known and ignored",
        ]
    );
}

#[test]
fn what_must_not_be_ignored_is_a_fault() {
    for (name, fault, hint) in [
        (
            "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTOY",
            "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTOY: storage.filesystem.rootdirectoy: is not known",
            "did you mean rootdirectory?",
        ),
        ("REGISTRY_AUHT_HTPASSWD_PATH", "REGISTRY_AUHT_HTPASSWD_PATH: auht: is not known", "did you mean auth?"),
        ("REGISTRY_HTTP_TSL_KEY", "REGISTRY_HTTP_TSL_KEY: http.tsl: is not known", "did you mean tls?"),
        (
            "REGISTRY_AUTH_LDAP_HOST",
            "REGISTRY_AUTH_LDAP_HOST: auth.ldap: is not known",
            "known are none, silly, htpasswd, token",
        ),
    ] {
        assert_eq!(over("", &[(name, "x")]), (fault.to_owned(), vec![hint.to_owned()]));
    }
}

#[test]
fn two_variables_for_one_place() {
    let two = [
        ("REGISTRY_NOTIFICATIONS_EVENTS_INCLUDEREFERENCES", "true"),
        ("REGISTRY_NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES", "false"),
    ];
    assert_eq!(
        over("", &two).0,
        "REGISTRY_NOTIFICATIONS_EVENTS_INCLUDEREFERENCES: REGISTRY_NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES sets the \
         same to another value"
    );
    assert_eq!(quiet("", &[("REGISTRY_HTTP_ADDR", "a"), ("REGISTRY_http_addr", "a")]), r#"{"http":{"addr":"a"}}"#);
}

#[test]
fn variables_of_others_are_left_alone() {
    for (name, value) in [
        ("REGISTRY_AUTH_FILE", "/run/auth.json"),
        ("REGISTRY_CONFIGURATION_PATH", "c.yml"),
        ("REGISTRY_PORT", "tcp://10.0.0.1:5000"),
        ("REGISTRY_PORT_5000_TCP_ADDR", "10.0.0.1"),
        ("REGISTRY_SERVICE_PORT_HTTP", "5000"),
        ("REGISTRY_AUTH_SERVICE_HOST", "10.0.0.1"),
        ("REG_REGISTRY", "x"),
        ("registry_http_addr", "x"),
    ] {
        assert_eq!(quiet("", &[(name, value)]), "null", "{name}");
    }
    assert_eq!(quiet("", &[("REGISTRY_LOG_FIELDS_PORT", "1")]), r#"{"log":{"fields":{"port":"1"}}}"#);
}

#[test]
fn values_are_yaml() {
    let (fault, hint) = over("", &[("REGISTRY_HTTP_ADDR", "{a")]);
    assert!(fault.starts_with("REGISTRY_HTTP_ADDR: the value is no YAML: "), "{fault}");
    assert_eq!(hint, ["put a value with special characters between quotes"]);
    assert_eq!(quiet("", &[("REGISTRY_HTTP_ADDR", "'00123' # c")]), r#"{"http":{"addr":"00123"}}"#);
    // A password is taken as it is where it would be no text.
    for password in ["*a", "@b", "[1]", "a: b", "{"] {
        let tree = quiet("", &[("REGISTRY_REDIS_PASSWORD", password)]);
        assert_eq!(tree, format!(r#"{{"redis":{{"password":"{password}"}}}}"#));
    }
}

#[test]
fn nothing_is_below_a_text() {
    assert_eq!(
        over("log: loud", &[("REGISTRY_LOG_LEVEL", "info")]).0,
        "REGISTRY_LOG_LEVEL: log: f:1:6 is a text there, and nothing can be below it"
    );
    assert_eq!(
        quiet("", &[("REGISTRY_LOG_FIELDS_A_B", "x"), ("REGISTRY_LOG_FIELDS_A_0", "y")]),
        r#"{"log":{"fields":{"a":{"0":"y","b":"x"}}}}"#
    );
}

fn variable() -> impl Strategy<Value = (String, String)> {
    let part = prop::sample::select(vec![
        "HTTP",
        "ADDR",
        "HEADERS",
        "X-Foo",
        "x-foo",
        "STORAGE",
        "S3",
        "FILESYSTEM",
        "ROOTDIRECTORY",
        "AUTH",
        "TLS",
        "LETSENCRYPT",
        "HOSTS",
        "0",
        "1",
        "2",
        "10",
        "HEALTH",
        "FILE",
        "FILECHECKERS",
        "NOTIFICATIONS",
        "ENDPOINTS",
        "EVENTS",
        "LOG",
        "FIELDS",
        "A",
        "MIDDLEWARE",
        "OPTIONS",
        "REDIS",
        "TOKEN",
        "",
        "99999999999999999999",
        "é",
    ]);
    let value = prop_oneof![
        "[a-z0-9:{}\\[\\], '\"#&*!|>@%-]{0,12}",
        prop::sample::select(vec!["inmemory", "[a, b]", "{a: b}", "", "~", "true", "&a [*a]"]).prop_map(Into::into),
    ];
    (prop::collection::vec(part, 0..6), value)
        .prop_map(|(parts, value)| (format!("REGISTRY_{}", parts.join("_")), value))
}

proptest! {
    #[test]
    fn the_order_of_the_environment_does_not_matter(
        (variables, shuffled) in prop::collection::vec(variable(), 0..12)
            .prop_flat_map(|variables| (Just(variables.clone()), Just(variables).prop_shuffle())),
        file in prop::sample::select(vec!["", "log: x", "http: {headers: {X-Foo: [a]}}", "storage: {filesystem: }"]),
    ) {
        let pairs = |of: &[(String, String)]| of.iter().map(|(n, v)| (n.clone(), v.clone())).collect::<Vec<_>>();
        let apply_all = |of: Vec<(String, String)>| {
            let of: Vec<(&str, &str)> = of.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            over(file, &of)
        };
        prop_assert_eq!(apply_all(pairs(&variables)), apply_all(pairs(&shuffled)));
    }

    #[test]
    fn a_variable_by_itself_reaches_the_tree_or_is_mentioned((name, value) in variable()) {
        let (tree, words) = over("", &[(&name, &value)]);
        prop_assert!(tree != "null" || !words.is_empty() || !is_ours(&name, &value), "{name}={value}");
    }
}
