//! Addresses that give access to one file for some days to whoever holds them, without a key of the API.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use durable::Access;
use hmac::{Hmac, Mac};
use protocol::{ArtifactKey, ENDPOINT};
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::Sha256;

use crate::{TransferError, disk};

/// How long an address is good for: 7 days, as the original endpoint's.
pub const SIGNED_URL_LIFETIME_S: i64 = 7 * 24 * 60 * 60;

const KEY_BYTES: usize = 32;

/// Signs addresses of artifacts and checks them: HMAC-SHA256 over the key and the time of expiry.
#[derive(Clone)]
pub struct UrlSigner {
    key: [u8; KEY_BYTES],
}

impl fmt::Debug for UrlSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UrlSigner(***)")
    }
}

impl UrlSigner {
    /// Reads the signing key from `path`; makes one first if the file is missing. Of several processes that do so at
    /// once, all end up with the same key. The file is readable by its owner alone.
    ///
    /// # Errors
    /// When the file cannot be read or made, or holds something else.
    pub fn load_or_create(path: &Path) -> Result<Self, TransferError> {
        match fs::read_to_string(path) {
            Ok(text) => Self::from_hex(&text, path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path),
            Err(error) => Err(TransferError::file("read", path)(error)),
        }
    }

    fn create(path: &Path) -> Result<Self, TransferError> {
        let mut key = [0; KEY_BYTES];
        OsRng.try_fill_bytes(&mut key).map_err(|error| TransferError::file("write", path)(io::Error::other(error)))?;
        let dir = durable::folder_of(path);
        if !dir.is_dir() {
            disk::private_dir(dir)?;
        }
        let text = hex::encode(key);
        let made = durable::write_new(path, Access::Private, |file| file.write_all(text.as_bytes()));
        if made.map_err(TransferError::file("write", path))? {
            return Ok(Self { key });
        }
        // Another process was faster: its key is the key.
        let text = fs::read_to_string(path).map_err(TransferError::file("read", path))?;
        Self::from_hex(&text, path)
    }

    fn from_hex(text: &str, path: &Path) -> Result<Self, TransferError> {
        let mut key = [0; KEY_BYTES];
        hex::decode_to_slice(text.trim(), &mut key).map_err(|_| TransferError::BadKeyFile { path: path.to_owned() })?;
        Ok(Self { key })
    }

    /// The address of a file, good until `expires_unix_s` (seconds since 1970). `base` is the service's public URL.
    pub fn sign(&self, base: &str, key: &ArtifactKey, expires_unix_s: i64) -> String {
        let base = base.trim_end_matches('/');
        let sig = hex::encode(self.mac(key, expires_unix_s).finalize().into_bytes());
        format!("{base}/v2/{ENDPOINT}/files/{}?expires={expires_unix_s}&sig={sig}", key.as_str())
    }

    /// True when `sig` was made by [`UrlSigner::sign`] for this file and time of expiry, and that time has not come.
    /// Takes as long for a nearly right signature as for a wrong one.
    pub fn verify(&self, key: &ArtifactKey, expires_unix_s: i64, sig: &str, now_unix_s: i64) -> bool {
        let Ok(sig) = hex::decode(sig) else { return false };
        self.mac(key, expires_unix_s).verify_slice(&sig).is_ok() && now_unix_s < expires_unix_s
    }

    fn mac(&self, key: &ArtifactKey, expires_unix_s: i64) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        // The first line says what the signature is for, so that it is good for nothing else.
        mac.update(format!("artifact\n{}\n{expires_unix_s}", key.as_str()).as_bytes());
        mac
    }
}
