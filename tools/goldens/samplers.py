"""Whole guided trajectories of the tiny model."""

from unittest import mock

import torch
from diffusers import EulerDiscreteScheduler
from safetensors.torch import load_file

import fixtures
import kdiffusion
import walks
from fixtures import TXT2IMG, randn, save_tensors
from models import SCHEDULE, tiny_text_encoder, tiny_unet, tiny_vae
from networks import random_ids

def table():
    betas = torch.linspace(SCHEDULE["beta_start"] ** 0.5, SCHEDULE["beta_end"] ** 0.5, 1000, dtype=torch.float64) ** 2
    alphas_cumprod = torch.cumprod(1 - betas, 0)
    sigmas = ((1 - alphas_cumprod) / alphas_cumprod).sqrt().float()
    return kdiffusion.external().DiscreteSchedule(sigmas, quantize=False)


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


@torch.no_grad()
def record_guided_walks():
    """More of k-diffusion over the tiny model, in float64: what the model is asked, and the end."""
    given = load_file(TXT2IMG / "pipeline.safetensors")
    # Made in float32, as everywhere: float64 would draw other weights.
    text, unet = tiny_text_encoder().double(), tiny_unet().double()
    with fixtures.float64():
        tensors = guided_walks(text, unet, given)
    save_tensors(TXT2IMG / "guided_walks.safetensors", tensors, model="tiny", cfg_scale=7.0)


def guided_walks(text, unet, given):
    start, noise = given["start"].double(), given["noise"].double()
    context = torch.cat([text(given[name]).last_hidden_state for name in ("negative_ids", "ids")])
    network = guidance(unet, context, 7.0)
    sampling, external, schedule = kdiffusion.sampling(), kdiffusion.external(), walks.table()
    alphas_cumprod = walks.alphas_cumprod()
    epsilon = external.DiscreteEpsDDPMDenoiser(network, alphas_cumprod, quantize=False)
    v = external.DiscreteVDDPMDenoiser(network, alphas_cumprod, quantize=False)

    def given_noise():
        draws = iter(noise)
        return {"noise_sampler": lambda *_: next(draws)}

    karras = sampling.get_sigmas_karras(5, schedule.sigma_min.item(), schedule.sigma_max.item())
    # Few enough steps for the five given noises.
    uniform = schedule.get_sigmas(3)
    runs = {
        "dpmpp_2m.epsilon": (sampling.sample_dpmpp_2m, epsilon, karras, {}),
        "dpmpp_sde.epsilon": (sampling.sample_dpmpp_sde, epsilon, uniform, given_noise()),
        "dpmpp_3m_sde.epsilon": (sampling.sample_dpmpp_3m_sde, epsilon, karras, given_noise()),
        "lms.epsilon": (sampling.sample_lms, epsilon, karras, {}),
        "heun.v": (sampling.sample_heun, v, uniform, {}),
        "dpmpp_2m.v": (sampling.sample_dpmpp_2m, v, karras, {}),
    }
    tensors = {}
    for case, (sampler, denoiser, sigmas, options) in runs.items():
        asked = []

        def follow(x, sigma, denoiser=denoiser, asked=asked):
            asked.append((x, sigma[0]))
            return denoiser(x, sigma)

        end = sampler(follow, start * sigmas[0], sigmas, disable=True, **options)
        tensors[f"{case}.x"] = torch.stack([*(x for x, _ in asked), end]).float()
        tensors[f"{case}.sigma"] = torch.stack([sigma for _, sigma in asked])
    return tensors
