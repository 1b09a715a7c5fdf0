//! Clients behind a proxy: who is believed, and what follows from it.

use std::io::{BufReader, Read as _};
use std::process::ChildStderr;

use crate::support::{Env, Server};

/// Three requests of an address, and then none for an hour.
const RULE: &str = "limits: {requests: [{per: address, rate: 1/h, burst: 3}]}";

fn server(env: &Env, http: &str) -> (Server, BufReader<ChildStderr>) {
    let text = format!("version: 0.1\nstorage: inmemory\nhttp: {{addr: '127.0.0.1:0'{http}}}\n{RULE}\n");
    std::fs::write(env.path("c.yml"), text).expect("written");
    Server::start_configured(&env.path("c.yml"), &env.path("data"))
}

fn status(server: &Server, headers: &[(&str, &str)]) -> u16 {
    server.client().send("GET", "/v2/", headers, b"").status
}

#[test]
fn each_client_of_a_proxy_on_this_machine_has_its_own_rate() {
    let env = Env::without_server();
    let (server, _log) = server(&env, "");
    for client in ["192.0.2.1", "192.0.2.2", "2001:db8::1"] {
        for expected in [200, 200, 200, 429] {
            assert_eq!(status(&server, &[("X-Forwarded-For", client)]), expected, "{client}");
        }
    }
    for spoof in
        ["198.51.100.7, 192.0.2.1", "unknown, 192.0.2.1:4711", "\u{e9}\"\\, 192.0.2.1", "_x,,192.0.2.1, 127.0.0.1,"]
    {
        assert_eq!(status(&server, &[("X-Forwarded-For", spoof)]), 429, "{spoof}");
    }
    let apart = [("X-Forwarded-For", "198.51.100.7"), ("X-Forwarded-For", "192.0.2.1")];
    assert_eq!(status(&server, &apart), 429, "a header more is an entry more");
    assert_eq!(status(&server, &[("Forwarded", "for=198.51.100.7, FOR=\"192.0.2.1:80\";proto=https")]), 429);
    let both = [("Forwarded", "for=198.51.100.7"), ("X-Forwarded-For", "192.0.2.1")];
    assert_eq!(status(&server, &both), 429, "what the proxy passes on as it came is not read");
    for _ in 0..5 {
        assert_eq!(status(&server, &[]), 200, "a person on this machine");
        assert_eq!(status(&server, &[("X-Forwarded-For", "unknown")]), 200, "and who cannot be told from one");
    }
}

#[test]
fn proxies_that_are_named_are_believed() {
    let env = Env::without_server();
    // Whoever is at 10.1.2.3 says that others ask.
    let claims = |server: &Server| {
        [1, 2, 3, 4].map(|n| status(server, &[("X-Forwarded-For", &format!("192.0.2.{n}, 10.1.2.3"))]))
    };
    let (stranger, log) = server(&env, "");
    assert_eq!(claims(&stranger), [200, 200, 200, 429], "whatever it says, it is one");
    let said = ended(stranger, log);
    assert!(said.contains("http.request.remoteaddr=10.1.2.3 ") && said.contains("\n10.1.2.3 - - ["), "{said}");
    assert!(!said.contains("192.0.2."), "{said}");

    let (proxy, log) = server(&env, ", trustedproxies: [\"2001:db8::1\", 10.0.0.0/8]");
    assert_eq!(claims(&proxy), [200; 4]);
    let said = ended(proxy, log);
    assert!(said.contains("http.request.remoteaddr=192.0.2.4 ") && said.contains("\n192.0.2.1 - - ["), "{said}");
    assert!(!said.contains("10.1.2.3"), "{said}");
}

#[test]
fn what_is_no_network_is_a_fault_at_the_start() {
    let env = Env::without_server();
    for (key, expected) in [
        ("[proxy.example]", "must be an address or a network, such as 10.0.0.1 or 10.0.0.0/8, not \"proxy.example\""),
        ("[10.0.0.0/33]", "must be an address or a network, such as 10.0.0.1 or 10.0.0.0/8, not \"10.0.0.0/33\""),
        ("[10.1.2.3/8]", "must be the first address of its network, as in 10.0.0.0/8, not \"10.1.2.3/8\""),
        ("10.0.0.0/8", "must be a list"),
    ] {
        let text = format!("version: 0.1\nstorage: inmemory\nhttp: {{addr: ':0', trustedproxies: {key}}}\n");
        std::fs::write(env.path("c.yml"), text).expect("written");
        let output = env.reg("serve $TMP/c.yml");
        assert_eq!(output.exit, Some(2), "{key}: {output}");
        assert!(output.to_string().contains(&format!("http.trustedproxies: {expected}")), "{output}");
    }
}

/// Everything that a server has said: the log, then the access log.
fn ended(server: Server, mut log: BufReader<ChildStderr>) -> String {
    server.signal("TERM");
    let mut said = String::new();
    log.read_to_string(&mut said).expect("a log");
    let (_, access_log) = server.wait();
    said + &access_log
}
