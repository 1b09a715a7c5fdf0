//! Who signs certificates: an account with it, orders, and the proof that a host is ours.

use std::sync::Arc;

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Identifier, LetsEncrypt as Known, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use jiff::Timestamp;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use tokio::sync::OnceCell;

use super::AcmeError;
use super::cache::{Cache, Kept};
use super::http::Http;
use crate::server::config::LetsEncrypt;
use crate::server::outbound::Outbound;

pub(super) struct Authority {
    directory: String,
    email: Option<String>,
    outbound: Arc<Outbound>,
    account: OnceCell<Account>,
}

impl Authority {
    pub(super) fn new(config: &LetsEncrypt) -> Self {
        Self {
            directory: config.directory.clone().unwrap_or_else(|| Known::Production.url().to_owned()),
            email: config.email.clone(),
            outbound: Arc::default(),
            account: OnceCell::new(),
        }
    }

    /// The account of the cache, or a new one.
    async fn account(&self, cache: &Cache) -> Result<&Account, AcmeError> {
        self.account
            .get_or_try_init(|| async {
                let builder = || Account::builder_with_http(Box::new(Http(Arc::clone(&self.outbound))));
                if let Some(known) = cache.account(&self.directory)? {
                    return Ok(builder().from_credentials(known).await?);
                }
                let contact: Vec<String> = self.email.iter().map(|email| format!("mailto:{email}")).collect();
                let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
                // Who configures this agrees to the terms, as in distribution.
                let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
                let (account, credentials) = builder().create(&new, self.directory.clone(), None).await?;
                cache.store_account(&credentials)?;
                Ok(account)
            })
            .await
    }

    /// When the authority wants a certificate to be renewed (RFC 9773); the end of time where it does not say.
    pub(super) async fn renewal(&self, cache: &Cache, kept: &Kept) -> Timestamp {
        let asked = async {
            let id = CertificateIdentifier::try_from(kept.leaf()?).ok()?;
            let (info, _) = self.account(cache).await.ok()?.renewal_info(&id).await.ok()?;
            Timestamp::from_second(info.suggested_window.start.unix_timestamp()).ok()
        };
        asked.await.unwrap_or(Timestamp::MAX)
    }

    /// A new key and its chain in PEM. `prove` shows a certificate to whoever asks for a proof.
    pub(super) async fn certificate(
        &self,
        cache: &Cache,
        host: &str,
        provider: &CryptoProvider,
        prove: impl Fn(CertifiedKey),
    ) -> Result<String, AcmeError> {
        let identifiers = [Identifier::Dns(host.to_owned())];
        let mut order = self.account(cache).await?.new_order(&NewOrder::new(&identifiers)).await?;
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let Some(mut challenge) = authorization.challenge(ChallengeType::TlsAlpn01) else {
                return Err(AcmeError::Refused("it does not offer TLS-ALPN-01".into()));
            };
            prove(proof(host, challenge.key_authorization().digest().as_ref(), provider)?);
            challenge.set_ready().await?;
        }
        let patience = RetryPolicy::default();
        if order.poll_ready(&patience).await? != OrderStatus::Ready {
            return Err(AcmeError::Refused(reason(&mut order).await));
        }
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        params.distinguished_name = DistinguishedName::new();
        order.finalize_csr(params.serialize_request(&key)?.der()).await?;
        Ok(key.serialize_pem() + &order.poll_certificate(&patience).await?)
    }
}

/// Why an order came to nothing.
async fn reason(order: &mut Order) -> String {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { continue };
        if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
            return problem.to_string();
        }
    }
    "the order is invalid".into()
}

/// The certificate that shows `digest` to who connects to `host` (RFC 8737 §3).
fn proof(host: &str, digest: &[u8], provider: &CryptoProvider) -> Result<CertifiedKey, AcmeError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![host.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let made = params.self_signed(&key)?;
    let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = provider.key_provider.load_private_key(secret).map_err(AcmeError::Key)?;
    // Not compared with its certificate, whose critical extension is one that rustls does not know.
    Ok(CertifiedKey::new(vec![made.der().clone()], key))
}
