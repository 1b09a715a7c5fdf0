//! Which variables ask for what.

use super::*;

fn read(variables: &[(&str, &str)]) -> Settings {
    Settings::read(&variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
}

fn collector(variables: &[(&str, &str)]) -> Otlp {
    let settings = read(variables);
    assert_eq!(settings.warnings, [""; 0], "{variables:?}");
    match &settings.exporters[..] {
        [Exporter::Otlp(otlp)] => otlp.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn nobody_asks_nothing_is_traced() {
    for variables in [
        &[][..],
        &[("OTEL_SERVICE_NAME", "registry"), ("OTEL_TRACES_SAMPLER", "nonsense")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
        &[("OTEL_TRACES_EXPORTER", "none"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")],
        &[("OTEL_SDK_DISABLED", "True"), ("OTEL_TRACES_EXPORTER", "otlp")],
        &[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://c:4318")],
    ] {
        assert_eq!(read(variables), Settings::default(), "{variables:?}");
    }
}

#[test]
fn endpoints() {
    const ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const OWN: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    const HOW: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    for (variables, endpoint) in [
        (&[("OTEL_TRACES_EXPORTER", "otlp")][..], "http://localhost:4318/v1/traces"),
        (&[("OTEL_TRACES_EXPORTER", "otlp"), HOW], &format!("http://localhost:4317{GRPC_PATH}")),
        (&[(ALL, "http://c:4318")], "http://c:4318/v1/traces"),
        (&[(ALL, "https://c/otlp/")], "https://c/otlp/v1/traces"),
        (&[(ALL, "http://c:4318"), (OWN, "http://t:9/in")], "http://t:9/in"),
        (&[(OWN, "http://t:9")], "http://t:9/"),
        (&[(ALL, "http://c:4317"), HOW], &format!("http://c:4317{GRPC_PATH}")),
        (&[(ALL, "c:4317"), HOW], &format!("http://c:4317{GRPC_PATH}")),
        (&[(ALL, "[::1]:4317"), HOW], &format!("http://[::1]:4317{GRPC_PATH}")),
    ] {
        assert_eq!(collector(variables).endpoint.as_str(), endpoint, "{variables:?}");
    }
}

#[test]
fn protocols_files_and_propagators() {
    let base = ("OTEL_TRACES_EXPORTER", "otlp");
    assert_eq!(collector(&[base]).protocol, Protocol::HttpProtobuf);
    let otlp = collector(&[
        base,
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/c.pem"),
        ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "/k.pem"),
    ]);
    assert_eq!(otlp.protocol, Protocol::HttpJson);
    assert_eq!(otlp.authorities, Some("/ca.pem".into()));
    assert_eq!(otlp.identity, Some(("/c.pem".into(), "/k.pem".into())));
    for (names, joins) in [("tracecontext,baggage", true), ("none", false), ("baggage", false)] {
        let settings = read(&[base, ("OTEL_PROPAGATORS", names)]);
        assert_eq!((settings.joins, settings.warnings.len()), (joins, 0), "{names}");
    }
    assert!(read(&[base]).joins);
    let both = read(&[("OTEL_TRACES_EXPORTER", "console, otlp")]).exporters;
    assert!(matches!(both[..], [Exporter::Console, Exporter::Otlp(_)]), "{both:?}");
}

#[test]
fn what_is_wrong_is_said_and_harmless() {
    let base = ("OTEL_TRACES_EXPORTER", "otlp");
    for (variable, exporters, warning) in [
        (
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            0,
            "OTEL_TRACES_EXPORTER: \"zipkin\" is not supported; otlp, console and none are",
        ),
        (("OTEL_TRACES_EXPORTER", "oltp"), 0, "none are, do you mean otlp?"),
        (("OTEL_EXPORTER_OTLP_PROTOCOL", "http"), 1, "\"http\" is not supported: http/protobuf is used"),
        (("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4318"), 0, "OTEL_EXPORTER_OTLP_ENDPOINT is no URL with http or https"),
        (("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://c"), 0, "there are no traces"),
        (("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/k"), 1, "belong together"),
        (("OTEL_EXPORTER_OTLP_HEADERS", "a=b,hunter2"), 1, "OTEL_EXPORTER_OTLP_HEADERS: what has no = in it"),
        (("OTEL_SDK_DISABLED", "yes"), 1, "OTEL_SDK_DISABLED: \"yes\" is neither true nor false"),
        (("OTEL_PROPAGATORS", "b3"), 1, "OTEL_PROPAGATORS: \"b3\" is not supported"),
        (("OTEL_TRACES_SAMPLER", "allways_on"), 1, "do you mean always_on?"),
        (("OTEL_TRACES_SAMPLER", "traceidratio"), 1, "OTEL_TRACES_SAMPLER_ARG: \"\" is no number from 0 to 1"),
        (
            ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "zip"),
            1,
            "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: \"zip\" is not supported",
        ),
        (("OTEL_BSP_SCHEDULE_DELAY", "5s"), 1, "OTEL_BSP_SCHEDULE_DELAY: \"5s\" is no such number; 5000 holds"),
    ] {
        let settings = read(&if variable.0 == base.0 { vec![variable] } else { vec![base, variable] });
        assert_eq!(settings.exporters.len(), exporters, "{variable:?}");
        assert!(matches!(&settings.warnings[..], [one] if one.contains(warning)), "{variable:?}: {settings:?}");
    }
    let ratio = [base, ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.25")];
    assert_eq!(read(&ratio).warnings, [""; 0]);
}

#[test]
fn a_secret_in_an_endpoint_is_not_shown() {
    let settings = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "user:hunter2@c")]);
    assert!(!settings.warnings[0].contains("hunter2"), "{settings:?}");
}

#[test]
fn numbers_have_ends() {
    let base = ("OTEL_TRACES_EXPORTER", "otlp");
    let batches = |name: &'static str, value: &'static str| {
        let settings = read(&[base, (name, value)]);
        (settings.batches, settings.warnings)
    };
    let default = Batches::default();
    for huge in ["4294967295", "18446744073709551615"] {
        let (found, warnings) = batches("OTEL_BSP_MAX_QUEUE_SIZE", huge);
        assert_eq!(found, Batches { queue: 65_536, ..default });
        assert_eq!(warnings, [format!("OTEL_BSP_MAX_QUEUE_SIZE: {huge} is not from 1 to 65536; 65536 holds")]);
    }
    let (found, warnings) = batches("OTEL_BSP_MAX_QUEUE_SIZE", "100");
    assert_eq!((found, warnings.len()), (Batches { queue: 100, batch: 100, ..default }, 0));
    let (found, warnings) = batches("OTEL_BSP_SCHEDULE_DELAY", "0");
    assert_eq!(found, Batches { delay: Duration::from_millis(10), ..default });
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let (found, warnings) = batches("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "18446744073709551616");
    assert_eq!((found, warnings.len()), (default, 1));
    assert_eq!(
        batches("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
        (Batches { timeout: Duration::from_millis(250), ..default }, vec![])
    );
}
