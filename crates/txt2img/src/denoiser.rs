//! The UNet as samplers see it, with classifier-free guidance.

use engine::no_grad;
use engine::tch::{Device, Kind, Tensor};
use model::{NoiseSchedule, PredictionType, UNet};

use crate::error::{Result, Txt2ImgError};
use crate::sampler::{Answer, Denoiser};

/// A UNet bound to a prompt: epsilon = uncond + cfg_scale (cond - uncond).
pub struct GuidedUNet<'a> {
    unet: &'a UNet,
    schedule: &'a NoiseSchedule,
    /// `[2, 77, width]`: the negative prompt's states, then the prompt's.
    context: Tensor,
    cfg_scale: f64,
    compute: Kind,
    calls: usize,
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
        Self { unet, schedule, context, cfg_scale, compute, calls: 0 }
    }

    /// The network's answers (epsilon or v, as it was trained) to `x`, already scaled for it.
    fn answer(&mut self, x: &Tensor, timestep: f64) -> Result<Answer> {
        self.calls += 1;
        let batch = x.size()[0];
        // Kernels may choose other summation orders for other batch sizes. On the CPU, where pictures must be equal to
        // the bit at any batch size and batching gains nothing, each image goes alone.
        let group = if x.device() == Device::Cpu { 1 } else { batch };
        let answers = (0..batch)
            .step_by(usize::try_from(group.max(1)).unwrap_or(1))
            .map(|first| self.answer_group(&x.narrow(0, first, group), timestep))
            .collect::<Result<Vec<_>>>()?;
        let part = |part: fn(&Answer) -> &Tensor| Tensor::cat(&answers.iter().map(part).collect::<Vec<_>>(), 0);
        Ok(Answer { guided: part(|answer| &answer.guided), unconditional: part(|answer| &answer.unconditional) })
    }

    fn answer_group(&self, x: &Tensor, timestep: f64) -> Result<Answer> {
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
        Ok(Answer { guided, unconditional: negative })
    }
}

impl Denoiser for GuidedUNet<'_> {
    fn denoise(&mut self, x: &Tensor, sigma: f64) -> Result<Answer> {
        let variance = sigma * sigma + 1.0;
        let answer = self.answer(&(x / variance.sqrt()), self.schedule.t_of_sigma(sigma))?;
        let prediction_type = self.schedule.prediction_type();
        Ok(answer.map(|answer| match prediction_type {
            PredictionType::Epsilon => x - answer * sigma,
            PredictionType::VPrediction => x / variance - answer * (sigma / variance.sqrt()),
        }))
    }

    fn predict_noise(&mut self, x: &Tensor, timestep: f64) -> Result<Answer> {
        let answer = self.answer(x, timestep)?;
        Ok(match self.schedule.prediction_type() {
            PredictionType::Epsilon => answer,
            PredictionType::VPrediction => {
                // epsilon = sqrt(alpha) v + sqrt(1 - alpha) x, from v = sqrt(alpha) epsilon - sqrt(1 - alpha) x0.
                let sigma = self.schedule.sigma_of_t(timestep);
                let alpha = 1.0 / (sigma * sigma + 1.0);
                answer.map(|answer| answer * alpha.sqrt() + x * (1.0 - alpha).sqrt())
            }
        })
    }

    fn calls(&self) -> usize {
        self.calls
    }
}
