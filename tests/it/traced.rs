//! Every key of the configuration that does something has a test that shows what. The table says which; a key without one,
//! and a test that is gone, fail. The few that have none are listed, each with the reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::Env;

/// Keys, and the file and function of the test that shows their effect. The file names the key.
const SHOWN: &[(&str, &str, &str)] = &[
    ("version", "tests/it/api/lifecycle.rs", "the_file_of_registry_2_is_read"),
    ("loglevel", "tests/it/api/keys.rs", "lines_below_the_level_are_left_out"),
    ("log.level", "tests/it/api/keys.rs", "lines_below_the_level_are_left_out"),
    ("log.formatter", "tests/it/api/keys.rs", "lines_are_in_the_format_that_is_asked_for"),
    ("log.fields", "tests/it/api/keys.rs", "lines_are_in_the_format_that_is_asked_for"),
    ("log.accesslog.disabled", "tests/it/api/keys.rs", "there_is_an_access_log_until_it_is_disabled"),
    ("storage.inmemory", "tests/it/api/keys.rs", "there_is_an_access_log_until_it_is_disabled"),
    ("storage.filesystem.rootdirectory", "tests/it/api/keys.rs", "a_directory_is_where_the_configuration_says"),
    ("storage.s3.accesskey", "tests/it/api/buckets.rs", "a_bucket_is_spoken_to_as_the_configuration_says"),
    ("storage.s3.secretkey", "tests/it/api/buckets.rs", "a_bucket_is_spoken_to_as_the_configuration_says"),
    ("storage.s3.sessiontoken", "tests/it/api/buckets.rs", "a_bucket_is_spoken_to_as_the_configuration_says"),
    ("storage.s3.region", "tests/it/api/buckets.rs", "a_bucket_is_spoken_to_as_the_configuration_says"),
    ("storage.s3.bucket", "tests/it/api/buckets.rs", "a_bucket_is_spoken_to_as_the_configuration_says"),
    ("storage.s3.regionendpoint", "tests/it/api/buckets.rs", "a_bucket_is_spoken_to_as_the_configuration_says"),
    ("storage.s3.encrypt", "tests/it/api/buckets.rs", "a_bucket_is_spoken_to_as_the_configuration_says"),
    ("storage.s3.keyid", "tests/it/api/buckets.rs", "a_bucket_is_spoken_to_as_the_configuration_says"),
    ("storage.s3.secure", "tests/it/api/buckets.rs", "a_server_of_buckets_must_have_a_certificate_that_is_trusted"),
    ("storage.s3.rootdirectory", "tests/it/api/buckets.rs", "a_bucket_is_spoken_to_as_the_configuration_says"),
    ("storage.s3.storageclass", "tests/it/api/buckets.rs", "a_bucket_is_spoken_to_as_the_configuration_says"),
    ("storage.s3.useragent", "tests/it/api/buckets.rs", "a_bucket_is_spoken_to_as_the_configuration_says"),
    (
        "storage.s3.forcepathstyle",
        "tests/it/api/buckets.rs",
        "the_bucket_is_in_the_host_or_in_the_path_as_the_configuration_says",
    ),
    ("storage.s3.skipverify", "tests/it/api/buckets.rs", "any_certificate_will_do_where_the_configuration_says_so"),
    ("storage.s3.chunksize", "tests/it/api/buckets.rs", "parts_of_an_upload_have_the_size_that_the_configuration_says"),
    ("storage.delete.enabled", "tests/it/api/keys.rs", "deletions_are_refused_until_they_are_allowed"),
    ("storage.maintenance.readonly.enabled", "tests/it/api/lifecycle.rs", "read_only_refuses_every_change"),
    (
        "storage.maintenance.uploadpurging.enabled",
        "tests/it/api/keys.rs",
        "nothing_is_purged_where_that_is_not_enabled",
    ),
    ("storage.maintenance.uploadpurging.age", "tests/it/api/keys.rs", "uploads_are_purged_when_they_are_old"),
    ("storage.maintenance.uploadpurging.interval", "tests/it/api/keys.rs", "uploads_are_purged_when_they_are_old"),
    ("storage.maintenance.uploadpurging.dryrun", "tests/it/api/keys.rs", "uploads_are_purged_when_they_are_old"),
    ("auth.none", "tests/it/api/keys.rs", "nobody_is_asked_who_they_are_where_auth_is_none"),
    ("auth.silly.realm", "tests/it/api/keys.rs", "whoever_says_anything_passes_the_silly_guard"),
    ("auth.silly.service", "tests/it/api/keys.rs", "whoever_says_anything_passes_the_silly_guard"),
    ("auth.htpasswd.realm", "tests/it/api/auth.rs", "a_stranger_learns_nothing_but_how_to_log_in"),
    ("auth.htpasswd.path", "tests/it/api/auth.rs", "users_are_let_in_as_long_as_the_file_says_so"),
    ("auth.token.realm", "tests/it/api/token.rs", "strangers_hear_where_to_get_a_token_and_for_what"),
    ("auth.token.service", "tests/it/api/token.rs", "strangers_hear_where_to_get_a_token_and_for_what"),
    ("auth.token.issuer", "tests/it/api/token.rs", "a_bearer_may_do_what_the_token_says"),
    ("auth.token.rootcertbundle", "tests/it/api/token.rs", "a_bearer_may_do_what_the_token_says"),
    ("auth.token.jwks", "tests/it/api/token.rs", "what_holds_no_keys_is_no_reason_to_open"),
    ("auth.token.signingalgorithms", "tests/it/api/token.rs", "signatures_are_of_the_algorithms_that_are_taken"),
    ("auth.token.autoredirect", "tests/it/api/token.rs", "the_realm_is_where_the_client_came_from"),
    ("auth.token.autoredirectpath", "tests/it/api/token.rs", "the_realm_is_where_the_client_came_from"),
    ("http.addr", "tests/it/api/keys.rs", "there_is_an_access_log_until_it_is_disabled"),
    ("http.net", "tests/it/api/doors.rs", "a_socket_of_the_file_system_is_served_and_removed"),
    ("http.prefix", "tests/it/cli/config.rs", "urls_and_headers_are_what_the_configuration_says"),
    ("http.host", "tests/it/cli/config.rs", "urls_and_headers_are_what_the_configuration_says"),
    ("http.trustedproxies", "tests/it/api/forwarded.rs", "proxies_that_are_named_are_believed"),
    ("http.relativeurls", "tests/it/cli/config.rs", "urls_and_headers_are_what_the_configuration_says"),
    ("http.headers", "tests/it/cli/config.rs", "urls_and_headers_are_what_the_configuration_says"),
    ("http.draintimeout", "tests/it/api/keys.rs", "requests_in_progress_have_the_time_that_the_configuration_says"),
    ("http.tls.certificate", "tests/it/api/tls.rs", "images_go_in_and_out_unchanged"),
    ("http.tls.key", "tests/it/api/tls.rs", "images_go_in_and_out_unchanged"),
    ("http.tls.clientcas", "tests/it/api/tls.rs", "clients_show_certificates_where_they_are_asked_to"),
    ("http.tls.clientauth", "tests/it/api/tls.rs", "clients_show_certificates_where_they_are_asked_to"),
    ("http.tls.minimumtls", "tests/it/api/tls.rs", "versions_and_ciphers_are_what_the_configuration_says"),
    ("http.tls.ciphersuites", "tests/it/api/tls.rs", "versions_and_ciphers_are_what_the_configuration_says"),
    ("validation.disabled", "tests/it/api/configured.rs", "without_rules_layers_may_be_anywhere"),
    ("validation.manifests.urls.allow", "tests/it/api/configured.rs", "rules_say_where_clients_may_be_sent"),
    ("validation.manifests.urls.deny", "tests/it/api/configured.rs", "rules_say_where_clients_may_be_sent"),
    (
        "validation.manifests.indexes.platforms",
        "tests/it/api/configured.rs",
        "an_index_needs_the_platforms_of_the_list",
    ),
    (
        "validation.manifests.indexes.platformlist[].os",
        "tests/it/api/configured.rs",
        "an_index_needs_the_platforms_of_the_list",
    ),
    (
        "validation.manifests.indexes.platformlist[].architecture",
        "tests/it/api/configured.rs",
        "an_index_needs_the_platforms_of_the_list",
    ),
    ("catalog.maxentries", "tests/it/api/configured.rs", "pages_of_the_catalog_have_a_limit"),
    ("tags.maxtags", "tests/it/api/configured.rs", "pages_of_tags_have_a_limit_for_who_asks_for_pages"),
    ("log.reportcaller", "tests/it/api/logs.rs", "lines_name_the_code_that_wrote_them_where_that_is_asked"),
    ("access.groups", "tests/it/api/access.rs", "everybody_may_do_what_a_rule_says_and_nothing_else"),
    ("access.rules[].repositories", "tests/it/api/access.rs", "everybody_may_do_what_a_rule_says_and_nothing_else"),
    ("access.rules[].users", "tests/it/api/access.rs", "everybody_may_do_what_a_rule_says_and_nothing_else"),
    ("access.rules[].groups", "tests/it/api/access.rs", "everybody_may_do_what_a_rule_says_and_nothing_else"),
    ("access.rules[].anonymous", "tests/it/api/access.rs", "everybody_may_do_what_a_rule_says_and_nothing_else"),
    ("access.rules[].actions", "tests/it/api/access.rs", "everybody_may_do_what_a_rule_says_and_nothing_else"),
    ("http.secret", "tests/it/api/issue.rs", "servers_with_one_secret_are_one_registry"),
    ("tokens.enabled", "tests/it/api/issue.rs", "servers_with_one_secret_are_one_registry"),
    ("tokens.service", "tests/it/api/issue.rs", "servers_with_one_secret_are_one_registry"),
    ("tokens.lifetime", "tests/it/api/issue.rs", "tokens_live_as_long_as_the_configuration_says"),
    ("tokens.file", "tests/it/cli/token.rs", "a_token_may_do_what_its_scope_and_its_owner_may"),
    ("http.tls.letsencrypt.cachefile", "tests/peers/acme.rs", "a_certificate_is_obtained_kept_and_renewed"),
    ("http.tls.letsencrypt.email", "tests/it/api/keys.rs", "the_authority_may_write_to_whom_the_configuration_names"),
    ("http.tls.letsencrypt.hosts", "tests/peers/acme.rs", "a_certificate_is_obtained_kept_and_renewed"),
    ("http.tls.letsencrypt.directoryurl", "tests/peers/acme.rs", "a_certificate_is_obtained_kept_and_renewed"),
    ("http.debug.addr", "tests/it/api/health.rs", "operators_see_variables_and_are_told_what_is_not_there"),
    (
        "http.debug.prometheus.enabled",
        "tests/it/api/metrics.rs",
        "metrics_are_where_the_configuration_says_and_nowhere_else",
    ),
    (
        "http.debug.prometheus.path",
        "tests/it/api/metrics.rs",
        "metrics_are_where_the_configuration_says_and_nowhere_else",
    ),
    ("http.http2.disabled", "tests/it/api/tls.rs", "http2_is_not_spoken_where_it_is_disabled"),
    ("http.h2c.enabled", "tests/it/api/http2.rs", "who_begins_with_it_without_tls_is_answered_where_that_is_enabled"),
    ("notifications.queue.directory", "tests/it/api/notifications.rs", "a_queue_has_a_limit_that_is_said"),
    ("notifications.queue.maxbytes", "tests/it/api/notifications.rs", "a_queue_has_a_limit_that_is_said"),
    ("notifications.endpoints[].name", "tests/it/api/notifications.rs", "a_queue_has_a_limit_that_is_said"),
    (
        "notifications.events.includereferences",
        "tests/it/api/notifications.rs",
        "everything_that_is_done_is_told_in_order",
    ),
    ("notifications.endpoints[].url", "tests/it/api/notifications.rs", "everything_that_is_done_is_told_in_order"),
    (
        "notifications.endpoints[].disabled",
        "tests/it/api/notifications.rs",
        "an_endpoint_hears_what_it_wants_in_the_form_it_wants",
    ),
    (
        "notifications.endpoints[].version",
        "tests/it/api/notifications.rs",
        "an_endpoint_hears_what_it_wants_in_the_form_it_wants",
    ),
    (
        "notifications.endpoints[].headers",
        "tests/it/api/notifications.rs",
        "an_endpoint_hears_what_it_wants_in_the_form_it_wants",
    ),
    (
        "notifications.endpoints[].ignoredmediatypes",
        "tests/it/api/notifications.rs",
        "an_endpoint_hears_what_it_wants_in_the_form_it_wants",
    ),
    (
        "notifications.endpoints[].ignore.mediatypes",
        "tests/it/api/notifications.rs",
        "an_endpoint_hears_what_it_wants_in_the_form_it_wants",
    ),
    (
        "notifications.endpoints[].ignore.actions",
        "tests/it/api/notifications.rs",
        "an_endpoint_hears_what_it_wants_in_the_form_it_wants",
    ),
    (
        "notifications.endpoints[].timeout",
        "tests/it/api/notifications.rs",
        "an_endpoint_has_the_time_that_the_configuration_says",
    ),
    (
        "notifications.endpoints[].threshold",
        "tests/it/api/notifications.rs",
        "what_was_not_heard_is_sent_again_and_the_rest_waits",
    ),
    (
        "notifications.endpoints[].backoff",
        "tests/it/api/notifications.rs",
        "what_was_not_heard_is_sent_again_and_the_rest_waits",
    ),
    ("health.storagedriver.enabled", "tests/it/api/health.rs", "a_store_that_takes_nothing_is_read_on"),
    (
        "health.storagedriver.interval",
        "tests/it/api/keys.rs",
        "the_store_is_looked_at_as_often_as_the_configuration_says",
    ),
    (
        "health.storagedriver.threshold",
        "tests/it/api/keys.rs",
        "the_store_is_looked_at_as_often_as_the_configuration_says",
    ),
    ("health.file[].file", "tests/it/api/health.rs", "a_file_takes_a_server_out_and_what_is_read_is_read_on"),
    ("health.file[].interval", "tests/it/api/health.rs", "every_check_is_made_as_often_as_it_says"),
    ("health.file[].threshold", "tests/it/api/health.rs", "every_check_is_made_as_often_as_it_says"),
    ("health.http[].interval", "tests/it/api/health.rs", "every_check_is_made_as_often_as_it_says"),
    ("health.http[].threshold", "tests/it/api/health.rs", "every_check_is_made_as_often_as_it_says"),
    ("health.tcp[].interval", "tests/it/api/health.rs", "every_check_is_made_as_often_as_it_says"),
    ("health.tcp[].threshold", "tests/it/api/health.rs", "every_check_is_made_as_often_as_it_says"),
    ("health.http[].uri", "tests/it/api/health.rs", "somebody_else_who_does_not_answer_counts"),
    ("health.tcp[].addr", "tests/it/api/health.rs", "somebody_else_who_does_not_answer_counts"),
    ("health.http[].statuscode", "tests/it/api/health.rs", "somebody_else_who_does_not_answer_counts"),
    ("health.http[].headers", "tests/it/api/health.rs", "a_check_sends_the_headers_that_it_says"),
    ("health.http[].timeout", "tests/it/api/health.rs", "a_check_waits_as_long_as_it_says"),
    ("health.tcp[].timeout", "tests/it/api/health.rs", "a_check_waits_as_long_as_it_says"),
    ("policy.repository.classes", "tests/it/api/configured.rs", "a_class_that_is_not_allowed_is_denied"),
    ("limits.loopback", "tests/it/api/budgets.rs", "an_address_has_its_rate"),
    ("limits.requests[].per", "tests/it/api/budgets.rs", "an_address_has_its_rate"),
    ("limits.requests[].methods", "tests/it/api/budgets.rs", "an_address_has_its_rate"),
    ("limits.requests[].rate", "tests/it/api/budgets.rs", "an_address_has_its_rate"),
    ("limits.requests[].burst", "tests/it/api/budgets.rs", "an_address_has_its_rate"),
    ("limits.connections.total", "tests/it/api/budgets.rs", "an_address_has_its_connections"),
    ("limits.connections.peraddress", "tests/it/api/budgets.rs", "an_address_has_its_connections"),
    ("limits.blobs.maxbytes", "tests/it/api/budgets.rs", "a_blob_has_a_largest_size"),
    ("quotas.rules[].prefix", "tests/it/api/budgets.rs", "what_is_below_a_prefix_has_a_quota"),
    ("quotas.rules[].maxbytes", "tests/it/api/budgets.rs", "what_is_below_a_prefix_has_a_quota"),
    ("quotas.interval", "tests/it/api/budgets.rs", "what_is_there_is_counted_again_and_again"),
];

/// What goes wrong with variables of the environment in distribution, and the file and function of the test that shows that
/// it does not here.
const TRAPS: &[(&str, &str, &str)] = &[
    ("no variable reaches a key with an underscore", OVERLAY, "keys_with_an_underscore"),
    ("_10 is sorted before _2", OVERLAY, "indices_count"),
    ("the names of YAML are not known where Go has others", OVERLAY, "yaml_names_and_go_names"),
    ("a header of the file and the same of a variable are two", OVERLAY, "maps_keep_their_spelling"),
    ("a name without parameters keeps what leaves say", OVERLAY, "a_name_replaces_the_section"),
    ("a second storage is a panic", "tests/it/cli/config.rs", "a_second_storage_is_refused"),
    ("lists have no elements in 2.8", OVERLAY, "indices_count"),
    ("an element of a list of texts stays as it was, or becomes empty", OVERLAY, "lists_of_texts_by_index"),
    ("one shape of redis alone is known", OVERLAY, "both_shapes_of_redis"),
    (
        "what is misspelt is passed over, though it would have closed a door",
        OVERLAY,
        "what_must_not_be_ignored_is_a_fault",
    ),
    ("a key of the file that is not known is passed over", "src/server/config/check.rs", "what_does_not_is"),
    ("a version from a variable is passed over in silence", OVERLAY, "what_is_not_known_is_said"),
    ("MAINTENANCE_READONLY_ENABLED and its like are a panic, or dropped", OVERLAY, "leaves_of_maintenance"),
    ("the same on a real server", "tests/it/cli/config.rs", "variables_win_over_the_file"),
    (
        "variables of others (Kubernetes, docker --link) change the configuration",
        OVERLAY,
        "variables_of_others_are_left_alone",
    ),
    ("a value that is no YAML is a panic", OVERLAY, "values_are_yaml"),
];

const OVERLAY: &str = "src/server/config/overlay_tests.rs";

#[test]
fn every_trap_of_variables_is_shown_to_be_mended() {
    let gone = TRAPS.iter().filter(|(_, file, function)| !text(file).contains(&format!("fn {function}(")));
    let faults: Vec<String> = gone.map(|(trap, file, test)| format!("{trap}: there is no {test} in {file}")).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// Keys in the manual, each with whether it does something: what does not says so.
fn keys(page: &str) -> Vec<(String, bool)> {
    let (_, keys) = page.split_once(".SH KEYS\n").expect("keys");
    let (keys, _) = keys.split_once("\n.SH ").expect("an end of the keys");
    let entry = |entry: &str| {
        let path = entry.strip_prefix("\\fB")?.split_once("\\fR")?.0.replace("\\-", "-");
        let says = entry.lines().nth(1).unwrap_or_default();
        Some((path, !says.starts_with("It ") && !says.starts_with("Read and not needed")))
    };
    keys.split(".TP\n").filter_map(entry).collect()
}

fn text(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap_or_default()
}

/// Sections as a whole have no effect until they are theirs to show.
fn is_inside(path: &str, sections: &BTreeSet<&str>) -> bool {
    sections.iter().any(|section| path.strip_prefix(section).is_some_and(|rest| rest.starts_with('.')))
}

#[test]
fn every_key_that_does_something_is_shown_to_do_it() {
    let page = Env::without_server().reg("man config.yml");
    let keys = keys(page.ok());
    assert!(keys.len() > 80, "the manual was not understood: {keys:?}");
    let idle: BTreeSet<&str> = keys.iter().filter(|(_, works)| !works).map(|(path, _)| path.as_str()).collect();
    let mut faults = Vec::new();
    for (path, _) in keys.iter().filter(|(path, works)| *works && !is_inside(path, &idle)) {
        if !SHOWN.iter().any(|(key, ..)| key == path) {
            faults.push(format!("{path}: name the test that shows its effect in tests/it/traced.rs"));
        }
    }
    for (key, file, function) in SHOWN {
        let leaf = key.rsplit('.').next().unwrap_or(key);
        let text = text(file);
        if !text.contains(&format!("fn {function}(")) {
            faults.push(format!("{key}: there is no {function} in {file}"));
        }
        if !text.contains(leaf) {
            faults.push(format!("{key}: {file} does not name it"));
        }
        if !keys.iter().any(|(path, _)| path == key) {
            faults.push(format!("{key}: the manual does not have it"));
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}
