//! How a step divides into a walk down and fresh noise up (k-diffusion's `get_ancestral_step`).

/// A division of the step from one sigma to the next: the variances of `down` and `up` add up to the next one's.
pub(super) struct Split {
    /// The sigma that is walked down to.
    pub(super) down: f64,
    /// The scale of the noise that is added there.
    pub(super) up: f64,
}

/// up = min(next, eta sqrt(next^2 (sigma^2 - next^2) / sigma^2)), down = sqrt(next^2 - up^2).
pub(super) fn split(sigma: f64, next: f64, eta: f64) -> Split {
    let up = next.min(eta * (next * next * (sigma * sigma - next * next) / (sigma * sigma)).max(0.0).sqrt());
    Split { down: (next * next - up * up).max(0.0).sqrt(), up }
}
