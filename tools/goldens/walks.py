"""Every sampler on a model that is known exactly: what it asks the model, and where it ends.

The data are two Gaussians for each element, at ±CENTRE; D is their posterior mean, so that walks bend as real ones do. All in
float64. Of k-diffusion where it has the sampler; else of diffusers' schedulers, or put together from pieces of either.
"""

from unittest import mock

import torch
from diffusers import DDIMScheduler, LCMScheduler, PNDMScheduler, UniPCMultistepScheduler

import fixtures
import kdiffusion
from fixtures import TXT2IMG, generator, save_tensors
from models import SCHEDULE

SHAPE = (1, 4, 3, 3)
DRAWS = 40
CENTRE, UNCONDITIONAL_CENTRE, VARIANCE = 1.2, 0.7, 0.25


def clean(x, sigma, centre=CENTRE):
    """E[x0 | x0 + sigma n = x]."""
    total = VARIANCE + sigma**2
    return (VARIANCE * x + sigma**2 * centre * torch.tanh(x * centre / total)) / total


def alphas_cumprod():
    betas = torch.linspace(SCHEDULE["beta_start"] ** 0.5, SCHEDULE["beta_end"] ** 0.5, 1000, dtype=torch.float64) ** 2
    # The product in float64, kept in float32, as checkpoints keep it.
    return torch.cumprod(1 - betas, 0).float().double()


def table():
    alphas = alphas_cumprod()
    return kdiffusion.external().DiscreteSchedule(((1 - alphas) / alphas).sqrt(), quantize=False)


class Model:
    """Answers, and remembers what it was asked. Its noise is that in `x` scaled as in DDPM."""

    def __init__(self, table):
        self.table, self.x, self.at = table, [], []

    def remember(self, x, at):
        self.x.append(x.clone())
        self.at.append(torch.as_tensor(at, dtype=torch.float64).reshape(()))

    def __call__(self, x, sigma):
        self.remember(x, sigma[0])
        return clean(x, sigma.view(-1, 1, 1, 1))

    def noises(self, x, timestep):
        """Guided and unconditional."""
        self.remember(x, timestep)
        sigma = self.table.t_to_sigma(torch.as_tensor(timestep, dtype=torch.float64))
        scaled = x * (1 + sigma**2).sqrt()
        return [(scaled - clean(scaled, sigma, centre)) / sigma for centre in (CENTRE, UNCONDITIONAL_CENTRE)]

    def noise(self, x, timestep):
        return self.noises(x, timestep)[0]

    def walked(self, end):
        return {"x": torch.stack([*self.x, end]).float(), "at": torch.stack(self.at)}


class Given:
    """What every walk begins with and adds, and the lists it walks along."""

    def __init__(self):
        draws = torch.randn((DRAWS + 1, *SHAPE), generator=generator(820), dtype=torch.float32)
        self.start, self.noise = draws[0].double(), draws[1:].double()
        self.table, sampling = table(), kdiffusion.sampling()
        lowest, highest = self.table.sigma_min.item(), self.table.sigma_max.item()
        angles = torch.linspace(torch.tensor(highest).atan(), torch.tensor(lowest).atan(), 6)
        self.sigmas = {
            "uniform.1": self.table.get_sigmas(1),
            "uniform.7": self.table.get_sigmas(7),
            "karras.6": sampling.get_sigmas_karras(6, lowest, highest),
            # Ends at the lowest sigma.
            "kl_optimal.5": angles.tan(),
            "karras.24": sampling.get_sigmas_karras(24, lowest, highest),
            "karras.40": sampling.get_sigmas_karras(40, lowest, highest),
        }


LISTS = ("uniform.1", "uniform.7", "karras.6", "kl_optimal.5")
CHURN = {
    "plain": {},
    "churn": {"s_churn": 3.0},
    "churn_window": {"s_churn": 10.0, "s_tmin": 0.5, "s_tmax": 8.0, "s_noise": 1.1},
}
ETA = {"plain": {}, "eta_0": {"eta": 0.0}, "eta_half": {"eta": 0.5}}
NOISY = ETA | {"s_noise": {"eta": 0.7, "s_noise": 0.9}}

# k-diffusion's name, the options it is called with, and whether it takes given noise.
KDIFFUSION = {
    "Euler": ("sample_euler", CHURN, False),
    "Euler a": ("sample_euler_ancestral", ETA, True),
    "LMS": ("sample_lms", {"plain": {}}, False),
    "Heun": ("sample_heun", CHURN, False),
    "DPM2": ("sample_dpm_2", CHURN, False),
    "DPM2 a": ("sample_dpm_2_ancestral", NOISY, True),
    "DPM++ 2S a": ("sample_dpmpp_2s_ancestral", NOISY, True),
    "DPM++ 2M": ("sample_dpmpp_2m", {"plain": {}}, False),
    "DPM++ SDE": ("sample_dpmpp_sde", NOISY, True),
    "DPM++ 2M SDE": ("sample_dpmpp_2m_sde", NOISY, True),
    "DPM++ 2M SDE Heun": ("sample_dpmpp_2m_sde", NOISY, True),
    "DPM++ 3M SDE": ("sample_dpmpp_3m_sde", NOISY, True),
}


def record_kdiffusion(given, name):
    function, cases, takes_noise = KDIFFUSION[name]
    sampler, walks = getattr(kdiffusion.sampling(), function), {}
    for case, options in cases.items():
        for sigmas_name in LISTS if case == "plain" else LISTS[1:2]:
            if sigmas_name == "uniform.1" and "M SDE" in name:
                # k-diffusion's own fail with an unbound variable; the one step there is gives what is seen.
                continue
            options, draws, model = dict(options), iter(given.noise), Model(given.table)
            if takes_noise:
                options["noise_sampler"] = lambda *_, draws=draws: next(draws)
            if name.endswith("Heun") and "2M" in name:
                options["solver_type"] = "heun"
            sigmas = given.sigmas[sigmas_name]
            with mock.patch("torch.randn_like", lambda _, draws=draws: next(draws)):
                end = sampler(model, given.start * sigmas[0], sigmas, disable=True, **options)
            walks[f"{case}.{sigmas_name}"] = model.walked(end)
    return walks


def record_spans(given):
    """DPM fast and DPM adaptive, at the web UI's eta of 1 unless the case says another."""
    sampling, walks = kdiffusion.sampling(), {"DPM fast": {}, "DPM adaptive": {}}
    lowest, highest = given.table.sigma_min.item(), given.table.sigma_max.item()
    start = given.start * highest

    def add(name, case, sampler, *counts, **options):
        model, draws = Model(given.table), iter(given.noise)
        end = sampler(
            model, start, lowest, highest, *counts, disable=True, noise_sampler=lambda *_: next(draws), **options
        )
        walks[name][case] = model.walked(end)

    for steps in (1, 2, 3, 7, 9):
        add("DPM fast", f"plain.{steps}", sampling.sample_dpm_fast, steps, eta=1.0)
    add("DPM fast", "eta_0.8", sampling.sample_dpm_fast, 8, eta=0.0)
    add("DPM fast", "s_noise.8", sampling.sample_dpm_fast, 8, eta=0.7, s_noise=0.9)
    add("DPM adaptive", "plain.7", sampling.sample_dpm_adaptive, eta=1.0)
    add("DPM adaptive", "eta_0.7", sampling.sample_dpm_adaptive, eta=0.0)
    return walks


def nearest(sigmas, wanted):
    return int((sigmas - wanted).abs().argmin())


def record_restart(given):
    """Restart: k-diffusion's Heun steps one by one, with the jumps between them."""
    sampling, walks = kdiffusion.sampling(), {}
    for name in ("uniform.7", "karras.24", "karras.40"):
        sigmas, model, draws = given.sigmas[name], Model(given.table), iter(given.noise)
        steps = len(sigmas) - 1
        pairs = list(zip(sigmas[:-1], sigmas[1:]))
        if steps >= 20:
            length, times = (9, 1) if steps < 36 else (steps // 4, 2)
            base = sampling.get_sigmas_karras(steps - length * times, sigmas[-2].item(), sigmas[0].item())
            bottom, top = nearest(base, 0.1), nearest(base, 2.0)
            again = sampling.get_sigmas_karras(length + 1, base[bottom].item(), base[top].item())[:-1]
            pairs = list(zip(base[:-1], base[1:]))
            pairs[bottom:bottom] = list(zip(again[:-1], again[1:])) * times
        x, reached = given.start * sigmas[0], None
        for sigma, target in pairs:
            if reached is not None and sigma > reached:
                x = x + next(draws) * (sigma**2 - reached**2).sqrt()
            x = sampling.sample_heun(model, x, torch.stack([sigma, target]), disable=True)
            reached = target
        walks[f"plain.{name}"] = model.walked(x)
    return walks


def ddim_scheduler(steps):
    scheduler = DDIMScheduler(**SCHEDULE, clip_sample=False)
    scheduler.alphas_cumprod, scheduler.num_inference_steps = alphas_cumprod(), steps
    return scheduler


def ddim_timesteps(steps):
    return list(range(1, 1001, 1000 // steps))


def record_ddim(given):
    walks = {}
    for case, steps, eta in (("plain", 5, 0.0), ("plain", 2, 0.0), ("eta", 6, 1.0), ("eta_half", 6, 0.5)):
        scheduler, model, x, draws = ddim_scheduler(steps), Model(given.table), given.start, iter(given.noise)
        for timestep in reversed(ddim_timesteps(steps)[1:]):
            noise = model.noise(x, timestep)
            x = scheduler.step(noise, timestep, x, eta=eta, variance_noise=next(draws)).prev_sample
        walks[f"{case}.{steps}"] = model.walked(x)
    return walks


def record_ddim_cfg_pp(given):
    """Two steps of diffusers' DDIM: the clean latents of the one, guided, are noised along the other, unconditional."""
    walks = {}
    for case, steps, eta in (("plain", 5, 0.0), ("eta_half", 6, 0.5)):
        scheduler, model, x, draws = ddim_scheduler(steps), Model(given.table), given.start, iter(given.noise)
        for timestep in reversed(ddim_timesteps(steps)[1:]):
            guided, unconditional = model.noises(x, timestep)
            guided = unconditional + (guided - unconditional) / 12.5
            fresh = next(draws)
            step = lambda noise: scheduler.step(noise, timestep, x, eta=eta, variance_noise=fresh)
            along = step(unconditional)
            level = scheduler.alphas_cumprod[timestep - 1000 // steps].sqrt()
            x = along.prev_sample + level * (step(guided).pred_original_sample - along.pred_original_sample)
        walks[f"{case}.{steps}"] = model.walked(x)
    return walks


def record_plms(given):
    walks = {}
    for steps in (2, 7):
        scheduler = PNDMScheduler(**SCHEDULE, skip_prk_steps=True)
        scheduler.set_timesteps(steps)
        scheduler.alphas_cumprod = alphas_cumprod()
        model, x = Model(given.table), given.start
        timesteps = ddim_timesteps(steps)[::-1]
        # The second evaluation of the first step stands where the first would lead.
        for timestep in [timesteps[0], timesteps[1], *timesteps[1:-1]]:
            x = scheduler.step_plms(model.noise(x, timestep), timestep, x).prev_sample
        walks[f"plain.{steps}"] = model.walked(x)
    return walks


def record_uni_pc(given):
    walks, log_alphas = {}, alphas_cumprod().log() / 2
    for steps in (3, 4, 8):
        intervals = len(ddim_timesteps(steps))
        timesteps = torch.linspace(1.0, 0.001, intervals + 1) * 1000 - 1
        low = timesteps.floor().long().clamp(0, 998)
        weight = timesteps - low
        log_alpha = (1 - weight) * log_alphas[low] + weight * log_alphas[low + 1]
        scheduler = UniPCMultistepScheduler(**SCHEDULE, solver_order=3, solver_type="bh1")
        scheduler.set_timesteps(intervals)
        scheduler.timesteps, scheduler.sigmas = timesteps[:-1], ((-2 * log_alpha).exp() - 1).sqrt()
        scheduler.set_begin_index(0)
        model, x = Model(given.table), given.start
        for timestep in scheduler.timesteps:
            # The scheduler corrects the last step when it hears what is seen at its end: the model is asked where the
            # prediction ended.
            x = scheduler.step(model.noise(x, timestep), timestep, x).prev_sample
        walks[f"plain.{steps}"] = model.walked(x)
    return walks


def record_lcm(given):
    """For 8 steps the evenly spaced time steps are among the 50 that the model was distilled to; so they are for 2."""
    walks = {}
    for steps in (2, 8):
        scheduler, model, x, draws = LCMScheduler(**SCHEDULE), Model(given.table), given.start, iter(given.noise)
        scheduler.alphas_cumprod, scheduler.num_inference_steps = alphas_cumprod(), steps
        scheduler.timesteps = torch.linspace(999, 19, steps).round().long()
        scheduler.set_begin_index(0)
        # Unlike k-diffusion's, diffusers' walks begin with noise alone; the difference is a factor of the start.
        x = x * (1 - scheduler.alphas_cumprod[999]).sqrt()
        with mock.patch("diffusers.schedulers.scheduling_lcm.randn_tensor", lambda *_, **__: next(draws)):
            for timestep in scheduler.timesteps:
                x = scheduler.step(model.noise(x, int(timestep)), timestep, x).prev_sample
        walks[f"plain.{steps}"] = model.walked(x)
    return walks


@fixtures.float64()
@torch.no_grad()
def record():
    given = Given()
    walks = {name: record_kdiffusion(given, name) for name in KDIFFUSION} | record_spans(given)
    walks |= {
        "Restart": record_restart(given),
        "DDIM": record_ddim(given),
        "DDIM CFG++": record_ddim_cfg_pp(given),
        "PLMS": record_plms(given),
        "UniPC": record_uni_pc(given),
        "LCM": record_lcm(given),
    }
    tensors = {"start": given.start.float(), "noise": given.noise.float()}
    tensors |= {f"sigmas.{name}": sigmas for name, sigmas in given.sigmas.items()}
    for sampler, cases in walks.items():
        for case, walked in cases.items():
            tensors |= {f"{sampler}/{case}.{name}": tensor for name, tensor in walked.items()}
    save_tensors(TXT2IMG / "walks.safetensors", tensors, churn=CHURN, noisy=NOISY)
