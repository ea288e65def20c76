//! UniPC (Zhao et al., "UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of Diffusion Models", 2023), which
//! predicts clean latents, of order 3 with B1(h) = h, evenly in time; the last steps fall back to lower orders.

use std::collections::VecDeque;

use engine::tch::Tensor;
use model::NoiseSchedule;

use super::lagrange::polynomial;
use crate::error::Result;
use crate::sampler::Walk;

/// The highest order.
const ORDER: usize = 3;

/// A time's place in the noise schedule: x = alpha x0 + sigma noise, lambda = ln(alpha / sigma).
#[derive(Debug, Clone, Copy)]
struct Level {
    timestep: f64,
    alpha: f64,
    sigma: f64,
    lambda: f64,
}

impl Level {
    /// The level of a time in (0, 1]; ln alpha is linear between the time steps of the training.
    fn new(schedule: &NoiseSchedule, time: f64) -> Self {
        let table = schedule.alphas_cumprod();
        let timestep = (time * table.len() as f64 - 1.0).clamp(0.0, (table.len() - 1) as f64);
        let low = (timestep as usize).min(table.len().saturating_sub(2));
        let weight = timestep - low as f64;
        let log_alpha = ((1.0 - weight) * table[low].ln() + weight * table[(low + 1).min(table.len() - 1)].ln()) / 2.0;
        let sigma = (-(2.0 * log_alpha).exp_m1()).sqrt();
        Self { timestep, alpha: log_alpha.exp(), sigma, lambda: log_alpha - sigma.ln() }
    }
}

/// What was seen at a level.
struct Seen {
    level: Level,
    clean: Tensor,
}

/// `UniPC`.
pub(super) fn sample(walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
    let levels: Vec<Level> = walk.trajectory.points().iter().map(|time| Level::new(walk.schedule, *time)).collect();
    let steps = levels.len().saturating_sub(1);
    if steps == 0 {
        return Ok(x);
    }
    // The newest first.
    let mut history = VecDeque::from([see(walk, &x, levels[0])?]);
    for (index, level) in levels[1..].iter().enumerate() {
        let order = ORDER.min(history.len()).min(steps - index);
        let step = Step::new(&x, &history, *level, order);
        let predicted = step.predicted();
        x = if index + 1 < steps {
            let seen = see(walk, &predicted, *level)?;
            let corrected = step.corrected(&seen.clean);
            history.push_front(seen);
            history.truncate(ORDER);
            corrected
        } else {
            predicted
        };
        (walk.on_step)(index + 1);
    }
    Ok(x)
}

fn see(walk: &mut Walk<'_>, x: &Tensor, level: Level) -> Result<Seen> {
    let noise = walk.denoiser.predict_noise(x, level.timestep)?.guided;
    Ok(Seen { level, clean: (x - noise * level.sigma) / level.alpha })
}

/// A step to a level, from the newest of the history.
struct Step<'a> {
    newest: &'a Tensor,
    /// The step of first order.
    base: Tensor,
    /// The factor of the sums of differences, alpha B(h).
    scale: f64,
    /// Where the older ones lie, in steps from the newest: negative.
    places: Vec<f64>,
    /// How much the older ones differ from the newest, by their places.
    differences: Vec<Tensor>,
    /// The right-hand side of the system of the weights.
    moments: Vec<f64>,
}

impl<'a> Step<'a> {
    fn new(x: &Tensor, history: &'a VecDeque<Seen>, to: Level, order: usize) -> Self {
        let Seen { level: from, clean: newest } = &history[0];
        let h = to.lambda - from.lambda;
        let older = || history.iter().skip(1).take(order - 1);
        let places: Vec<f64> = older().map(|seen| (seen.level.lambda - from.lambda) / h).collect();
        let differences = older().zip(&places).map(|(seen, place)| (&seen.clean - newest) / *place).collect();
        let base = x * (to.sigma / from.sigma) - newest * (to.alpha * (-h).exp_m1());
        Self { newest, base, scale: -to.alpha * h, places, differences, moments: moments(-h, order) }
    }

    /// Of the history alone.
    fn predicted(&self) -> Tensor {
        let weights = match self.places.len() {
            // The authors' choice instead of the solution of a system of one row.
            1 => vec![0.5],
            older => weights(&self.places, &self.moments[..older]),
        };
        self.moved(&weights)
    }

    /// With what was seen where the prediction ended.
    fn corrected(&self, clean: &Tensor) -> Tensor {
        let weights = match self.places.len() {
            0 => vec![0.5],
            _ => weights(&[&self.places[..], &[1.0]].concat(), &self.moments),
        };
        self.moved(&weights) - (clean - self.newest) * (self.scale * weights[weights.len() - 1])
    }

    fn moved(&self, weights: &[f64]) -> Tensor {
        let terms = self.differences.iter().zip(weights);
        terms.fold(self.base.shallow_clone(), |sum, (difference, weight)| sum - difference * (self.scale * weight))
    }
}

/// b of the paper's equation: phi_n(H) n! / B with H = -h and B = H, for n from 1.
fn moments(h: f64, order: usize) -> Vec<f64> {
    let mut phi = h.exp_m1() / h - 1.0;
    let mut factorial = 1.0;
    (1..=order)
        .map(|n| {
            factorial *= n as f64;
            let moment = phi * factorial / h;
            phi = phi / h - 1.0 / (factorial * (n + 1) as f64);
            moment
        })
        .collect()
}

/// Solves sum over j of place_j^(i-1) weight_j = moment_i: weight_j is Lagrange's polynomial of place_j with its powers
/// replaced by their moments.
fn weights(places: &[f64], moments: &[f64]) -> Vec<f64> {
    let weight = |own| polynomial(places, own).iter().zip(moments).map(|(factor, moment)| factor * moment).sum();
    (0..places.len()).map(weight).collect()
}
