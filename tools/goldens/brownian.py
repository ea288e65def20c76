"""numpy's SeedSequence, and k-diffusion's Brownian noise over torchsde's tree, with torch's CPU generator."""

import numpy
import torch

import kdiffusion
import walks
from fixtures import TXT2IMG, VERSIONS, generator, save_json, save_tensors

SHAPE = (4, 3, 3)
SEEDS = (0, 7, 4294967295, 4294967301)
INTERVAL = (0.0291672, 14.6146)
# Pairs of sigmas: a falling walk with midpoints, as DPM++ SDE asks, a step of the whole, one outside, one of a millionth.
SIGMAS = (14.6146, 8.08151, 5.0, 1.7648, 0.8784, 0.2322, 0.0291672)
PAIRS = [
    *[pair for high, low in zip(SIGMAS, SIGMAS[1:]) for pair in ((high, (high * low) ** 0.5), (high, low))],
    (14.6146, 0.0291672),
    (20.0, 1.0),
    (1.000001, 1.0),
]
KEYS = ([], [0, 0], [5, 3], [16777215, 24], [4294967296, 1])


@torch.no_grad()
def walked():
    """Whole walks along the path of two seeds, as k-diffusion takes them: in float32."""
    sampling, schedule = kdiffusion.sampling(), walks.table()
    seeds, tensors = list(SEEDS[1:3]), {}
    start = torch.randn((len(seeds), *SHAPE), generator=generator(840))
    lowest, highest = schedule.sigma_min.item(), schedule.sigma_max.item()
    sigmas = sampling.get_sigmas_karras(8, lowest, highest)
    for name in ("dpmpp_sde", "dpmpp_2m_sde", "dpmpp_3m_sde"):
        sampler = getattr(sampling, f"sample_{name}")
        noise = sampling.BrownianTreeNoiseSampler(start, sigmas[sigmas > 0].min(), sigmas.max(), seed=seeds)
        model = lambda x, sigma: walks.clean(x, sigma.view(-1, 1, 1, 1))
        tensors[name] = sampler(model, start * sigmas[0], sigmas, noise_sampler=noise, disable=True)
    return {"walk.start": start, "walk.sigmas": sigmas.double()} | {f"walk.{name}": end for name, end in tensors.items()}


def record():
    cases = []
    for seed in (*SEEDS, 2**63 + 11):
        for key in KEYS:
            for pool_size in (4, 24):
                state = numpy.random.SeedSequence(seed, spawn_key=key, pool_size=pool_size).generate_state(5)
                cases.append({"entropy": seed, "spawn_key": key, "pool_size": pool_size, "state": state.tolist()})
    save_json(TXT2IMG / "seed_sequence.json", {"versions": {"numpy": VERSIONS["numpy"]}, "cases": cases})

    sampler = kdiffusion.sampling().BrownianTreeNoiseSampler
    lowest, highest = (torch.tensor(sigma) for sigma in INTERVAL)
    noise = sampler(torch.zeros(len(SEEDS), *SHAPE), lowest, highest, seed=list(SEEDS))
    pairs = torch.tensor(PAIRS)
    tensors = {"pairs": pairs, "noise": torch.stack([noise(sigma, target) for sigma, target in pairs])}
    tensors |= walked()
    save_tensors(TXT2IMG / "brownian.safetensors", tensors, seeds=SEEDS, interval=INTERVAL)
