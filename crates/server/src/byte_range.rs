//! The header `Range` (RFC 9110 §14.2), as far as resuming a download needs it: one range of bytes.

use std::ops::Range;

use axum::http::{HeaderMap, header};

/// What part of a file a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AskedRange {
    /// All of it: no range was given, or one that this server may ignore (another unit, several ranges, `If-Range`).
    Whole,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// Bytes that the file does not have.
    Outside,
}

/// Reads the range that `headers` ask of a file of `len_bytes`.
pub(crate) fn asked_range(headers: &HeaderMap, len_bytes: u64) -> AskedRange {
    // Files carry no ETag, so no `If-Range` can match.
    if headers.contains_key(header::IF_RANGE) {
        return AskedRange::Whole;
    }
    let text = headers.get(header::RANGE).and_then(|range| range.to_str().ok()?.strip_prefix("bytes="));
    let Some((first, last)) = text.and_then(|text| text.trim().split_once('-')) else { return AskedRange::Whole };
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(len_bytes),
        (Ok(first), Err(_)) if last.is_empty() => first..len_bytes,
        (Err(_), Ok(suffix)) if first.is_empty() => len_bytes.saturating_sub(suffix)..len_bytes,
        _ => return AskedRange::Whole,
    };
    if range.is_empty() { AskedRange::Outside } else { AskedRange::Part(range) }
}
