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
    "eta_1_noise": {"eta": 1.0, "s_noise": 0.9},
}


def trajectory(run, noise):
    """Calls a sampler with the recorded noise; gives x before each step, and at the end."""
    states, draws = [], iter(noise)
    with mock.patch("torch.randn_like", lambda _: next(draws)):
        end = run(lambda report: states.append(report["x"].clone()), lambda *_: next(draws))
    return torch.stack([*states, end])


def record_analytic():
    sampling, lists = kdiffusion.sampling(), sigma_lists()
    start, noise = randn(SHAPE, 800), randn((20, *SHAPE), 801)
    tensors = {"start": start, "noise": noise} | {f"sigmas.{name}": sigmas for name, sigmas in lists.items()}
    for name in ("model.1", "karras.5", "model.20", "karras.20"):
        sigmas = lists[name]
        x = start * sigmas[0]
        for case, options in EULER.items():
            tensors[f"euler.{case}.{name}"] = trajectory(
                lambda callback, _: sampling.sample_euler(
                    denoise, x, sigmas, callback=callback, disable=True, **options
                ),
                noise,
            )
        for case, options in ANCESTRAL.items():
            tensors[f"euler_a.{case}.{name}"] = trajectory(
                lambda callback, draw: sampling.sample_euler_ancestral(
                    denoise, x, sigmas, callback=callback, noise_sampler=draw, disable=True, **options
                ),
                noise,
            )
    save_tensors(TXT2IMG / "samplers.safetensors", tensors, euler=EULER, euler_ancestral=ANCESTRAL)


def guided(scheduler, ids, negative_ids, start, cfg_scale):
    """Diffusers' denoising loop with classifier-free guidance: the latents after each step."""
    unet, text = tiny_unet(), tiny_text_encoder()
    context = torch.cat([text(negative_ids).last_hidden_state, text(ids).last_hidden_state])
    latents, states = start * scheduler.init_noise_sigma, []
    for timestep in scheduler.timesteps:
        scaled = scheduler.scale_model_input(torch.cat([latents, latents]), timestep)
        without, with_prompt = unet(scaled, timestep, context).sample.chunk(2)
        noise = without + cfg_scale * (with_prompt - without)
        latents = scheduler.step(noise, timestep, latents).prev_sample
        states.append(latents)
    return torch.stack(states)


@torch.no_grad()
def record_pipeline():
    ids, negative_ids = random_ids((1, 77), 810), random_ids((1, 77), 811)
    start = randn((1, 4, 16, 16), 812)
    tensors = {"ids": ids, "negative_ids": negative_ids, "start": start}
    lists = sigma_lists()
    schedule = table()
    for steps in (4, 5):
        scheduler = EulerDiscreteScheduler(**SCHEDULE, timestep_spacing="linspace")
        ours = schedule.get_sigmas(steps)
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
        latents = guided(scheduler, ids, negative_ids, start, 7.0)
        tensors[f"steps_{steps}.sigmas"] = scheduler.sigmas
        tensors[f"steps_{steps}.timesteps"] = scheduler.timesteps.float()
        tensors[f"steps_{steps}.latents"] = latents
        if steps == 5:
            tensors["steps_5.image"] = tiny_vae().decode(latents[-1] / 0.18215).sample
    save_tensors(TXT2IMG / "pipeline.safetensors", tensors, model="tiny", cfg_scale=7.0)


def record():
    record_analytic()
    record_pipeline()
