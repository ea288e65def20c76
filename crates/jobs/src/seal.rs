//! The master key, and what is sealed under it. The database and its log hold secrets in no other form.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use protocol::JobId;
use rand::TryRngCore;
use rand::rngs::OsRng;
use sqlx::AnyConnection;

use crate::connect::close_to_others;
use crate::error::{Result, StoreError};
use crate::store::JobStore;

/// Bytes of a master key.
pub const KEY_BYTES: usize = 32;
/// XChaCha20's nonce is long enough that random ones never meet.
const NONCE_BYTES: usize = 24;
/// What is sealed to tell one key from another.
const PROOF: &[u8] = b"this key belongs to this store";

/// What a sealed value is for. Together with the job's id it is authenticated with the value, so a sealed value opens in
/// its own place only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Sources and tokens of a request.
    Secrets,
    /// Where to report a job's end.
    Webhook,
}

impl Purpose {
    /// The word in the table.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::Webhook => "webhook",
        }
    }
}

/// The key under which secrets are sealed (XChaCha20-Poly1305). It lies in a file beside the database; who has both can
/// read the secrets of jobs that have not ended.
#[derive(Clone)]
pub struct MasterKey([u8; KEY_BYTES]);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(***)")
    }
}

impl MasterKey {
    /// A key from elsewhere. The bytes must be random.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The key in the file at `path`, readable for its owner alone. When there is no such file, a new key is made and
    /// synced to disk first; of several processes that do so at once, all get the same key.
    ///
    /// # Errors
    /// When the file cannot be read or made, or holds anything but a key.
    pub fn load_or_create(path: &Path) -> Result<Self> {
        let failed = |source| StoreError::File { path: path.into(), source };
        match read_key(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                create_key_file(path, &random_bytes::<KEY_BYTES>()?).map_err(failed)?;
                let found = read_key(path).map_err(failed)?;
                Self::from_file(path, &found)
            }
            found => Self::from_file(path, &found.map_err(failed)?),
        }
    }

    fn from_file(path: &Path, found: &[u8]) -> Result<Self> {
        let wrong = |_| StoreError::BadMasterKey { path: PathBuf::from(path), expected: KEY_BYTES, found: found.len() };
        Ok(Self(found.try_into().map_err(wrong)?))
    }

    /// Seals a job's value: a random nonce, then the text and its tag.
    pub(crate) fn seal(&self, job: &JobId, purpose: Purpose, plain: &[u8]) -> Result<Vec<u8>> {
        self.seal_for(&place(job, purpose), plain)
    }

    /// Opens what [`MasterKey::seal`] has sealed for the same job and purpose.
    pub(crate) fn open(&self, job: &JobId, purpose: Purpose, sealed: &[u8]) -> Result<Vec<u8>> {
        let unreadable = || StoreError::Unreadable {
            what: "sealed value",
            of: job.to_string(),
            reason: "it was changed, or sealed under another key".into(),
        };
        self.open_for(&place(job, purpose), sealed).ok_or_else(unreadable)
    }

    fn seal_for(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let nonce = random_bytes::<NONCE_BYTES>()?;
        let payload = Payload { msg: plain, aad: place };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload);
        // The cipher's one error is a text beyond 256 GiB.
        let sealed = sealed.map_err(|_| StoreError::Randomness("the value is too long to seal".into()))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    fn open_for(&self, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        self.cipher().decrypt(&XNonce::from(*nonce), Payload { msg: text, aad: place }).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.0.into())
    }
}

impl JobStore {
    /// Refuses a key that is not this store's; a new store takes it.
    pub(crate) async fn prove_master_key(&self, connection: &mut AnyConnection) -> Result<()> {
        let proof: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT proof FROM master_key").fetch_optional(&mut *connection).await?;
        match proof {
            Some(proof) => {
                let opened = self.master_key.open_for(PROOF, &proof);
                opened.map(|_| ()).ok_or(StoreError::WrongMasterKey)
            }
            None => {
                let proof = self.master_key.seal_for(PROOF, PROOF)?;
                sqlx::query("INSERT INTO master_key (proof) VALUES ($1)").bind(proof).execute(connection).await?;
                Ok(())
            }
        }
    }
}

/// A job's id holds no `/`, so every pair has a text of its own.
fn place(job: &JobId, purpose: Purpose) -> Vec<u8> {
    format!("{job}/{}", purpose.as_str()).into_bytes()
}

fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    OsRng.try_fill_bytes(&mut bytes).map_err(|error| StoreError::Randomness(error.to_string()))?;
    Ok(bytes)
}

fn read_key(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    close_to_others(&file)?;
    let mut found = Vec::new();
    // One byte more than a key tells a longer file; nobody reads a whole disk by mistake.
    file.take(KEY_BYTES as u64 + 1).read_to_end(&mut found)?;
    Ok(found)
}

/// Puts a whole, synced file in place, unless there is one by now.
fn create_key_file(path: &Path, key: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Temporary files are made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(key)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != ErrorKind::AlreadyExists => return Err(error.error),
        _ => {}
    }
    std::fs::File::open(folder)?.sync_all()
}
