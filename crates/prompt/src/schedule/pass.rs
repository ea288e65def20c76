//! The two passes of a picture, and what a number in a schedule means in each.

use super::grammar::When;

/// How long a pass is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// Steps of the sampler, as the request counts them.
    pub count: u32,
    /// Evaluations of the denoiser in a step: 2 for samplers like Heun and DPM2, else 1. Shares then mean what they
    /// say, and steps that a prompt names count evaluations.
    pub evaluations: u32,
}

impl Steps {
    fn total(self) -> u32 {
        self.count.saturating_mul(self.evaluations)
    }
}

/// Which pass a schedule is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// The only pass, or the one before the picture is enlarged.
    First(Steps),
    /// The one after. `first` is the length of the pass before; `second` the steps as asked for, not those that the
    /// denoising strength leaves.
    Hires {
        /// The pass before.
        first: Steps,
        /// This one.
        second: Steps,
    },
}

impl Pass {
    /// The length of this pass in evaluations of the denoiser.
    pub fn evaluations(self) -> u32 {
        match self {
            Self::First(steps) | Self::Hires { second: steps, .. } => steps.total(),
        }
    }

    /// The last step before the change; nothing if the change comes before this pass, and at most the last step of it.
    ///
    /// In the second pass 1.5 is half-way through it, and steps go on counting from the first.
    pub(super) fn boundary(self, when: When) -> Option<u32> {
        let last = self.evaluations();
        let step = match (self, when) {
            (Self::First(_), When::Share(share)) => share * f64::from(last),
            (Self::Hires { .. }, When::Share(share)) => (share - 1.0) * f64::from(last),
            (Self::First(_), When::Step(step)) => step,
            (Self::Hires { first, .. }, When::Step(step)) => step - f64::from(first.total()),
        };
        // Towards zero; the conversion saturates.
        let step = step.trunc();
        (step >= 0.0).then_some((step as u32).min(last))
    }
}
