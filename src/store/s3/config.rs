//! The settings of a bucket, as distribution's `storage: s3` names them, and the client they make.

use std::time::Duration;

use http::HeaderValue;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{Attribute, Attributes, ClientOptions, RetryConfig};

use crate::spec::without_secrets;
use crate::store::{Error, Result};

/// `chunksize` where the configuration names none, in bytes (distribution's).
pub(crate) const CHUNK_BYTES_DEFAULT: usize = 10 << 20;

/// Smallest part of a multipart upload but the last, in bytes (Amazon S3, "Multipart upload limits").
pub(crate) const CHUNK_BYTES_MIN: usize = 5 << 20;

/// How long the server may be silent while an answer or the taking of a part is awaited.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// distribution's settings, by its names. Empty text is a setting that is not there.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct S3Config {
    pub(crate) accesskey: String,
    pub(crate) secretkey: String,
    pub(crate) sessiontoken: String,
    pub(crate) region: String,
    /// `host:port` or a URL; Amazon's where it is empty.
    pub(crate) regionendpoint: String,
    /// `https://endpoint/bucket/key` in place of `https://bucket.endpoint/key`. Where nothing is said, an endpoint that is
    /// not Amazon's is spoken to this way: few of them give names to buckets.
    pub(crate) forcepathstyle: Option<bool>,
    pub(crate) bucket: String,
    pub(crate) rootdirectory: String,
    pub(crate) encrypt: bool,
    /// Key of KMS for `encrypt`; S3's own keys where it is empty.
    pub(crate) keyid: String,
    /// https, where `regionendpoint` does not say.
    pub(crate) secure: bool,
    pub(crate) skipverify: bool,
    /// Size of the parts of an upload in bytes, which is also the memory that one takes.
    pub(crate) chunksize: usize,
    /// `NONE` for a server that knows no classes. A blob that is copied into place gets the bucket's default.
    pub(crate) storageclass: String,
    pub(crate) useragent: String,
    /// The `AWS_*` variables of the environment, in which credentials are looked for when the configuration has none.
    pub(crate) environment: Vec<(String, String)>,
}

impl Default for S3Config {
    fn default() -> Self {
        Self {
            accesskey: String::new(),
            secretkey: String::new(),
            sessiontoken: String::new(),
            region: String::new(),
            regionendpoint: String::new(),
            forcepathstyle: None,
            bucket: String::new(),
            rootdirectory: String::new(),
            encrypt: false,
            keyid: String::new(),
            secure: true,
            skipverify: false,
            chunksize: CHUNK_BYTES_DEFAULT,
            storageclass: "STANDARD".to_owned(),
            useragent: String::new(),
            environment: Vec::new(),
        }
    }
}

impl std::fmt::Debug for S3Config {
    /// Without what is secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Config")
            .field("regionendpoint", &self.regionendpoint)
            .field("region", &self.region)
            .field("bucket", &self.bucket)
            .field("rootdirectory", &self.rootdirectory)
            .finish_non_exhaustive()
    }
}

impl S3Config {
    /// What every key begins with: distribution's `s3Path` joins the root and `/docker/registry/…` and cuts slashes off
    /// both ends.
    pub(super) fn base(&self) -> String {
        let root = self.rootdirectory.trim_end_matches('/').trim_start_matches('/');
        if root.is_empty() { String::new() } else { format!("{root}/") }
    }

    /// What is given to objects that are written.
    pub(super) fn attributes(&self) -> Attributes {
        let class = self.storageclass.to_ascii_uppercase();
        let plain = matches!(class.as_str(), "" | "NONE" | "STANDARD");
        let class = (!plain).then_some((Attribute::StorageClass, class));
        // distribution's type of everything.
        class.into_iter().chain([(Attribute::ContentType, "application/octet-stream".to_owned())]).collect()
    }

    /// Where the bucket is, for people.
    pub(crate) fn server(&self) -> String {
        if self.regionendpoint.is_empty() {
            format!("Amazon S3 in {}", self.region)
        } else {
            without_secrets(&self.endpoint())
        }
    }

    /// Whether the bucket is a name in the host.
    fn has_host(&self) -> bool {
        !self.forcepathstyle.unwrap_or(!self.regionendpoint.is_empty())
    }

    /// The endpoint as the client wants it: with the bucket where that is in the host.
    fn client_endpoint(&self) -> String {
        let endpoint = self.endpoint();
        match endpoint.split_once("://").filter(|_| self.has_host()) {
            Some((scheme, host)) => format!("{scheme}://{}.{host}", self.bucket),
            None => endpoint,
        }
    }

    fn endpoint(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        if self.regionendpoint.contains("://") {
            self.regionendpoint.trim_end_matches('/').to_owned()
        } else {
            format!("{scheme}://{}", self.regionendpoint.trim_end_matches('/'))
        }
    }

    /// # Errors
    /// Settings that contradict each other.
    pub(super) fn client(&self) -> Result<AmazonS3> {
        self.client_with(RetryConfig::default())
    }

    /// # Errors
    /// As [`Self::client`].
    pub(super) fn client_with(&self, retry: RetryConfig) -> Result<AmazonS3> {
        let failed = |source: object_store::Error| Error::Io { key: self.bucket.clone(), source: source.into() };
        if self.bucket.is_empty() {
            return Err(Error::Io { key: "storage.s3.bucket".to_owned(), source: "no bucket is named".into() });
        }
        let mut options = ClientOptions::new()
            // Of a whole request; a large blob may take its time as long as bytes move.
            .with_timeout_disabled()
            .with_read_timeout(SILENCE_MAX)
            .with_allow_http(true)
            .with_allow_invalid_certificates(self.skipverify);
        if let Ok(agent) = HeaderValue::from_str(&self.useragent)
            && !agent.is_empty()
        {
            options = options.with_user_agent(agent);
        }
        let mut builder = AmazonS3Builder::new().with_retry(retry);
        for (name, value) in &self.environment {
            if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        let region = if self.region.is_empty() { "us-east-1" } else { &self.region };
        builder = builder.with_client_options(options).with_bucket_name(&self.bucket).with_region(region);
        builder = builder.with_virtual_hosted_style_request(self.has_host());
        if !self.regionendpoint.is_empty() {
            builder = builder.with_endpoint(self.client_endpoint());
        }
        // TLS vouches for the bytes on their way; without it their SHA-256 is signed with the request.
        builder = builder.with_unsigned_payload(!self.endpoint().starts_with("http:"));
        if !self.accesskey.is_empty() {
            builder = builder.with_access_key_id(&self.accesskey).with_secret_access_key(&self.secretkey);
        }
        if !self.sessiontoken.is_empty() {
            builder = builder.with_token(&self.sessiontoken);
        }
        builder = match (self.encrypt, self.keyid.as_str()) {
            (false, _) => builder,
            (true, "") => {
                let key = "aws_server_side_encryption".parse::<AmazonS3ConfigKey>().map_err(failed)?;
                builder.with_config(key, "AES256")
            }
            (true, keyid) => builder.with_sse_kms_encryption(keyid),
        };
        builder.build().map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_begin_with_the_root() {
        for (root, base) in [("", ""), ("/", ""), ("/a/b", "a/b/"), ("a/b/", "a/b/"), ("//a//", "a/")] {
            let config = S3Config { rootdirectory: root.to_owned(), ..S3Config::default() };
            assert_eq!(config.base(), base, "{root}");
        }
    }

    #[test]
    fn endpoints() {
        let endpoint = |regionendpoint: &str, secure| {
            S3Config { regionendpoint: regionendpoint.to_owned(), secure, ..S3Config::default() }.endpoint()
        };
        assert_eq!(endpoint("minio:9000", true), "https://minio:9000");
        assert_eq!(endpoint("minio:9000/", false), "http://minio:9000");
        assert_eq!(endpoint("http://minio:9000", true), "http://minio:9000");
    }

    #[test]
    fn a_bucket_is_in_the_host_where_that_is_said() {
        let client = |regionendpoint: &str, forcepathstyle| {
            let (regionendpoint, bucket) = (regionendpoint.to_owned(), "b".to_owned());
            let config = S3Config { regionendpoint, forcepathstyle, bucket, ..S3Config::default() };
            (config.has_host(), config.client_endpoint())
        };
        assert_eq!(client("minio:9000", None), (false, "https://minio:9000".to_owned()));
        assert_eq!(client("minio:9000", Some(true)), (false, "https://minio:9000".to_owned()));
        assert_eq!(client("http://oss.test/", Some(false)), (true, "http://b.oss.test".to_owned()));
        assert!(client("", None).0 && client("", Some(false)).0 && !client("", Some(true)).0);
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = S3Config { secretkey: "hunter2".to_owned(), bucket: "b".to_owned(), ..S3Config::default() };
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn clients_are_made_of_every_sensible_configuration() {
        let aws = S3Config { region: "eu-west-1".to_owned(), bucket: "b".to_owned(), ..S3Config::default() };
        let minio = S3Config { regionendpoint: "http://localhost:9000".to_owned(), ..aws.clone() };
        let encrypted = S3Config { encrypt: true, ..aws.clone() };
        let kms = S3Config { encrypt: true, keyid: "arn:aws:kms:x".to_owned(), ..aws.clone() };
        let agent = S3Config { useragent: "reg test".to_owned(), skipverify: true, ..aws.clone() };
        let environment = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_PROFILE", "p")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let from_environment = S3Config { environment, ..aws.clone() };
        for config in [aws, minio, encrypted, kms, agent, from_environment] {
            config.client().expect("made");
        }
        assert!(S3Config::default().client().is_err(), "no bucket");
    }

    #[test]
    fn classes() {
        let class = |name: &str| {
            let config = S3Config { storageclass: name.to_owned(), ..S3Config::default() };
            config.attributes().get(&Attribute::StorageClass).map(|class| class.as_ref().to_owned())
        };
        assert_eq!(class("standard_ia").as_deref(), Some("STANDARD_IA"));
        assert_eq!([class("NONE"), class(""), class("STANDARD")], [None, None, None]);
    }
}
