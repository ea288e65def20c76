"""The noise schedule of SD 1.x, its sigma tables, and the learning-rate schedules."""

import torch
from diffusers.optimization import get_scheduler

import kdiffusion
from fixtures import MODEL, TRAINING, VERSIONS, randn, save_json, save_tensors
from models import SCHEDULE, ddpm


def record_noise():
    scheduler = ddpm()
    exact = torch.linspace(SCHEDULE["beta_start"] ** 0.5, SCHEDULE["beta_end"] ** 0.5, 1000, dtype=torch.float64)
    exact = torch.cumprod(1 - exact**2, 0)
    latents, noise = randn((5, 4, 8, 8), 400), randn((5, 4, 8, 8), 401)
    timesteps = torch.tensor([0, 1, 10, 500, 999])
    sigmas = ((1 - exact) / exact).sqrt().float()
    table = kdiffusion.external().DiscreteSchedule(sigmas, quantize=False)
    some_sigmas = torch.tensor([0.01, 0.0291672, 0.03, 0.1, 0.5, 1.0, 2.5, 7.0, 14.0, 14.6146, 20.0])
    some_t = torch.tensor([0.0, 0.5, 1.0, 333.25, 500.0, 749.25, 998.5, 999.0])
    tensors = {
        "alphas_cumprod": scheduler.alphas_cumprod,
        "alphas_cumprod_f64": exact,
        "latents": latents,
        "noise": noise,
        "timesteps": timesteps,
        "noisy": scheduler.add_noise(latents, noise, timesteps),
        "velocity": scheduler.get_velocity(latents, noise, timesteps),
        "sigmas": sigmas,
        "t_of_sigma.sigma": some_sigmas,
        "t_of_sigma.t": table.sigma_to_t(some_sigmas),
        "sigma_of_t.t": some_t,
        "sigma_of_t.sigma": table.t_to_sigma(some_t),
    }
    for steps in (1, 5, 20):
        tensors[f"model_sigmas.{steps}"] = table.get_sigmas(steps)
    save_tensors(MODEL / "schedule.safetensors", tensors)


LR_SCHEDULES = ("linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup")


def record_lr():
    cases = []
    for name in LR_SCHEDULES:
        for total in (350, 7):
            for lr in (1e-6, 2e-6):
                optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=lr)
                scheduler = get_scheduler(name, optimizer, num_warmup_steps=0, num_training_steps=total)
                multiplier = scheduler.lr_lambdas[0]
                # Two steps past the end as well: what a schedule does there is part of its definition.
                cases.append(
                    {
                        "schedule": name,
                        "total_steps": total,
                        "lr": lr,
                        "multipliers": [multiplier(step) for step in range(total + 2)],
                    }
                )
    save_json(TRAINING / "lr.json", {"versions": VERSIONS, "cases": cases})


def record():
    record_noise()
    record_lr()
