//! `Retry-After` (RFC 9110 §10.2.3): a number of seconds, or a date.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// Longest wait that a receiver may ask for: the outbox keeps no delivery waiting for more than a day.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The wait that an answer asks for. A date counts from the answer's own `Date`, so that no two clocks are compared;
/// `now` serves where there is none.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = text(headers, RETRY_AFTER)?;
    let wait = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // A number too large to be read is a long wait all the same.
        text.parse().map_or(RETRY_AFTER_MAX, Duration::from_secs)
    } else {
        let until = httpdate::parse_http_date(text).ok()?;
        let sent = self::text(headers, DATE).and_then(|date| httpdate::parse_http_date(date).ok());
        until.duration_since(sent.unwrap_or(now)).unwrap_or_default()
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}
