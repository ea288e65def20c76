"""Lists of sigmas: k-diffusion's, and those that follow from published formulas with numpy and scipy."""

import numpy
import torch
from diffusers.schedulers import AysSchedules
from scipy import stats

import fixtures
import kdiffusion
from fixtures import TXT2IMG, save_tensors
from walks import table

STEPS = (1, 2, 5, 10, 20, 30)


def aligned(steps):
    """The published interpolation; the last level is not 0 there but the lowest sigma."""
    levels = [*AysSchedules["StableDiffusionSigmas"][:-1], 0.029]
    places = numpy.linspace(0, len(levels) - 1, steps)
    return numpy.exp(numpy.interp(places, numpy.arange(len(levels)), numpy.log(levels)))


def lists(steps, schedule):
    sampling = kdiffusion.sampling()
    lowest, highest = schedule.sigma_min.item(), schedule.sigma_max.item()
    zero = lambda sigmas: torch.cat([torch.as_tensor(sigmas, dtype=torch.float64), torch.zeros(1)])
    spacing = 1000 // steps
    quantiles = stats.beta.ppf(1 - numpy.linspace(0, 1, steps), 0.6, 0.6)
    angles = numpy.linspace(numpy.arctan(highest), numpy.arctan(lowest), steps + 1)
    return {
        "Uniform": schedule.get_sigmas(steps),
        "Normal": schedule.get_sigmas(steps),
        "Karras": sampling.get_sigmas_karras(steps, lowest, highest),
        "Karras.old": sampling.get_sigmas_karras(steps, 0.1, 10.0),
        "Karras.rho_5": sampling.get_sigmas_karras(steps, lowest, highest, rho=5.0),
        "Exponential": sampling.get_sigmas_exponential(steps, lowest, highest),
        "Polyexponential": sampling.get_sigmas_polyexponential(steps, lowest, highest),
        "Polyexponential.rho_5": sampling.get_sigmas_polyexponential(steps, lowest, highest, rho=5.0),
        "SGM Uniform": zero(schedule.t_to_sigma(torch.linspace(999, 0, steps + 1)[:-1])),
        "KL Optimal": torch.as_tensor(numpy.tan(angles)),
        "Align Your Steps": zero(aligned(steps)),
        "Simple": zero(schedule.sigmas[[999 - step * 1000 // steps for step in range(steps)]]),
        "DDIM": zero(schedule.sigmas[list(range(1, 1000, spacing))].flip(0)),
        "Beta": zero(lowest + quantiles * (highest - lowest)),
    }


@fixtures.float64()
def record():
    schedule = table()
    tensors = {f"{name}.{steps}": sigmas for steps in STEPS for name, sigmas in lists(steps, schedule).items()}
    save_tensors(TXT2IMG / "schedules.safetensors", tensors)
