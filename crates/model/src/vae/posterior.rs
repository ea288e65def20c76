//! The normal distribution an image is encoded as: diffusers' `DiagonalGaussianDistribution`.

use engine::tch::Tensor;

/// Where the logarithm of the variance is clamped to.
const LOGVAR_RANGE: (f64, f64) = (-30.0, 20.0);

/// Independent normal distributions of latents, `[batch, 4, height/8, width/8]` f32, before scaling.
#[derive(Debug)]
pub struct Posterior {
    /// The means.
    pub mean: Tensor,
    /// The logarithms of the variances: in [-30, 20], or −∞ where nothing is left to chance.
    pub logvar: Tensor,
}

impl Posterior {
    /// From `[batch, 8, h, w]`: means, then logarithms of variances.
    #[must_use]
    pub fn from_moments(moments: &Tensor) -> Self {
        let halves = moments.chunk(2, 1);
        let (low, high) = LOGVAR_RANGE;
        Self { mean: halves[0].contiguous(), logvar: halves[1].clamp(low, high) }
    }

    /// Of an autoencoder that leaves nothing to chance: every sample is the mean.
    #[must_use]
    pub fn certain(mean: Tensor) -> Self {
        let logvar = mean.full_like(f64::NEG_INFINITY);
        Self { mean, logvar }
    }

    /// The standard deviations.
    pub fn std(&self) -> Tensor {
        (&self.logvar * 0.5).exp()
    }

    /// Latents at standard normal `noise` of the means' shape.
    pub fn sample(&self, noise: &Tensor) -> Tensor {
        &self.mean + self.std() * noise
    }
}
