//! Networks that somebody else holds, ready to draw: those of a [`Pipeline`](crate::Pipeline), or those of a training in its
//! middle.

use engine::no_grad;
use engine::tch::{Device, Kind, Tensor};
use model::{NoiseSchedule, UNet, Vae};
use protocol::{Leave, Txt2ImgParams};

use crate::denoiser::GuidedUNet;
use crate::error::{Result, Txt2ImgError};
use crate::infotext::infotext;
use crate::noise::{ImageNoise, NoiseOptions};
use crate::picture::{Picture, pixels};
use crate::sampler::{Answer, Churn, Denoiser, Settings, Walk, algorithm};
use crate::schedule::ScheduleOptions;
use crate::trajectory::Trajectory;

/// What pictures are drawn with, but for the text encoder, whose answers come as tensors.
#[derive(Debug, Clone, Copy)]
pub struct Studio<'a> {
    /// The model's name, for the infotext.
    pub name: &'a str,
    /// The UNet, which computes in `compute`.
    pub unet: &'a UNet,
    /// The autoencoder, in f32.
    pub vae: &'a Vae,
    /// The noise levels.
    pub schedule: &'a NoiseSchedule,
    /// Where the networks lie.
    pub device: Device,
    /// What the UNet computes in.
    pub compute: Kind,
}

/// The text encoder's states of a prompt, each `[1, 77, width]`.
#[derive(Debug)]
pub struct Conditioning {
    /// Of what the picture should not show; of the empty text, when there is nothing.
    pub negative: Tensor,
    /// Of the prompt.
    pub positive: Tensor,
}

/// How a batch is watched while it is drawn.
pub struct Sitting<'a> {
    /// How the drawing is to be left, once it is; asked at every step.
    pub stop: &'a dyn Fn() -> Option<Leave>,
    /// Told after each sampling step.
    pub on_step: &'a mut dyn FnMut(usize),
}

impl std::fmt::Debug for Sitting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sitting").finish_non_exhaustive()
    }
}

impl Studio<'_> {
    /// Draws one picture of `params` for each of `seeds`, together, and hands them to `keep` in their order; each depends on its
    /// seed alone.
    ///
    /// # Errors
    /// When a network fails or gives no finite number; [`Txt2ImgError::Stopped`] at the step after it is to be left; and
    /// `keep`'s own.
    pub fn draw<E: From<Txt2ImgError>>(
        &self,
        params: &Txt2ImgParams,
        conditioning: &Conditioning,
        seeds: &[u64],
        sitting: Sitting<'_>,
        mut keep: impl FnMut(Picture) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let (Conditioning { negative, positive }, Sitting { stop, on_step }) = (conditioning, sitting);
        let mut unet = GuidedUNet::new(self.unet, self.schedule, negative, positive, params.cfg_scale, self.compute);
        let mut unet = Stoppable { denoiser: &mut unet, stop };
        let latents = self.sample(params, seeds, &mut unet, on_step)?;
        seeds
            .iter()
            .enumerate()
            .try_for_each(|(index, seed)| keep(self.picture(params, &latents.get(index as i64), *seed)?))
    }

    /// How many steps each batch of `params` is drawn in, which is not always what it asks for.
    pub fn steps(&self, params: &Txt2ImgParams) -> usize {
        self.trajectory(params).steps()
    }

    fn trajectory(&self, params: &Txt2ImgParams) -> Trajectory {
        Trajectory::new(params.sampler_choice(), self.schedule, params.steps, &ScheduleOptions::default())
    }

    /// Latents of one batch, `[batch, 4, height/8, width/8]`, as the VAE expects them.
    fn sample(
        &self,
        params: &Txt2ImgParams,
        seeds: &[u64],
        unet: &mut dyn Denoiser,
        on_step: &mut dyn FnMut(usize),
    ) -> Result<Tensor> {
        let trajectory = self.trajectory(params);
        let together = if params.sampler().row().alone { 1 } else { seeds.len().max(1) };
        let groups = seeds.len().div_ceil(together);
        // Steps of the groups that walk one after the other make one step of the batch.
        let mut walked = 0;
        let mut on_step = |_| {
            walked += 1;
            if walked % groups == 0 {
                on_step(walked / groups);
            }
        };
        let group = |seeds: &[u64]| self.walk(params, &trajectory, seeds, unet, &mut on_step);
        Ok(Tensor::cat(&seeds.chunks(together).map(group).collect::<Result<Vec<_>>>()?, 0))
    }

    /// Latents of images that walk together.
    fn walk(
        &self,
        params: &Txt2ImgParams,
        trajectory: &Trajectory,
        seeds: &[u64],
        unet: &mut dyn Denoiser,
        on_step: &mut dyn FnMut(usize),
    ) -> Result<Tensor> {
        let shape = [4, i64::from(params.height / 8), i64::from(params.width / 8)];
        let options = NoiseOptions::default();
        let (first, mut noise) = ImageNoise::begin(seeds, shape, self.device, options, trajectory.interval());
        let x = trajectory.first_latents(&first);
        let settings = settings(params);
        let schedule = self.schedule;
        let mut walk = Walk { denoiser: unet, noise: &mut noise, trajectory, schedule, settings, on_step };
        no_grad(|| algorithm(params.sampler())(&mut walk, x))
    }

    /// Decodes one image's latents, `[4, height/8, width/8]`; one at a time, so that memory does not grow with the batch.
    fn picture(&self, params: &Txt2ImgParams, latents: &Tensor, seed: u64) -> Result<Picture> {
        let decoded = no_grad(|| self.vae.decode(&latents.unsqueeze(0))).squeeze_dim(0);
        Ok(Picture {
            width: params.width,
            height: params.height,
            rgb: pixels(&decoded)?,
            seed,
            infotext: infotext(params, seed, self.name),
        })
    }
}

/// A network that is asked no more once the drawing is to be left. Every sampler asks at every step.
struct Stoppable<'a> {
    denoiser: &'a mut dyn Denoiser,
    stop: &'a dyn Fn() -> Option<Leave>,
}

impl Stoppable<'_> {
    fn go_on(&self) -> Result<()> {
        if (self.stop)().is_some() { Err(Txt2ImgError::Stopped) } else { Ok(()) }
    }
}

impl Denoiser for Stoppable<'_> {
    fn denoise(&mut self, x: &Tensor, sigma: f64) -> Result<Answer> {
        self.go_on()?;
        self.denoiser.denoise(x, sigma)
    }

    fn predict_noise(&mut self, x: &Tensor, timestep: f64) -> Result<Answer> {
        self.go_on()?;
        self.denoiser.predict_noise(x, timestep)
    }

    fn calls(&self) -> usize {
        self.denoiser.calls()
    }
}

/// The walk's settings; 0 and null stand for the web UI's defaults.
fn settings(params: &Txt2ImgParams) -> Settings {
    let defaults = Settings::of(params.sampler().row());
    let churn = Churn {
        amount: params.s_churn,
        sigma_min: params.s_tmin,
        sigma_max: params.s_tmax.filter(|sigma| *sigma > 0.0).unwrap_or(f64::INFINITY),
    };
    Settings {
        eta: params.eta.unwrap_or(defaults.eta),
        churn,
        s_noise: if params.s_noise == 0.0 { defaults.s_noise } else { params.s_noise },
    }
}
