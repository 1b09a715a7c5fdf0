//! Files that are no certificates, and suites that are none.

use super::*;

fn files(directory: &Path, certificate: &str, key: &str) -> Config {
    let (at, of) = (directory.join("cert.pem"), directory.join("key.pem"));
    std::fs::write(&at, certificate).expect("written");
    std::fs::write(&of, key).expect("written");
    Config {
        certificates: Certificates::Files { certificate: at, key: of },
        minimum: TlsVersion::V1_2,
        cipher_suites: Vec::new(),
        clients: None,
        http2: true,
    }
}

fn pair() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("made");
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn fault(config: &Config) -> String {
    Tls::open(config).expect_err("a fault").to_string()
}

#[test]
fn what_can_be_used_and_what_not() {
    let directory = tempfile::tempdir().expect("made");
    let (certificate, key) = pair();
    Tls::open(&files(directory.path(), &certificate, &key)).expect("a pair");
    Tls::open(&files(directory.path(), &format!("text before\n{certificate}{certificate}"), &key)).expect("a chain");
    let (at, of) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    let (at, of) = (at.display(), of.display());
    for (certificate, key, expected) in [
        (
            certificate.as_str(),
            pair().1.as_str(),
            format!("the key in {of} does not belong to the certificate in {at}"),
        ),
        ("", &key, format!("there is no certificate in {at}")),
        (&key, &key, format!("there is no certificate in {at}")),
        ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", &key, format!("cannot read {at}")),
        (&certificate, "", format!("cannot read {of}")),
        (&certificate, &certificate, format!("cannot read {of}")),
    ] {
        assert_eq!(fault(&files(directory.path(), certificate, key)), expected);
    }
    let mut missing = files(directory.path(), &certificate, &key);
    std::fs::remove_file(directory.path().join("key.pem")).expect("removed");
    assert_eq!(fault(&missing), format!("cannot read {of}"));
    missing.clients = Some(Clients { authorities: vec!["/nowhere".into()], demand: Demand::Request });
    std::fs::write(directory.path().join("key.pem"), &key).expect("written");
    assert_eq!(fault(&missing), "cannot read /nowhere");
}

#[test]
fn cipher_suites_by_their_names_in_go() {
    let suites = |names: &[&str], minimum| {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        provider(&names, minimum).map(|provider| {
            let old = provider.cipher_suites.iter().filter(|suite| suite.tls13().is_none());
            old.map(|suite| format!("{:?}", suite.suite())).collect::<Vec<_>>()
        })
    };
    let aes = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
    assert_eq!(suites(&[], TlsVersion::V1_2).expect("some").len(), 6);
    assert_eq!(suites(&[aes], TlsVersion::V1_2).expect("one"), [aes]);
    for name in ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"] {
        let found = suites(&[name, "TLS_RSA_WITH_AES_128_CBC_SHA"], TlsVersion::V1_2).expect("one");
        assert_eq!(found, ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"], "{name}");
    }
    let unsound = suites(&["TLS_RSA_WITH_AES_128_CBC_SHA"], TlsVersion::V1_2);
    assert!(matches!(unsound, Err(TlsError::CipherSuites)));
    assert_eq!(suites(&["TLS_RSA_WITH_AES_128_CBC_SHA"], TlsVersion::V1_3).expect("of no meaning").len(), 6);
}

#[test]
fn every_demand_on_clients_can_be_met() {
    let directory = tempfile::tempdir().expect("made");
    let (certificate, key) = pair();
    let mut config = files(directory.path(), &certificate, &key);
    for (demand, mandatory) in [
        (Demand::Request, false),
        (Demand::RequireAny, true),
        (Demand::VerifyIfGiven, false),
        (Demand::RequireAndVerify, true),
    ] {
        let clients = Clients { authorities: vec![directory.path().join("cert.pem")], demand };
        let made = verifier(&clients, Arc::new(aws_lc_rs::default_provider())).expect("made");
        assert_eq!(made.client_auth_mandatory(), mandatory, "{demand:?}");
        assert!(made.offer_client_auth() && !made.root_hint_subjects().is_empty(), "{demand:?}");
        config.clients = Some(clients);
        Tls::open(&config).expect("opened");
    }
}
