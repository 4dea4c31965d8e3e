//! A blocking client of the API.

use crate::api::{Page, Problem, Upload};
use crate::failure::{Exit, Failure, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::io::Read;
use std::time::Duration;
use ureq::http::{Response, Uri};
use ureq::{Agent, Body, SendBody};

/// What stands for itself in a path.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@');

/// The longest silence of a server that works: a long poll is 20 s.
const SILENCE: Duration = Duration::from_mins(2);

/// The largest answer that is read into memory, in bytes.
const LARGEST_ANSWER: u64 = 256 * 1024 * 1024;

/// A client of one server.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: Agent,
    base: String,
    key: Option<String>,
}

/// An answer's JSON, as it came.
#[derive(Debug)]
pub(crate) struct Reply(pub(crate) String);

impl Reply {
    /// The JSON as a type.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.0).map_err(|error| {
            Failure::failed(format!("the server's answer is not what this program knows: {error}")).remedy(
                "see that program and server are of the same version: `fettle --version`, GET /v1/version",
            )
        })
    }
}

/// Where a call goes: the parts of the path after `/v1`, and the query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route<'a> {
    path: &'a [&'a str],
    query: &'a [(&'a str, &'a str)],
}

/// The route of a path.
pub(crate) fn route<'a>(path: &'a [&'a str]) -> Route<'a> {
    Route { path, query: &[] }
}

impl<'a> Route<'a> {
    /// With a query.
    pub(crate) fn query(self, query: &'a [(&'a str, &'a str)]) -> Self {
        Self { query, ..self }
    }
}

impl Client {
    /// A client of the server at an address.
    pub(crate) fn new(url: &str, key: Option<String>) -> Result<Self> {
        let base = url.trim_end_matches('/').to_owned();
        let uri: Option<Uri> = base.parse().ok();
        let host =
            uri.as_ref().filter(|uri| matches!(uri.scheme_str(), Some("http" | "https"))).and_then(Uri::host);
        let Some(host) = host else {
            return Err(Failure::new(Exit::Usage, format!("`{url}` is not the address of a server"))
                .remedy("give one such as http://127.0.0.1:8080 with --url or FETTLE_URL"));
        };
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .user_agent(concat!("fettle/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE));
        if is_loopback(host) {
            // A proxy, and its owner, have no part in what stays on this machine.
            config = config.proxy(None);
        }
        Ok(Self { agent: config.build().new_agent(), base, key })
    }

    /// The server's address.
    pub(crate) fn url(&self) -> &str {
        &self.base
    }

    /// GET.
    pub(crate) fn get(&self, route: Route<'_>) -> Result<Reply> {
        let request = self.agent.get(self.address(route)).headers(self.authorization());
        self.answer(request.call())
    }

    /// DELETE.
    pub(crate) fn delete(&self, route: Route<'_>) -> Result<Reply> {
        let request = self.agent.delete(self.address(route)).headers(self.authorization());
        self.answer(request.call())
    }

    /// POST with JSON.
    pub(crate) fn post(&self, route: Route<'_>, body: &Value) -> Result<Reply> {
        let request = self.agent.post(self.address(route)).headers(self.authorization());
        self.answer(request.send_json(body))
    }

    /// PUT with JSON.
    pub(crate) fn put(&self, route: Route<'_>, body: &Value) -> Result<Reply> {
        let request = self.agent.put(self.address(route)).headers(self.authorization());
        self.answer(request.send_json(body))
    }

    /// POST with bytes of that media type; the answer is wanted as JSON in any case.
    pub(crate) fn post_bytes(&self, route: Route<'_>, content_type: &str, bytes: &[u8]) -> Result<Reply> {
        let request = self.agent.post(self.address(route)).headers(self.authorization());
        self.answer(request.header("accept", "application/json").content_type(content_type).send(bytes))
    }

    /// Sends a file of known length to the address that the server gave for it. That address is
    /// the permission; the key stays here.
    pub(crate) fn upload(&self, upload: &Upload, length: u64, mut file: impl Read) -> Result<()> {
        let mut request = self.agent.put(&upload.url).header("content-length", length.to_string());
        for (name, value) in &upload.headers {
            request = request.header(name, value);
        }
        self.answer(request.send(SendBody::from_reader(&mut file))).map(drop)
    }

    /// The bytes of a file, wherever the server says that it lies, and their number if it is known.
    /// The key is not sent to where a redirect leads.
    pub(crate) fn download(&self, route: Route<'_>) -> Result<(impl Read + use<>, Option<u64>)> {
        let request = self.agent.get(self.address(route)).headers(self.authorization());
        let response = self.checked(request.call())?;
        let length = response.body().content_length();
        Ok((response.into_body().into_with_config().limit(u64::MAX).reader(), length))
    }

    /// All items of a list, page by page, as one list.
    pub(crate) fn list(&self, path: &[&str]) -> Result<Reply> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = vec![("limit", "200")];
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page: Page<Value> = self.get(route(path).query(&query))?.read()?;
            items.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(Reply(json!({ "items": items, "next_cursor": null }).to_string()));
            }
        }
    }

    /// The API's description, which lies outside of `/v1`.
    pub(crate) fn openapi(&self) -> Result<Reply> {
        self.answer(self.agent.get(format!("{}/openapi.json", self.base)).call())
    }

    fn address(&self, route: Route<'_>) -> String {
        let mut address = format!("{}/v1", self.base);
        for part in route.path {
            address.push('/');
            address.extend(utf8_percent_encode(part, PLAIN));
        }
        for ((name, value), mark) in
            route.query.iter().zip(std::iter::once('?').chain(std::iter::repeat('&')))
        {
            address.push(mark);
            address.push_str(name);
            address.push('=');
            address.extend(utf8_percent_encode(value, PLAIN));
        }
        address
    }

    fn authorization(&self) -> Option<String> {
        self.key.as_ref().map(|key| format!("Bearer {key}"))
    }

    fn answer(&self, response: std::result::Result<Response<Body>, ureq::Error>) -> Result<Reply> {
        let mut response = self.checked(response)?;
        text(&mut response).map(Reply).map_err(|error| self.unreachable(&error))
    }

    /// The response, if the server did what it was asked; else its problem.
    fn checked(&self, response: std::result::Result<Response<Body>, ureq::Error>) -> Result<Response<Body>> {
        let mut response = response.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = text(&mut response).map_err(|error| self.unreachable(&error))?;
        let mut problem: Problem = serde_json::from_str(&body).unwrap_or_default();
        problem.status = status.as_u16();
        if problem.title.is_empty() && problem.detail.is_none() {
            // Not ours: a proxy in between, or a storage service.
            problem.detail = Some(format!("{} answered {status}", self.base));
        }
        if status == 401 && problem.remedy.is_none() {
            problem.remedy = Some("give a key with FETTLE_KEY or --key".to_owned());
        }
        Err(problem.into())
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let why = match error {
            ureq::Error::Io(error) => error.to_string(),
            other => other.to_string(),
        };
        Failure::new(Exit::Unreachable, format!("{} does not answer: {why}", self.base))
            .remedy("see that the server runs (`fettle up`) and that this is its address")
    }
}

fn text(response: &mut Response<Body>) -> std::result::Result<String, ureq::Error> {
    response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_string()
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_matches(['[', ']']);
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Adds headers to a request of either kind.
trait WithHeaders: Sized {
    fn headers(self, authorization: Option<String>) -> Self;
}

impl<Any> WithHeaders for ureq::RequestBuilder<Any> {
    fn headers(self, authorization: Option<String>) -> Self {
        match authorization {
            Some(value) => self.header("authorization", value),
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside_their_part_of_the_address() {
        let client = Client::new("http://127.0.0.1:8080/", None).unwrap();
        let path = ["datasets", "a/../b?c=ü"];
        let query = [("name", "x&y=1"), ("after", "3")];
        let address = client.address(route(&path).query(&query));
        assert_eq!(
            address,
            "http://127.0.0.1:8080/v1/datasets/a%2F..%2Fb%3Fc%3D%C3%BC?name=x%26y%3D1&after=3"
        );
    }

    #[test]
    fn what_is_no_address_is_said_before_anything_is_sent() {
        for url in ["", "penguins", "ftp://127.0.0.1", "http://", "localhost:8080"] {
            assert_eq!(Client::new(url, None).unwrap_err().exit_code(), 2, "{url}");
        }
    }

    #[test]
    fn loopback_is_known_by_name_and_number() {
        assert!(is_loopback("localhost") && is_loopback("127.0.0.1") && is_loopback("[::1]"));
        assert!(!is_loopback("example.org") && !is_loopback("10.0.0.1"));
    }
}
