//! `s3Config`: a bucket of the user's own, for the trained model.

use serde::{Deserialize, Serialize};

use crate::parameter::parameters;
use crate::secret::revealed;
use crate::{Secret, SecretUrl};

/// Longest key of an object: S3's own limit.
pub const OBJECT_KEY_CHARS_MAX: usize = 1024;
/// Longest access key; S3's are 128 characters at most, others' longer.
pub const ACCESS_KEY_CHARS_MAX: usize = 512;
/// Longest name of a bucket: S3's is 63; a name here may be a folder, too.
pub const BUCKET_CHARS_MAX: usize = 255;

parameters! {
    /// `s3Config` as the request has it.
    #[allow(non_snake_case, reason = "RunPod's keys")]
    pub struct S3Config {
        /// The ID required for your S3 bucket.
        accessId: Secret = required(), no_blank(ACCESS_KEY_CHARS_MAX);
        /// The secret required for your S3 bucket.
        accessSecret: Secret = required(), no_blank(ACCESS_KEY_CHARS_MAX);
        /// Bucket where you would like the model to be stored.
        bucketName: String = required(), no_blank(BUCKET_CHARS_MAX);
        /// The URL for your S3 bucket.
        endpointUrl: SecretUrl = required(), anything();
        /// What the object's key begins with.
        objectPath: Option<String> = or(None), text(OBJECT_KEY_CHARS_MAX);
    }
}

/// A bucket and the keys to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Whose keys.
    #[serde(with = "revealed")]
    pub access_id: Option<Secret>,
    /// The secret half of the keys.
    #[serde(with = "revealed")]
    pub access_secret: Option<Secret>,
    /// The bucket.
    pub name: String,
    /// The object store's address.
    #[serde(with = "revealed")]
    pub endpoint: Option<SecretUrl>,
    /// What the object's key begins with.
    pub object_path: Option<String>,
}

impl From<S3Config> for Bucket {
    fn from(config: S3Config) -> Self {
        Self {
            access_id: Some(config.accessId),
            access_secret: Some(config.accessSecret),
            name: config.bucketName,
            endpoint: Some(config.endpointUrl),
            object_path: config.objectPath,
        }
    }
}
