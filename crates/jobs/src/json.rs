//! Stored text and JSON, read and written.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::error::{Result, StoreError};

/// Reads a text column through `FromStr`.
pub(crate) fn parsed<T: FromStr<Err: Display>>(row: &AnyRow, what: &'static str, of: &str) -> Result<T> {
    let text: String = row.try_get(what)?;
    text.parse().map_err(|reason: T::Err| StoreError::Unreadable { what, of: of.into(), reason: reason.to_string() })
}

/// Reads a column of JSON that may be null.
pub(crate) fn optional_json<T: DeserializeOwned>(row: &AnyRow, what: &'static str, of: &str) -> Result<Option<T>> {
    let text: Option<&str> = row.try_get(what)?;
    text.map(|text| from_json(what, of, text)).transpose()
}

/// Reads stored JSON. The error names the place, never the text.
pub(crate) fn from_json<T: DeserializeOwned>(what: &'static str, of: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| unreadable(what, of, &error))
}

/// Where reading stopped; what stood there may be secret.
pub(crate) fn unreadable(what: &'static str, of: &str, error: &serde_json::Error) -> StoreError {
    let reason = format!("no such JSON at line {} column {}", error.line(), error.column());
    StoreError::Unreadable { what, of: of.into(), reason }
}

/// Writes JSON to store.
pub(crate) fn to_json<T: serde::Serialize>(what: &'static str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|source| StoreError::Json { what, source })
}
