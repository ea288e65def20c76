//! The noise levels that a schedule chooses from.

use model::NoiseSchedule;

/// A model's sigmas, rising, and the places between them.
///
/// A place counts entries from 0 and may be fractional; between entries ln sigma is linear, as in k-diffusion's
/// `DiscreteSchedule`.
#[derive(Debug, Clone)]
pub struct Levels {
    sigmas: Vec<f64>,
}

impl Levels {
    /// Every level of the training: a place is a time step.
    pub fn new(schedule: &NoiseSchedule) -> Self {
        Self { sigmas: schedule.sigmas().to_vec() }
    }

    /// Of each `skip` levels the last, but never none; a latent consistency model is distilled to 50 of 1000.
    pub fn reduced(schedule: &NoiseSchedule, skip: usize) -> Self {
        let skip = skip.clamp(1, schedule.sigmas().len().max(1));
        Self { sigmas: schedule.sigmas().iter().skip(skip - 1).step_by(skip).copied().collect() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.sigmas.len()
    }

    /// The last place.
    pub fn last(&self) -> f64 {
        self.count().saturating_sub(1) as f64
    }

    /// The lowest and the highest sigma.
    pub fn range(&self) -> [f64; 2] {
        [self.sigmas[0], self.sigmas[self.count() - 1]]
    }

    /// The sigma at a place, clamped to the table.
    pub fn sigma(&self, place: f64) -> f64 {
        let place = place.clamp(0.0, self.last());
        let (low, high) = (self.sigmas[place.floor() as usize], self.sigmas[place.ceil() as usize]);
        let weight = place.fract();
        if weight == 0.0 { low } else { ((1.0 - weight) * low.ln() + weight * high.ln()).exp() }
    }

    /// The place of a sigma, clamped to the table: the inverse of [`Levels::sigma`].
    pub fn place(&self, sigma: f64) -> f64 {
        let above = self.sigmas.partition_point(|&entry| entry <= sigma);
        let Some(low) = above.checked_sub(1) else { return 0.0 };
        let Some(high) = self.sigmas.get(above) else { return self.last() };
        low as f64 + (sigma / self.sigmas[low]).ln() / (high / self.sigmas[low]).ln()
    }
}
