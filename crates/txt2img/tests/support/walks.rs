//! Walks of a sampler, followed state by state, beside the recorded ones.

use std::collections::HashMap;
use std::path::Path;

use engine::no_grad;
use engine::tch::{Kind, Tensor};
use model::{NoiseSchedule, ScheduleConfig};
use protocol::SamplerName;
use txt2img::Trajectory;
use txt2img::error::Result;
use txt2img::sampler::{Answer, Denoiser, Settings, StepNoise, Walk, algorithm};

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

/// The noise levels of Stable Diffusion 1.x.
pub(crate) fn sd15() -> NoiseSchedule {
    NoiseSchedule::new(&ScheduleConfig::sd15())
}

/// Recorded noise, in order, of whichever kind a sampler asks for.
pub(crate) struct Recorded {
    pub(crate) noise: Tensor,
    pub(crate) next: i64,
}

impl StepNoise for Recorded {
    fn next(&mut self) -> Tensor {
        self.skip();
        self.noise.get(self.next - 1)
    }

    fn skip(&mut self) {
        self.next += 1;
    }

    fn between(&mut self, _: f64, _: f64) -> Tensor {
        self.next()
    }
}

/// The denoiser of `tools/goldens/walks.py`: data that are two Gaussians for each element, whose posterior mean is known.
pub(crate) struct Mixture<'a> {
    pub(crate) schedule: &'a NoiseSchedule,
    pub(crate) calls: usize,
}

/// Where the Gaussians lie.
pub(crate) const CENTRE: f64 = 1.2;

impl Mixture<'_> {
    fn clean(x: &Tensor, sigma: f64, centre: f64) -> Tensor {
        const VARIANCE: f64 = 0.25;
        let total = VARIANCE + sigma * sigma;
        x * (VARIANCE / total) + (x * (centre / total)).tanh() * (sigma * sigma * centre / total)
    }
}

impl Denoiser for Mixture<'_> {
    fn denoise(&mut self, x: &Tensor, sigma: f64) -> Result<Answer> {
        self.calls += 1;
        let clean = |centre| Self::clean(x, sigma, centre);
        Ok(Answer { guided: clean(CENTRE), unconditional: clean(0.7) })
    }

    fn predict_noise(&mut self, x: &Tensor, timestep: f64) -> Result<Answer> {
        let sigma = self.schedule.sigma_of_t(timestep);
        let scaled = x * (1.0 + sigma * sigma).sqrt();
        Ok(self.denoise(&scaled, sigma)?.map(|clean| (&scaled - clean) / sigma))
    }

    fn calls(&self) -> usize {
        self.calls
    }
}

/// Everything a sampler asks its model about, and what it hears.
pub(crate) struct Followed<'a> {
    denoiser: &'a mut dyn Denoiser,
    walked: Walked,
}

impl Followed<'_> {
    fn keep(&mut self, x: &Tensor, at: f64, answer: Answer) -> Answer {
        // Copies: a sampler may go on in the same memory.
        self.walked.x.push(x.copy());
        self.walked.at.push(at);
        self.walked.guided.push(answer.guided.copy());
        answer
    }
}

impl Denoiser for Followed<'_> {
    fn denoise(&mut self, x: &Tensor, sigma: f64) -> Result<Answer> {
        let answer = self.denoiser.denoise(x, sigma)?;
        Ok(self.keep(x, sigma, answer))
    }

    fn predict_noise(&mut self, x: &Tensor, timestep: f64) -> Result<Answer> {
        let answer = self.denoiser.predict_noise(x, timestep)?;
        Ok(self.keep(x, timestep, answer))
    }

    fn calls(&self) -> usize {
        self.denoiser.calls()
    }
}

/// A finished walk.
#[derive(Default)]
pub(crate) struct Walked {
    /// As the model was asked, and the end.
    pub(crate) x: Vec<Tensor>,
    /// The sigma or time step at which the model was asked.
    pub(crate) at: Vec<f64>,
    /// The model's answers.
    pub(crate) guided: Vec<Tensor>,
}

/// Walks from `x` along `trajectory`; each step must be told once.
pub(crate) fn walk(
    name: SamplerName,
    settings: Settings,
    denoiser: &mut dyn Denoiser,
    noise: &mut dyn StepNoise,
    trajectory: &Trajectory,
    x: Tensor,
) -> Walked {
    let mut followed = Followed { denoiser, walked: Walked::default() };
    let (mut steps, schedule) = (Vec::new(), sd15());
    let mut walk = Walk {
        denoiser: &mut followed,
        noise,
        trajectory,
        schedule: &schedule,
        settings,
        on_step: &mut |step| steps.push(step),
    };
    let end = no_grad(|| algorithm(name)(&mut walk, x)).unwrap();
    assert_eq!(steps, (1..=trajectory.steps()).collect::<Vec<_>>(), "{name} tells each step once");
    let mut walked = followed.walked;
    walked.x.push(end);
    walked
}

impl Walked {
    /// Compares where the model was asked with `{case}.{at}`, and every state with `{case}.x`. `tolerance` is of the largest
    /// number of a state, and of a sigma or time step.
    #[track_caller]
    pub(crate) fn assert_is(&self, goldens: &Goldens, case: &str, at: &str, tolerance: f64) {
        let expected = doubles(&goldens[&format!("{case}.{at}")]);
        assert_eq!(self.at.len(), expected.len(), "{case}");
        // The model's table is f32 on both sides, and carries five digits of its smallest sigma.
        let near = tolerance.max(1e-4);
        let same = self.at.iter().zip(&expected).all(|(found, expected)| (found - expected).abs() <= near * expected);
        assert!(same, "{case}.{at}: {:?}, not {expected:?}", self.at);
        let states = &goldens[&format!("{case}.x")];
        assert_eq!(self.x.len() as i64, states.size()[0], "{case}");
        for (step, x) in self.x.iter().enumerate() {
            assert_close(&format!("{case}, state {step}"), x, &states.get(step as i64), tolerance);
        }
    }

    /// Compares the model's answers with `{case}.denoised`.
    #[track_caller]
    pub(crate) fn assert_heard(&self, goldens: &Goldens, case: &str, tolerance: f64) {
        for (step, guided) in self.guided.iter().enumerate() {
            let expected = goldens[&format!("{case}.denoised")].get(step as i64);
            assert_close(&format!("{case}, answer {step}"), guided, &expected, tolerance);
        }
    }
}
