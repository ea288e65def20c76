"""k-diffusion's samplers on a denoiser that is one line long, and a whole guided trajectory of the tiny model."""

from unittest import mock

import torch
from diffusers import EulerDiscreteScheduler

import kdiffusion
from fixtures import TXT2IMG, randn, save_tensors
from models import SCHEDULE, tiny_text_encoder, tiny_unet, tiny_vae
from networks import random_ids

SHAPE = (2, 4, 3, 5)


def denoise(x, sigma):
    """D(x, σ) = x / (1 + σ²) + 0.1·tanh(x)"""
    sigma = sigma.view(-1, 1, 1, 1)
    return x / (1 + sigma**2) + 0.1 * torch.tanh(x)


def table():
    betas = torch.linspace(SCHEDULE["beta_start"] ** 0.5, SCHEDULE["beta_end"] ** 0.5, 1000, dtype=torch.float64) ** 2
    alphas_cumprod = torch.cumprod(1 - betas, 0)
    sigmas = ((1 - alphas_cumprod) / alphas_cumprod).sqrt().float()
    return kdiffusion.external().DiscreteSchedule(sigmas, quantize=False)


def sigma_lists():
    sampling, schedule = kdiffusion.sampling(), table()
    lowest, highest = schedule.sigma_min.item(), schedule.sigma_max.item()
    lists = {}
    for steps in (1, 5, 20):
        lists[f"model.{steps}"] = schedule.get_sigmas(steps)
        lists[f"karras.{steps}"] = sampling.get_sigmas_karras(steps, lowest, highest)
        lists[f"exponential.{steps}"] = sampling.get_sigmas_exponential(steps, lowest, highest)
    # k-diffusion divides 0 by 0 nowhere: for one step its Karras list is the highest sigma and 0.
    assert torch.equal(lists["karras.1"][1:], torch.zeros(1))
    return lists


EULER = {
    "plain": {},
    "churn": {"s_churn": 3.0},
    "churn_window": {"s_churn": 10.0, "s_tmin": 0.5, "s_tmax": 8.0, "s_noise": 1.1},
}
ANCESTRAL = {
    "eta_0": {"eta": 0.0},
    "eta_half": {"eta": 0.5},
    "eta_1": {"eta": 1.0},
}


class Trajectory:
    """What k-diffusion reports of each step: x as the model is asked about it, sigma with churn, and the model's answer."""

    def __init__(self):
        self.x, self.sigma, self.denoised = [], [], []

    def __call__(self, report):
        self.x.append(report["x"].clone())
        self.sigma.append(report["sigma_hat"].clone())
        self.denoised.append(report["denoised"].clone())

    def run(self, sampler, denoiser, x, sigmas, noise, **options):
        """Calls a sampler with given noise; gives the recorded tensors by name, `x` with the end behind the last step's."""
        draws = iter(noise)
        if sampler is kdiffusion.sampling().sample_euler_ancestral:
            options["noise_sampler"] = lambda *_: next(draws)
        with mock.patch("torch.randn_like", lambda _: next(draws)):
            end = sampler(denoiser, x, sigmas, callback=self, disable=True, **options)
        return {
            "x": torch.stack([*self.x, end]),
            "sigma": torch.stack(self.sigma),
            "denoised": torch.stack(self.denoised),
        }


def named(case, tensors):
    return {f"{case}.{name}": tensor for name, tensor in tensors.items()}


def record_analytic():
    sampling, lists = kdiffusion.sampling(), sigma_lists()
    start, noise = randn(SHAPE, 800), randn((20, *SHAPE), 801)
    tensors = {"start": start, "noise": noise} | {f"sigmas.{name}": sigmas for name, sigmas in lists.items()}
    for name in ("model.1", "karras.5", "model.20", "karras.20"):
        sigmas = lists[name]
        for prefix, sampler, cases in (
            ("euler", sampling.sample_euler, EULER),
            ("euler_a", sampling.sample_euler_ancestral, ANCESTRAL),
        ):
            for case, options in cases.items():
                walked = Trajectory().run(sampler, denoise, start * sigmas[0], sigmas, noise, **options)
                tensors |= named(f"{prefix}.{case}.{name}", walked)
    save_tensors(TXT2IMG / "samplers.safetensors", tensors, euler=EULER, euler_ancestral=ANCESTRAL)


def guidance(unet, context, cfg_scale):
    """A network with classifier-free guidance; `context` holds the negative prompt's states, then the prompt's."""

    def guided(x, timestep):
        without, with_prompt = unet(torch.cat([x, x]), timestep, context).sample.chunk(2)
        return without + cfg_scale * (with_prompt - without)

    return guided


def diffusers_loop(scheduler, network, start):
    """Diffusers' denoising loop: the latents after each step, and the clean latents it saw before."""
    latents, states, denoised = start * scheduler.init_noise_sigma, [], []
    for timestep in scheduler.timesteps:
        answer = network(scheduler.scale_model_input(latents, timestep), timestep)
        step = scheduler.step(answer, timestep, latents)
        latents = step.prev_sample
        states.append(latents)
        denoised.append(step.pred_original_sample)
    return torch.stack(states), torch.stack(denoised)


@torch.no_grad()
def record_pipeline():
    ids, negative_ids = random_ids((1, 77), 810), random_ids((1, 77), 811)
    start, noise = randn((1, 4, 16, 16), 812), randn((5, 1, 4, 16, 16), 813)
    tensors = {"ids": ids, "negative_ids": negative_ids, "start": start, "noise": noise}
    text = tiny_text_encoder()
    context = torch.cat([text(negative_ids).last_hidden_state, text(ids).last_hidden_state])
    network = guidance(tiny_unet(), context, 7.0)
    for steps in (4, 5):
        tensors |= named(f"steps_{steps}", record_diffusers(network, start, steps))
    tensors |= record_kdiffusion(network, start, noise)
    save_tensors(TXT2IMG / "pipeline.safetensors", tensors, model="tiny", cfg_scale=7.0)


def record_diffusers(network, start, steps):
    """A guided run of diffusers."""
    scheduler = EulerDiscreteScheduler(**SCHEDULE, timestep_spacing="linspace")
    ours = table().get_sigmas(steps)
    if steps == 4:
        # 999, 666, 333, 0: whole timesteps, for which diffusers' own list is the same.
        scheduler.set_timesteps(steps)
    else:
        # Between timesteps diffusers interpolates sigma itself, k-diffusion its logarithm: give it the latter's list.
        scheduler.set_timesteps(sigmas=ours.tolist())
    # Diffusers multiplies up its alphas in float32: its smallest sigma is off in the fifth digit.
    assert torch.allclose(scheduler.sigmas, ours, rtol=1e-4), (scheduler.sigmas, ours)
    assert abs(float(scheduler.init_noise_sigma) - float(ours[0])) < 1e-4
    expected = torch.linspace(999, 0, steps)
    assert torch.allclose(scheduler.timesteps.float(), expected, atol=2e-3), scheduler.timesteps
    latents, denoised = diffusers_loop(scheduler, network, start)
    tensors = {
        "sigmas": scheduler.sigmas,
        "timesteps": scheduler.timesteps.float(),
        "latents": latents,
        "denoised": denoised,
    }
    if steps == 5:
        tensors["image"] = tiny_vae().decode(latents[-1] / 0.18215).sample
    return tensors


def record_kdiffusion(network, start, noise):
    """Guided runs of k-diffusion over diffusers' UNet, its answer read as epsilon and as v."""
    sampling, external = kdiffusion.sampling(), kdiffusion.external()
    alphas_cumprod = 1 / (1 + table().sigmas**2)
    epsilon = external.DiscreteEpsDDPMDenoiser(network, alphas_cumprod, quantize=False)
    v = external.DiscreteVDDPMDenoiser(network, alphas_cumprod, quantize=False)
    runs = {
        "euler_a.epsilon": (sampling.sample_euler_ancestral, epsilon, {}),
        "euler.v": (sampling.sample_euler, v, {"s_churn": 1.0}),
    }
    sigmas = table().get_sigmas(5)
    tensors = {}
    for case, (sampler, denoiser, options) in runs.items():
        walked = Trajectory().run(sampler, denoiser, start * sigmas[0], sigmas, noise, **options)
        tensors |= named(case, walked)
    return tensors


def record():
    record_analytic()
    record_pipeline()
