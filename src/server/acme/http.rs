//! Requests to the authority go the way of all requests of this server.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use url::Url;

use crate::server::outbound::{Outbound, Question};

/// For one request: an authority that is asked by many takes its time.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Certificates and directories have some thousand bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

pub(super) struct Http(pub(super) Arc<Outbound>);

type Answered = Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>>;

impl HttpClient for Http {
    fn request(&self, request: Request<BodyWrapper<Bytes>>) -> Answered {
        let outbound = Arc::clone(&self.0);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let url: Url = head.uri.to_string().parse().map_err(|error| Error::Other(Box::new(error)))?;
            let body = body.collect().await.map_err(|error| Error::Other(error.to_string().into()))?.to_bytes();
            let question = Question {
                method: head.method,
                url: &url,
                headers: head.headers,
                body,
                timeout: TIMEOUT,
                follow: false,
                answer_max: ANSWER_BYTES_MAX,
            };
            let answer = outbound.ask(question).await.map_err(|error| Error::Other(Box::new(error)))?;
            let mut response = Response::new(Full::new(answer.body));
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            Ok(response.into())
        })
    }
}
