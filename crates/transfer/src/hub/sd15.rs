//! The one rule about one model: Stable Diffusion 1.5 is used with a better VAE than its own, as the original service did.
//!
//! `stabilityai/sd-vae-ft-mse` is the same autoencoder with its decoder trained further, by the model's makers, for smoother
//! faces and fewer artefacts; latents are the same. Any other model is used as it is: it may have been made with its VAE.

/// Where Stable Diffusion 1.5 lives, and where it lived until it was withdrawn there; mirrors still have it.
const REPOSITORIES: [&str; 2] = ["stable-diffusion-v1-5/stable-diffusion-v1-5", "runwayml/stable-diffusion-v1-5"];

/// The repository of the better VAE. Its weights lie at its top.
pub(super) const VAE_REPOSITORY: &str = "stabilityai/sd-vae-ft-mse";

/// What follows the commit in the name of a folder whose VAE is not the repository's own.
const VAE_MARK: &str = "sd-vae-ft-mse";

/// Whether the weights of a repository's VAE are replaced. The hub's names know no case.
pub(super) fn has_better_vae(repo: &str) -> bool {
    REPOSITORIES.iter().any(|name| name.eq_ignore_ascii_case(repo))
}

/// The name of a commit's folder: it says whose VAE is in it.
pub(super) fn folder_name(repo: &str, commit: &str) -> String {
    if has_better_vae(repo) { format!("{commit}.{VAE_MARK}") } else { commit.to_owned() }
}
