//! Registries that cannot be reached: which host it was, where its name came from, what may help.

use std::net::TcpListener;

use crate::support::scripted::{Scripted, reply};
use crate::support::{Env, image};

/// `127.0.0.1:PORT` where nobody listens.
fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

#[test]
fn a_closed_port_is_named_with_the_origin_of_its_name() {
    let (mut env, host) = (Env::without_server(), closed());
    let said = |env: &Env, arguments: &str| {
        let output = env.reg(arguments);
        assert_eq!((output.exit, output.stdout.as_str()), (Some(1), ""), "{output}");
        output.stderr.replace(&host, "$HOST")
    };
    let first = |name: &str, what: &str| {
        let cause = "cannot connect to $HOST: connection refused";
        format!("error: cannot list the tags of {name}\n  caused by: {cause}\n{what}")
    };
    assert_eq!(said(&env, &format!("tags {host}/app")), first("$HOST/app", ""));
    let from =
        |origin: &str| first("app", &format!("hint: no registry was named in the command; $HOST is from {origin}\n"));
    assert_eq!(said(&env, &format!("tags app -r {host}")), from("--registry"));
    std::fs::create_dir_all(env.path("home/.config/reg")).expect("a directory");
    std::fs::write(env.path("home/.config/reg/config.toml"), format!("registry = '{host}'")).expect("written");
    assert_eq!(said(&env, "tags app"), from("registry in the configuration file"));
    env.set("REG_REGISTRY", &host);
    assert_eq!(said(&env, "tags app"), from("REG_REGISTRY"));
    // Whoever names another host learns nothing of the default one.
    assert_eq!(said(&env, &format!("tags {host}/app -r elsewhere.example")), first("$HOST/app", ""));
}

#[test]
fn an_upper_case_name_is_a_host() {
    let mut env = Env::without_server();
    // Nobody is asked for the address of such a host, and the proxy is not there either.
    env.set("http_proxy", &format!("http://{}", closed()));
    let output = env.reg("tags TEAM/app --plain-http");
    assert_eq!(output.exit, Some(1), "{output}");
    assert!(output.stderr.contains("cannot connect to team:80: "), "{output}");
    let hint = "hint: TEAM is taken for a host because of its upper-case letters; repository names have none\n";
    assert!(output.stderr.ends_with(hint), "{output}");
}

#[test]
fn hints_are_not_lost_in_a_copy() {
    let (env, host) = (Env::new(), closed());
    env.push("app:v1", &image(1));
    let output = env.reg(&format!("copy app:v1 $REG/app:v2 -r {host}"));
    assert_eq!(output.exit, Some(1), "{output}");
    assert!(output.stderr.contains(&format!("{host} is from --registry")), "{output}");
    let busy = Scripted::serve(|_| reply(429, &["Retry-After: 90"], ""));
    let output = busy.reg(&env, "copy $HOST/app:v1 oci:$TMP/x --max-wait 1s");
    assert_eq!(output.exit, Some(6), "{output}");
    assert!(output.stderr.contains("hint: try again in 90 s, or wait for it with --max-wait 90s"), "{output}");
}

#[test]
fn a_wait_without_end_is_no_advice() {
    let env = Env::without_server();
    let never = Scripted::serve(|_| reply(429, &["Retry-After: 99999999999999999999"], ""));
    let output = never.reg(&env, "digest $HOST/app:v1");
    assert_eq!(output.exit, Some(6), "{output}");
    assert!(output.stderr.ends_with("hint: the registry wants no more requests for longer than a day\n"), "{output}");
}

#[test]
fn few_requests_left_are_told_once() {
    let env = Env::without_server();
    let limited = |remaining: &'static str| {
        let headers = ["Ratelimit-Limit: 100;w=21600", remaining, "Content-Type: application/json"];
        let host = Scripted::serve(move |_| reply(200, &headers, r#"{"name":"app","tags":["v1"]}"#));
        host.reg(&env, "tags $HOST/app -o name")
    };
    let output = limited("RateLimit-Remaining: 9;w=21600");
    assert_eq!(output.ok(), "$HOST/app:v1\n");
    assert_eq!(output.stderr, "warning: $HOST: 9 of 100 requests in 21600 s are left\n");
    assert_eq!(limited("RateLimit-Remaining: 10;w=21600").stderr, "");
}
