//! Walks of a sampler, followed state by state, beside the recorded ones.

use std::collections::HashMap;
use std::path::Path;

use engine::no_grad;
use engine::tch::{Kind, Tensor};
use protocol::SamplerName;
use txt2img::error::Result;
use txt2img::sampler::{Churn, Denoiser, Settings, StepNoise, Walk, sampler};

pub(crate) const NO_CHURN: Churn = Churn { amount: 0.0, sigma_min: 0.0, sigma_max: f64::INFINITY, noise: 1.0 };

pub(crate) type Goldens = HashMap<String, Tensor>;

/// A file of `tests/goldens`; `tools/goldens/README.md` says how it was recorded.
pub(crate) fn read(name: &str) -> Goldens {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name);
    Tensor::read_safetensors(path).unwrap().into_iter().collect()
}

pub(crate) fn doubles(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double)).unwrap()
}

/// No element may differ by more than `tolerance` times the reference's largest one, or times 1 where that is smaller.
#[track_caller]
pub(crate) fn assert_close(what: &str, found: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(found.size(), expected.size(), "{what}");
    let error = f64::try_from((found - expected).abs().max()).unwrap();
    let scale = f64::try_from(expected.abs().max()).unwrap().max(1.0);
    // Written so that a NaN fails.
    assert!(error <= tolerance * scale, "{what}: {error:e} of {scale}");
}

/// Recorded noise, in order.
pub(crate) struct Recorded {
    pub(crate) noise: Tensor,
    pub(crate) next: i64,
}

impl StepNoise for Recorded {
    fn next(&mut self) -> Tensor {
        self.next += 1;
        self.noise.get(self.next - 1)
    }
}

/// Everything a sampler asks its model about, and what it hears.
pub(crate) struct Followed<'a> {
    denoiser: &'a mut dyn Denoiser,
    x: Vec<Tensor>,
    sigma: Vec<f64>,
    denoised: Vec<Tensor>,
}

impl Denoiser for Followed<'_> {
    fn denoise(&mut self, x: &Tensor, sigma: f64) -> Result<Tensor> {
        let denoised = self.denoiser.denoise(x, sigma)?;
        // Copies: a sampler may go on in the same memory.
        self.x.push(x.copy());
        self.sigma.push(sigma);
        self.denoised.push(denoised.copy());
        Ok(denoised)
    }

    fn predict_noise(&mut self, _: &Tensor, _: f64) -> Result<Tensor> {
        unreachable!("Euler's family asks for clean latents")
    }
}

/// A finished walk.
pub(crate) struct Walked {
    /// As the model was asked, and the end.
    pub(crate) x: Vec<Tensor>,
    /// As the model was asked.
    pub(crate) sigma: Vec<f64>,
    /// The model's answers.
    pub(crate) denoised: Vec<Tensor>,
}

/// Walks from unit noise `start` along `trajectory`.
pub(crate) fn walk(
    name: SamplerName,
    settings: Settings,
    denoiser: &mut dyn Denoiser,
    [start, noise]: [&Tensor; 2],
    trajectory: &[f64],
) -> Walked {
    let algorithm = sampler(name);
    let mut followed = Followed { denoiser, x: Vec::new(), sigma: Vec::new(), denoised: Vec::new() };
    let mut steps = Vec::new();
    let mut walk = Walk {
        denoiser: &mut followed,
        noise: &mut Recorded { noise: noise.shallow_clone(), next: 0 },
        trajectory,
        settings,
        on_step: &mut |step| steps.push(step),
    };
    let end = no_grad(|| algorithm.sample(&mut walk, algorithm.first_latents(start, trajectory))).unwrap();
    assert_eq!(steps, (1..trajectory.len()).collect::<Vec<_>>(), "each step is told once");
    let Followed { mut x, sigma, denoised, .. } = followed;
    x.push(end);
    Walked { x, sigma, denoised }
}

impl Walked {
    /// Compares every state with `{case}.x`, `{case}.sigma` and `{case}.denoised`.
    #[track_caller]
    pub(crate) fn assert_is(&self, goldens: &Goldens, case: &str, tolerance: f64) {
        let recorded = |name: &str| &goldens[&format!("{case}.{name}")];
        let sigmas = doubles(recorded("sigma"));
        assert_eq!(self.sigma.len(), sigmas.len(), "{case}");
        // The model's table is f32 on both sides, and carries five digits of its smallest sigma.
        let same = self.sigma.iter().zip(&sigmas).all(|(found, expected)| (found - expected).abs() <= 1e-4 * expected);
        assert!(same, "{case}.sigma: {:?}, not {sigmas:?}", self.sigma);
        for (name, states) in [("x", &self.x), ("denoised", &self.denoised)] {
            assert_eq!(states.len() as i64, recorded(name).size()[0], "{case}.{name}");
            for (step, state) in states.iter().enumerate() {
                assert_close(
                    &format!("{case}.{name}, step {step}"),
                    state,
                    &recorded(name).get(step as i64),
                    tolerance,
                );
            }
        }
    }
}
