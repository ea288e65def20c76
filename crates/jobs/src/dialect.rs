//! Everything in which databases differ. The statements of this crate are templates with the tokens below; everything
//! else in them (`$1` binds, `RETURNING`, `ON CONFLICT`, `AS MATERIALIZED`, partial indexes) reads the same on SQLite and
//! PostgreSQL.
//!
//! Columns are TEXT, BIGINT and BYTEA only, and no float is ever bound: that is what sqlx's `Any` driver carries
//! faithfully to both. A sum is cast back to BIGINT, because PostgreSQL makes it NUMERIC.

/// The database's own spelling of each token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    /// `{now}`: milliseconds since 1970. `$1` is the manual clock's time, or null for the database's own clock, so a
    /// statement that uses the token binds [`crate::JobStore::manual_now`] first.
    now: &'static str,
    /// `{identity}`: the type of a primary key that counts up by itself.
    identity: &'static str,
    /// `{bytes}`: the type of a column of bytes.
    bytes: &'static str,
    /// `{for_update}`: after a SELECT whose rows this transaction is about to change.
    for_update: &'static str,
    /// `{skip_locked}`: the same, passing over rows that another transaction holds.
    skip_locked: &'static str,
    /// Begins a transaction that reads before it writes.
    pub(crate) begin: &'static str,
    /// Run on each new connection.
    pub(crate) on_connect: &'static [&'static str],
}

/// Embedded SQLite.
pub(crate) const SQLITE: Dialect = Dialect {
    now: "COALESCE(CAST($1 AS BIGINT), CAST(unixepoch('subsec') * 1000 AS BIGINT))",
    // AUTOINCREMENT: a number is not given twice even when its row is gone, so an old delivery's id names nothing new.
    identity: "INTEGER PRIMARY KEY AUTOINCREMENT",
    bytes: "BLOB",
    // There is one writer at a time, and BEGIN IMMEDIATE makes this transaction the one.
    for_update: "",
    skip_locked: "",
    begin: "BEGIN IMMEDIATE",
    on_connect: &[
        // A writer waits for another (an fsync each) instead of failing. 30 s covers a long queue on a slow disk.
        "PRAGMA busy_timeout = 30000",
        "PRAGMA journal_mode = WAL",
        // NORMAL may lose the last commits at a power cut; an acknowledged job must not be lost.
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
        // What is deleted is overwritten with zeros, not only unlinked.
        "PRAGMA secure_delete = ON",
    ],
};

impl Dialect {
    /// The statement with its tokens spelled out.
    pub(crate) fn spell(&self, template: &str) -> String {
        template
            .replace("{now}", self.now)
            .replace("{identity}", self.identity)
            .replace("{bytes}", self.bytes)
            .replace("{for_update}", self.for_update)
            .replace("{skip_locked}", self.skip_locked)
    }
}
