//! Bytes over the network, and where they end up. The only HTTP client of the project lives here.
//!
//! # Layout
//! - [`guard`]: which addresses may be reached; the wall against requests to the operator's own network
//! - [`web_url`]: an address that was read once and cannot leak its query into a message
//! - [`share_link`]: links to pages about files, made links to the files; `html`: as much of a page as that needs
//! - [`network`]: the one client; [`download`] and [`webhook`] are what it can do
//! - [`content`]: what a downloaded file is, by its first bytes
//! - [`unzip`]: a zip of photos becomes a folder, within limits
//! - [`hub`]: a model repository becomes a diffusers folder, in a cache with a budget
//! - [`artifacts`], [`signed_url`]: the files of jobs, and the addresses that give access to them
//! - [`disk`]: files on their way to the disk, and how much room is left
//! - [`error`]: one sentence for the job's owner for each way to fail, a stable code, and whose fault it is

pub mod artifacts;
pub mod content;
pub mod disk;
pub mod download;
pub mod error;
pub mod guard;
mod html;
pub mod hub;
pub mod network;
pub mod share_link;
pub mod signed_url;
pub mod unzip;
pub mod web_url;
pub mod webhook;

pub use artifacts::{Artifact, ArtifactStore, JobFiles};
pub use content::{CheckpointKind, checkpoint_kind};
pub use download::{DownloadLimits, Downloaded};
pub use error::TransferError;
pub use hub::{HubFolder, HubModel};
pub use network::{Network, NetworkPolicy};
pub use share_link::Sites;
pub use signed_url::{SIGNED_URL_LIFETIME_S, UrlSigner};
pub use unzip::{Unpacked, UnzipLimits};
pub use webhook::WebhookAnswer;
