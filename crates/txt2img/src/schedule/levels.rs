//! The noise levels that a schedule chooses from.

use model::NoiseSchedule;

/// A model's sigmas, rising, and the places between them.
///
/// A place counts entries from 0 and may be fractional; between entries ln sigma is linear, as in k-diffusion's
/// `DiscreteSchedule`.
#[derive(Debug, Clone)]
pub struct Levels {
    log_sigmas: Vec<f64>,
}

impl Levels {
    /// Every level of the training: a place is a time step.
    pub fn new(schedule: &NoiseSchedule) -> Self {
        Self { log_sigmas: schedule.sigmas().iter().map(|sigma| sigma.ln()).collect() }
    }

    /// Of each `skip` levels the last; a latent consistency model is distilled to 50 of 1000.
    pub fn reduced(schedule: &NoiseSchedule, skip: usize) -> Self {
        let sigmas = schedule.sigmas().iter().skip(skip - 1).step_by(skip);
        Self { log_sigmas: sigmas.map(|sigma| sigma.ln()).collect() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.log_sigmas.len()
    }

    /// The last place.
    pub fn last(&self) -> f64 {
        self.count().saturating_sub(1) as f64
    }

    /// The lowest and the highest sigma.
    pub fn range(&self) -> [f64; 2] {
        [self.sigma(0.0), self.sigma(self.last())]
    }

    /// The sigma at a place, clamped to the table.
    pub fn sigma(&self, place: f64) -> f64 {
        let place = place.clamp(0.0, self.last());
        let low = (place.floor() as usize).min(self.count().saturating_sub(2));
        let weight = place - low as f64;
        let above = self.log_sigmas.get(low + 1).unwrap_or(&self.log_sigmas[low]);
        ((1.0 - weight) * self.log_sigmas[low] + weight * above).exp()
    }

    /// The place of a sigma, clamped to the table: the inverse of [`Levels::sigma`].
    pub fn place(&self, sigma: f64) -> f64 {
        let log_sigma = sigma.ln();
        let above = self.log_sigmas.partition_point(|&entry| entry <= log_sigma);
        let low = above.saturating_sub(1).min(self.count().saturating_sub(2));
        let (start, end) = (self.log_sigmas[low], self.log_sigmas[(low + 1).min(self.count() - 1)]);
        let weight = if end > start { (log_sigma - start) / (end - start) } else { 0.0 };
        low as f64 + weight.clamp(0.0, 1.0)
    }
}
