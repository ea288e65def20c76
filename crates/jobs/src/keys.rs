//! API keys. The store keeps their SHA-256 alone: who reads the database cannot use them. A plain hash is enough because
//! a key is random and long; nothing can be guessed that a slow hash would slow down.

use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::error::{Result, StoreError};
use crate::store::JobStore;

/// What every key begins with, so that people and secret scanners recognise one.
pub const KEY_PREFIX: &str = "dbk_";
/// Random characters of a key: 43 of 62 kinds are 256 bits.
pub const KEY_CHARS: usize = 43;
/// Longest name of a key, so that a list of them stays a list.
pub const NAME_CHARS_MAX: usize = 100;

/// What the store knows of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The name it was made with.
    pub name: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
}

impl JobStore {
    /// Makes a key and gives its text, which cannot be had again. Its randomness is the operating system's.
    ///
    /// # Errors
    /// [`StoreError::BadKeyName`], [`StoreError::KeyExists`], or when the database fails.
    pub async fn create_key(&self, name: &str) -> Result<String> {
        let chars = name.chars().count();
        if !(1..=NAME_CHARS_MAX).contains(&chars) || name.chars().any(char::is_control) {
            return Err(StoreError::BadKeyName);
        }
        let key = format!("{KEY_PREFIX}{}", Alphanumeric.sample_string(&mut rand::rng(), KEY_CHARS));
        let insert = self
            .sql("INSERT INTO api_keys (hash, name, created_ms) VALUES ($2, $3, {now}) ON CONFLICT (name) DO NOTHING");
        let done = sqlx::query(insert).bind(self.manual_now()).bind(hash(&key)).bind(name).execute(&self.pool).await?;
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
        let select = sqlx::query("SELECT name, created_ms FROM api_keys WHERE hash = $1").bind(hash(key));
        let row = select.fetch_optional(&self.pool).await?;
        row.as_ref().map(api_key).transpose()
    }

    /// True when there is at least one key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_keys(&self) -> Result<bool> {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM api_keys").fetch_one(&self.pool).await?;
        Ok(count > 0)
    }

    /// All keys, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_keys(&self) -> Result<Vec<ApiKey>> {
        let select = sqlx::query("SELECT name, created_ms FROM api_keys ORDER BY created_ms, name");
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
    Ok(ApiKey { name: row.try_get("name")?, created_ms: row.try_get("created_ms")? })
}
