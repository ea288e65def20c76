//! The UNet as samplers see it, with classifier-free guidance.

use engine::no_grad;
use engine::tch::{Device, Kind, Tensor};
use model::{NoiseSchedule, PredictionType, UNet};

use crate::error::{Result, Txt2ImgError};
use crate::sampler::Denoiser;

/// A UNet bound to a prompt: epsilon = uncond + cfg_scale (cond - uncond).
pub struct GuidedUNet<'a> {
    unet: &'a UNet,
    schedule: &'a NoiseSchedule,
    /// `[2, 77, width]`: the negative prompt's states, then the prompt's.
    context: Tensor,
    cfg_scale: f64,
    compute: Kind,
}

impl std::fmt::Debug for GuidedUNet<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuidedUNet").field("cfg_scale", &self.cfg_scale).finish_non_exhaustive()
    }
}

impl<'a> GuidedUNet<'a> {
    /// Binds the network to the text encoder's states of the negative prompt and the prompt, each `[1, 77, width]`.
    pub fn new(
        unet: &'a UNet,
        schedule: &'a NoiseSchedule,
        negative: &Tensor,
        positive: &Tensor,
        cfg_scale: f64,
        compute: Kind,
    ) -> Self {
        let context = Tensor::cat(&[negative, positive], 0).to_kind(compute);
        Self { unet, schedule, context, cfg_scale, compute }
    }

    /// The guided answer of the network (epsilon or v, as it was trained) to `x`, already scaled for it.
    fn guided(&self, x: &Tensor, timestep: f64) -> Result<Tensor> {
        let batch = x.size()[0];
        // Kernels may choose other summation orders for other batch sizes. On the CPU, where pictures must be equal to
        // the bit at any batch size and batching gains nothing, each image goes alone.
        let group = if x.device() == Device::Cpu { 1 } else { batch };
        let answers = (0..batch)
            .step_by(usize::try_from(group.max(1)).unwrap_or(1))
            .map(|first| self.guided_group(&x.narrow(0, first, group), timestep))
            .collect::<Result<Vec<_>>>()?;
        Ok(Tensor::cat(&answers, 0))
    }

    fn guided_group(&self, x: &Tensor, timestep: f64) -> Result<Tensor> {
        let batch = x.size()[0];
        let doubled = Tensor::cat(&[x, x], 0).to_kind(self.compute);
        let timesteps = Tensor::full([2 * batch], timestep, (Kind::Float, x.device()));
        let context = self.context.repeat_interleave_self_int(batch, 0, 2 * batch);
        let answer = no_grad(|| self.unet.forward(&doubled, &timesteps, &context)).to_kind(Kind::Float);
        let (negative, positive) = (answer.narrow(0, 0, batch), answer.narrow(0, batch, batch));
        let guided = &negative + (positive - &negative) * self.cfg_scale;
        if f64::try_from(guided.isfinite().any())? == 0.0 {
            return Err(Txt2ImgError::NotFinite { network: "UNet" });
        }
        Ok(guided)
    }
}

impl Denoiser for GuidedUNet<'_> {
    fn denoise(&mut self, x: &Tensor, sigma: f64) -> Result<Tensor> {
        let variance = sigma * sigma + 1.0;
        let answer = self.guided(&(x / variance.sqrt()), self.schedule.t_of_sigma(sigma))?;
        Ok(match self.schedule.prediction_type() {
            PredictionType::Epsilon => x - answer * sigma,
            PredictionType::VPrediction => x / variance - answer * (sigma / variance.sqrt()),
        })
    }

    fn predict_noise(&mut self, x: &Tensor, timestep: f64) -> Result<Tensor> {
        let answer = self.guided(x, timestep)?;
        Ok(match self.schedule.prediction_type() {
            PredictionType::Epsilon => answer,
            PredictionType::VPrediction => {
                // epsilon = sqrt(alpha) v + sqrt(1 - alpha) x, from v = sqrt(alpha) epsilon - sqrt(1 - alpha) x0.
                let sigma = self.schedule.sigma_of_t(timestep);
                let alpha = 1.0 / (sigma * sigma + 1.0);
                answer * alpha.sqrt() + x * (1.0 - alpha).sqrt()
            }
        })
    }
}
