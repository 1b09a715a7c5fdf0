//! One request before it is sent.

use bytes::Bytes;
use futures_util::stream::BoxStream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use url::Url;

use crate::content;
use crate::spec::{Route, Scopes};

/// Where a request goes.
#[derive(Clone, Debug)]
pub(in crate::client) enum Place {
    /// A path of the registry's API.
    Api(Route),
    /// A URL that the registry gave us: an upload session, the next page.
    Url(Url),
    /// A URL for somebody else than the registry: the token server. It gets no credentials but those in the headers,
    /// and leads only to places where credentials may go.
    Realm(Url),
}

/// What a request carries.
pub(in crate::client) enum Payload {
    Empty,
    /// Can be sent again.
    Bytes(Bytes),
    /// Can be sent once. The length in bytes is known.
    Stream(BoxStream<'static, content::Result<Bytes>>, u64),
    /// A stream that has been sent.
    Spent,
}

impl Payload {
    /// This payload for one attempt. What is left of a stream is [`Payload::Spent`].
    pub(super) fn take(&mut self) -> Self {
        match self {
            Self::Empty => Self::Empty,
            Self::Bytes(bytes) => Self::Bytes(bytes.clone()),
            Self::Stream(..) | Self::Spent => std::mem::replace(self, Self::Spent),
        }
    }

    pub(super) fn is_spent(&self) -> bool {
        matches!(self, Self::Spent)
    }
}

/// One request.
pub(in crate::client) struct Call {
    pub(super) head: Head,
    pub(super) payload: Payload,
    /// What a token has to allow for it.
    pub(super) scopes: Scopes,
}

/// What of a request can be sent any number of times.
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) place: Place,
    pub(super) headers: HeaderMap,
}

impl Call {
    pub(in crate::client) fn new(method: Method, place: Place, scopes: Scopes) -> Self {
        Self { head: Head { method, place, headers: HeaderMap::new() }, payload: Payload::Empty, scopes }
    }

    pub(in crate::client) fn api(method: Method, route: Route, scopes: Scopes) -> Self {
        Self::new(method, Place::Api(route), scopes)
    }

    /// Sets a header. A value that is none is left out: nothing that comes here is one.
    pub(in crate::client) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.head.headers.insert(name, value);
        }
        self
    }

    pub(in crate::client) fn payload(mut self, payload: Payload, media_type: &str) -> Self {
        self.payload = payload;
        self.header(header::CONTENT_TYPE, media_type)
    }
}

impl Head {
    /// Whether the request changes nothing.
    pub(super) fn is_read(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }
}
