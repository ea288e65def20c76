//! Requests without a key, for a server on loopback that was told so. Loopback keeps other machines out, but not the web
//! pages in a browser on this one: they can send requests to it, and by a name that they point at 127.0.0.1 they can
//! read the answers, too. Their browser tells them apart by three headers.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::error::ApiError;

/// Longest piece of a header that an error repeats.
const SHOWN_CHARS: usize = 60;

/// Lets a request through that a program of this machine meant for this server.
///
/// # Errors
/// 403 when `Host`, or `Origin` where there is one, is not a loopback name with this `port`: a page under another name.
/// 415 when a POST is not of JSON: a page may send any other form without asking first.
pub(crate) fn check(method: &Method, headers: &HeaderMap, port: u16) -> Result<(), ApiError> {
    let refuse = |header: HeaderName, found: &str| {
        let found = found.chars().take(SHOWN_CHARS).collect();
        Err(ApiError::NotThisMachine { header: header.to_string(), found, port })
    };
    let Some(host) = headers.get(header::HOST) else { return refuse(header::HOST, "absent") };
    for host in std::iter::once(host).chain(headers.get_all(header::HOST)) {
        if !is_own(text(host), port) {
            return refuse(header::HOST, text(host));
        }
    }
    for origin in headers.get_all(header::ORIGIN) {
        if !text(origin).strip_prefix("http://").is_some_and(|authority| is_own(authority, port)) {
            return refuse(header::ORIGIN, text(origin));
        }
    }
    if method == Method::POST && !is_json(headers) {
        return Err(ApiError::NotJsonContent);
    }
    Ok(())
}

fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or("not readable")
}

/// True for a loopback name or address with this port.
fn is_own(authority: &str, port: u16) -> bool {
    /// What an address without a port means.
    const HTTP_PORT: u16 = 80;
    let Ok(parsed) = authority.parse::<Authority>() else { return false };
    let host = parsed.host().trim_start_matches('[').trim_end_matches(']');
    let is_loopback = host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    let has_user = authority.contains('@');
    is_loopback && !has_user && parsed.port_u16().unwrap_or(HTTP_PORT) == port
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}
