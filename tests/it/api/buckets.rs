//! Keys of `storage.s3`: each shows its effect in what a bucket is asked for.

use crate::support::scripted::{Reply, Request, Scripted, reply};
use crate::support::server::reg;
use crate::support::{Env, Server};

/// The configuration of a registry in a bucket.
fn written(env: &Env, settings: &str) -> std::path::PathBuf {
    let path = env.path("bucket.yml");
    let text = format!("version: 0.1\nhttp: {{addr: '127.0.0.1:0'}}\nstorage: {{s3: {{{settings}}}}}\n");
    std::fs::write(&path, text).expect("written");
    path
}

/// A bucket in which nothing is, and where an upload can be begun.
fn bucket(request: &Request) -> Reply {
    let xml = ["Content-Type: application/xml"];
    match request.line.split(' ').next().unwrap_or_default() {
        "GET" if request.line.contains("list-type=2") => reply(
            200,
            &xml,
            "<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>",
        ),
        "POST" if request.line.contains("uploadId=") => reply(
            200,
            &xml,
            "<CompleteMultipartUploadResult><Key>k</Key><ETag>\"e\"</ETag></CompleteMultipartUploadResult>",
        ),
        "POST" => {
            reply(200, &xml, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
        }
        "PUT" => reply(200, &["ETag: \"e\""], ""),
        _ => reply(404, &xml, "<Error><Code>NoSuchKey</Code></Error>"),
    }
}

/// The requests that a bucket gets from a start, and from the beginning of an upload.
fn requests_to_a_bucket(settings: &str) -> Vec<Request> {
    let env = Env::without_server();
    let bucket = Scripted::serve(bucket);
    let endpoint = format!("regionendpoint: 'http://{}'", bucket.host);
    let settings = format!("bucket: images, accesskey: AKIA, secretkey: s3cr3t, {endpoint}, {settings}");
    let (server, _log) = Server::start_configured(&written(&env, &settings), &env.path("data"));
    let _whatever_came_of_it = server.client().send("POST", "/v2/app/blobs/uploads/", &[], b"");
    bucket.requests()
}

#[test]
fn a_bucket_is_spoken_to_as_the_configuration_says() {
    let all = requests_to_a_bucket(
        "region: eu-north-7, rootdirectory: /deep/er, sessiontoken: t0ken, useragent: keys/1, encrypt: true, \
         keyid: 'arn:aws:kms:key', storageclass: STANDARD_IA",
    );
    assert!(!all.is_empty());
    for request in &all {
        let authorization = request.header("authorization").unwrap_or_default();
        assert!(authorization.contains("Credential=AKIA/") && authorization.contains("/eu-north-7/s3/"), "{request:?}");
        assert_eq!(request.header("x-amz-security-token"), Some("t0ken"), "{request:?}");
        assert_eq!(request.header("user-agent"), Some("keys/1"), "{request:?}");
        assert!(request.line.contains(" /images"), "{request:?}");
        assert!(!format!("{request:?}").contains("s3cr3t"), "a secret is not sent");
    }
    assert!(all[0].line.contains("prefix=deep%2Fer%2F"), "{:?}", all[0]);
    let writes: Vec<_> = all.iter().filter(|request| ["PUT ", "POST"].contains(&&request.line[..4])).collect();
    assert!(!writes.is_empty(), "{all:?}");
    for write in writes {
        assert!(write.line.contains(" /images/deep/er/docker/registry/v2/"), "{write:?}");
        assert_eq!(write.header("x-amz-server-side-encryption"), Some("aws:kms"), "{write:?}");
        assert_eq!(write.header("x-amz-server-side-encryption-aws-kms-key-id"), Some("arn:aws:kms:key"), "{write:?}");
        assert_eq!(write.header("x-amz-storage-class"), Some("STANDARD_IA"), "{write:?}");
    }
}

#[test]
fn a_bucket_is_asked_for_nothing_that_nobody_wants() {
    for write in requests_to_a_bucket("storageclass: NONE").iter().filter(|request| !request.line.starts_with("GET")) {
        let extra = |(name, _): &&(String, String)| {
            name.starts_with("x-amz-server-side") || name == "x-amz-storage-class" || name == "x-amz-security-token"
        };
        assert_eq!(write.headers.iter().find(extra), None, "{write:?}");
    }
}

#[test]
fn a_server_of_buckets_must_have_a_certificate_that_is_trusted() {
    // A server that speaks no TLS stands for one that cannot be trusted: what is asked for is https.
    let env = Env::without_server();
    let bucket = Scripted::serve(bucket);
    let (host, data) = (bucket.host.clone(), env.path("data"));
    let lines =
        |secure: &str| format!("bucket: b, region: eu, accesskey: a, secretkey: s, regionendpoint: '{host}', {secure}");
    let (server, _log) = Server::start_configured(&written(&env, &lines("secure: false")), &data);
    assert_eq!(server.client().get("/v2/").status, 200);
    drop(server);
    let path = written(&env, &lines("secure: true"));
    let ended = env.run(reg().arg("serve").arg(path), "");
    assert!(ended.exit == Some(1) && ended.stderr.contains(&format!("https://{host}")), "{ended}");
}

#[test]
fn any_certificate_will_do_where_the_configuration_says_so() {
    let env = Env::without_server();
    // Signed by nobody that this machine knows.
    let bucket = Scripted::serve_tls(bucket);
    let settings = |skip: &str| {
        format!("bucket: b, region: eu, accesskey: a, secretkey: s, regionendpoint: 'https://{}'{skip}", bucket.host)
    };
    for skip in ["", ", skipverify: false"] {
        let ended = env.run(reg().arg("serve").arg(written(&env, &settings(skip))), "");
        assert!(ended.exit == Some(1) && ended.stderr.contains("cannot be reached"), "{skip}: {ended}");
        assert_eq!(bucket.requests().len(), 0, "a stranger is asked nothing");
    }
    let (server, _log) = Server::start_configured(&written(&env, &settings(", skipverify: true")), &env.path("data"));
    assert_eq!(server.client().get("/v2/").status, 200);
    assert!(bucket.requests()[0].line.starts_with("GET /b?"), "{:?}", bucket.requests());
}

#[test]
fn parts_of_an_upload_have_the_size_that_the_configuration_says() {
    let env = Env::without_server();
    let bucket = Scripted::serve(bucket);
    let settings = format!(
        "bucket: b, region: eu, accesskey: a, secretkey: s, regionendpoint: 'http://{}', chunksize: 6000000",
        bucket.host
    );
    let (server, _log) = Server::start_configured(&written(&env, &settings), &env.path("data"));
    let blob = crate::support::image::noise(1, 13_000_000);
    let digest = crate::support::digest(&blob);
    let _whatever_came_of_it =
        server.client().send("POST", &format!("/v2/app/blobs/uploads/?digest={digest}"), &[], &blob);
    let requests = bucket.requests();
    let part = |number: usize| {
        let name = format!("partNumber={number}&");
        let put = requests.iter().find(|request| request.line.starts_with("PUT ") && request.line.contains(&name));
        put.map(|put| put.body.as_slice())
    };
    assert_eq!(part(1), Some(&blob[..6_000_000]), "the first part");
    assert_eq!(part(2), Some(&blob[6_000_000..12_000_000]), "the second part");
    assert_eq!(part(3), Some(&blob[12_000_000..]), "what is left");
    assert_eq!(part(4), None);
}

/// A proxy sees the names of all servers, as nobody here has one.
#[test]
fn the_bucket_is_in_the_host_or_in_the_path_as_the_configuration_says() {
    let asked = |settings: &str| {
        let env = Env::without_server();
        let proxy = Scripted::serve(|_| reply(404, &[], ""));
        let proxied = format!("http://{}", proxy.host);
        let settings = format!("bucket: images, region: eu-west-1, accesskey: a, secretkey: s{settings}");
        let path = written(&env, &settings);
        let mut command = reg();
        command.arg("serve").arg(path).env("HTTP_PROXY", &proxied).env("HTTPS_PROXY", &proxied);
        assert_eq!(env.run(&mut command, "").exit, Some(1), "{settings}");
        let line = proxy.requests().first().expect("asked").line.clone();
        line.split('?').next().unwrap_or_default().to_owned()
    };
    // At Amazon: the bucket has a name of its own there.
    assert_eq!(asked(""), "CONNECT images.s3.eu-west-1.amazonaws.com:443");
    assert_eq!(asked(", forcepathstyle: false"), "CONNECT images.s3.eu-west-1.amazonaws.com:443");
    assert_eq!(asked(", forcepathstyle: true"), "CONNECT s3.eu-west-1.amazonaws.com:443");
    // Elsewhere few buckets have names.
    let elsewhere = ", regionendpoint: 'http://s3.test:9000'";
    assert_eq!(asked(elsewhere), "GET http://s3.test:9000/images");
    assert_eq!(asked(&format!("{elsewhere}, forcepathstyle: true")), "GET http://s3.test:9000/images");
    assert_eq!(asked(&format!("{elsewhere}, forcepathstyle: false")), "GET http://images.s3.test:9000/");
}
