//! For whom the HTTP port answers: a page of somebody else's in this machine's browser must not read or write here.
//!
//! In:    a request's head. Out: nothing, or a refusal that says how to be let in.
//! Never: a request under a name that somebody else's DNS may point at loopback (DNS rebinding); a POST that a page of
//!        another origin sends. Programs send no Origin, and are let in by their address.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use query_coordinator::api::ApiError;

/// The names that are answered to, besides loopback's.
#[derive(Clone, Debug)]
pub(super) struct Hosts(Arc<[String]>);

/// Why a request is not answered.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    Host(String),
    Origin(String),
}

/// Before every route, OTLP's and Prometheus' as well.
pub(super) async fn guard(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    match hosts.check(request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => ApiError::from(refused).into_response(),
    }
}

// === impl Hosts ===

impl Hosts {
    pub(super) fn new(configured: &[String]) -> Self {
        Self(configured.iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refused> {
        let text =
            |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        // HTTP/2 has it in the address.
        let host = uri.authority().map(ToString::to_string).or_else(|| text(HOST)).unwrap_or_default();
        if !self.knows(name_of(&host)) {
            return Err(Refused::Host(host));
        }
        match text(ORIGIN) {
            Some(origin)
                if !matches!(*method, Method::GET | Method::HEAD) && !self.is_same(&origin, &host) =>
            {
                Err(Refused::Origin(origin))
            }
            _ => Ok(()),
        }
    }

    fn knows(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        name == "localhost" || address.is_ok_and(|address| address.is_loopback()) || self.0.contains(&name)
    }

    /// The page came from this very port, or from a name that was configured.
    fn is_same(&self, origin: &str, host: &str) -> bool {
        let Some((_scheme, authority)) = origin.split_once("://") else { return false };
        authority.eq_ignore_ascii_case(host) || self.0.contains(&name_of(authority).to_ascii_lowercase())
    }
}

/// Without the port.
fn name_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let (status, code, message, hint) = match refused {
            Refused::Host(host) => (
                StatusCode::MISDIRECTED_REQUEST,
                "unknown_host",
                format!("this server does not answer to the host {host:?}"),
                "ask 127.0.0.1 or localhost, or start it with --http-hosts NAME",
            ),
            Refused::Origin(origin) => (
                StatusCode::FORBIDDEN,
                "foreign_origin",
                format!("a page of {origin:?} may not send this"),
                "ask from the console or a program, or start the server with --http-hosts NAME",
            ),
        };
        Self { status, code, message, hint: hint.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn loopback_has_its_names_and_others_are_configured() {
        for host in [
            "localhost",
            "LOCALHOST:4318",
            "127.0.0.1:4318",
            "127.9.9.9",
            "[::1]:4318",
            "[::1]",
            "localhost.",
        ] {
            check(&Method::GET, host, None, None);
        }
        for host in [
            "evil.example",
            "evil.example:4318",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "",
        ] {
            check(&Method::GET, host, None, Some(Refused::Host(host.to_owned())));
        }
        check(&Method::POST, "Sluice.Example:443", None, None);
    }

    #[test]
    fn a_page_posts_to_where_it_came_from() {
        let foreign = |origin: &str| Some(Refused::Origin(origin.to_owned()));
        check(&Method::POST, "127.0.0.1:4318", Some("http://127.0.0.1:4318"), None);
        check(&Method::POST, "127.0.0.1:4318", Some("https://sluice.example"), None);
        for origin in ["http://evil.example", "http://127.0.0.1:8080", "http://localhost:4318", "null"] {
            check(&Method::POST, "127.0.0.1:4318", Some(origin), foreign(origin));
            check(&Method::GET, "127.0.0.1:4318", Some(origin), None); // the browser keeps the answer from the page
        }
    }

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "what is expected is written where it is expected")]
    fn check(method: &Method, host: &str, origin: Option<&str>, expected: Option<Refused>) {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        origin
            .into_iter()
            .for_each(|origin| drop(headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap())));
        let hosts = Hosts::new(&["sluice.example".to_owned()]);
        assert_eq!(
            hosts.check(method, &Uri::from_static("/v1/top"), &headers).err(),
            expected,
            "{host} {origin:?}"
        );
    }
}
