//! API keys. The store keeps their SHA-256 alone: who reads the database cannot use them. A plain hash is enough because
//! a key is random and long; nothing can be guessed that a slow hash would slow down.
//!
//! That there is no key opens nothing: what is asked without one is the server's to decide, and not by counting keys.

use std::collections::BTreeSet;

use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::error::{Result, StoreError};
use crate::json::{optional_json, to_json};
use crate::store::JobStore;

/// What every key begins with, so that people and secret scanners recognise one.
pub const KEY_PREFIX: &str = "dbk_";
/// Random characters of a key: 43 of 62 kinds are 256 bits.
pub const KEY_CHARS: usize = 43;
/// Longest name of a key, so that a list of them stays a list.
pub const NAME_CHARS_MAX: usize = 100;
/// Random characters of a key's id, which is no secret: 16 of 62 kinds do not meet.
const ID_CHARS: usize = 16;

names::names! {
    /// What a key may do.
    #[derive(PartialOrd, Ord)]
    pub enum Scope: "scope" {
        /// Look: states, streams, files, health.
        Read = "read",
        /// Act: submit, cancel, purge.
        Write = "write",
        /// Take jobs and report on them, as workers do.
        Worker = "worker",
    }
}

/// Where a key counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoints {
    /// At every endpoint, those to come included.
    All,
    /// At these.
    Only(BTreeSet<String>),
}

/// What the store knows of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// What jobs name as their owner; not a secret, and never given again.
    pub id: String,
    /// The name it was made with.
    pub name: String,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// Where.
    pub endpoints: Endpoints,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
}

impl ApiKey {
    /// True when the key may do this at this endpoint.
    pub fn allows(&self, scope: Scope, endpoint: &str) -> bool {
        let here = match &self.endpoints {
            Endpoints::All => true,
            Endpoints::Only(endpoints) => endpoints.contains(endpoint),
        };
        here && self.scopes.contains(&scope)
    }
}

impl JobStore {
    /// Makes a key and gives its text, which cannot be had again. Its randomness is the operating system's.
    ///
    /// # Errors
    /// [`StoreError::BadKeyName`], [`StoreError::NoScope`], [`StoreError::KeyExists`], or when the database fails.
    pub async fn create_key(&self, name: &str, scopes: &[Scope], endpoints: &Endpoints) -> Result<String> {
        let chars = name.chars().count();
        if !(1..=NAME_CHARS_MAX).contains(&chars) || name.chars().any(char::is_control) {
            return Err(StoreError::BadKeyName);
        }
        if scopes.is_empty() {
            return Err(StoreError::NoScope(name.into()));
        }
        let scopes: BTreeSet<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        let endpoints = match endpoints {
            Endpoints::All => None,
            Endpoints::Only(endpoints) => Some(to_json("endpoints", endpoints)?),
        };
        let key = format!("{KEY_PREFIX}{}", Alphanumeric.sample_string(&mut rand::rng(), KEY_CHARS));
        let insert = self.sql(
            "INSERT INTO api_keys (id, hash, name, scopes, endpoints, created_ms) VALUES ($2, $3, $4, $5, $6, {now})
             ON CONFLICT (name) DO NOTHING",
        );
        let done = sqlx::query(insert)
            .bind(self.manual_now())
            .bind(format!("key-{}", Alphanumeric.sample_string(&mut rand::rng(), ID_CHARS)))
            .bind(hash(&key))
            .bind(name)
            .bind(to_json("scopes", &scopes)?)
            .bind(endpoints)
            .execute(&self.pool)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::KeyExists(name.into()));
        }
        Ok(key)
    }

    /// The key with this text, or `None` when it is not (or no longer) one. The comparison is of hashes, so its time
    /// tells nothing about the text of any key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn verify_key(&self, key: &str) -> Result<Option<ApiKey>> {
        let select = sqlx::query("SELECT * FROM api_keys WHERE hash = $1").bind(hash(key));
        let row = select.fetch_optional(&self.pool).await?;
        row.as_ref().map(api_key).transpose()
    }

    /// True when there is at least one key: something to say at start, and nothing to decide by.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_keys(&self) -> Result<bool> {
        Ok(sqlx::query("SELECT 1 FROM api_keys LIMIT 1").fetch_optional(&self.pool).await?.is_some())
    }

    /// All keys, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_keys(&self) -> Result<Vec<ApiKey>> {
        let select = sqlx::query("SELECT * FROM api_keys ORDER BY created_ms, name");
        select.fetch_all(&self.pool).await?.iter().map(api_key).collect()
    }

    /// Removes the key of this name at once; false when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_key(&self, name: &str) -> Result<bool> {
        let done = sqlx::query("DELETE FROM api_keys WHERE name = $1").bind(name).execute(&self.pool).await?;
        Ok(done.rows_affected() > 0)
    }
}

fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

fn api_key(row: &AnyRow) -> Result<ApiKey> {
    let name: String = row.try_get("name")?;
    let words: Vec<String> = optional_json(row, "scopes", &name)?.unwrap_or_default();
    let endpoints: Option<BTreeSet<String>> = optional_json(row, "endpoints", &name)?;
    Ok(ApiKey {
        id: row.try_get("id")?,
        // A scope of a newer program is none that this one grants.
        scopes: words.iter().filter_map(|word| word.parse().ok()).collect(),
        endpoints: endpoints.map_or(Endpoints::All, Endpoints::Only),
        created_ms: row.try_get("created_ms")?,
        name,
    })
}
