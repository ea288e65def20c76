"""Random streams and the optimizer alone, without a network."""

import math

import numpy
import torch

from fixtures import ENGINE, generator, randn, save_tensors

SHAPES = [(n,) for n in (1, 15, 16, 17, 20, 64)] + [(4, 8, 8)]


def philox_4x32_10(counter, key):
    """Philox 4x32 with ten rounds (Salmon et al. 2011): `counter` is four uint32 arrays, `key` two numbers."""
    low = numpy.uint64(0xFFFFFFFF)
    c0, c1, c2, c3 = (part.astype(numpy.uint64) for part in counter)
    k0, k1 = key
    for _ in range(10):
        p0, p1 = c0 * numpy.uint64(0xD2511F53), c2 * numpy.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (
            (p1 >> numpy.uint64(32)) ^ c1 ^ numpy.uint64(k0),
            p1 & low,
            (p0 >> numpy.uint64(32)) ^ c3 ^ numpy.uint64(k1),
            p0 & low,
        )
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0, c1, c2, c3


def philox_normal(seed, draw, shape):
    """The normal numbers of request number `draw` of a CUDA generator, in float64, rounded at the end."""
    count = math.prod(shape)
    zeros = numpy.zeros(count, dtype=numpy.uint32)
    counter = (zeros + numpy.uint32(draw), zeros, numpy.arange(count, dtype=numpy.uint32), zeros)
    g0, g1, _, _ = philox_4x32_10(counter, (seed & 0xFFFFFFFF, seed >> 32))
    u = g0.astype(numpy.float64) * 2.3283064e-10 + 2.3283064e-10 / 2
    v = g1.astype(numpy.float64) * (2.3283064e-10 * 6.2831855) + 2.3283064e-10 * 6.2831855 / 2
    normal = numpy.sqrt(-2 * numpy.log(u)) * numpy.sin(v)
    return torch.from_numpy(normal.astype(numpy.float32)).reshape(shape)


# Published first values of this stream; they guard the re-implementation above.
PHILOX_PUBLISHED = {
    (0, 0): [-0.9247, -0.4253, -2.6438, 0.1452, -0.1209, -0.5797, -0.6229, -0.3284, -1.0745, -0.3631, -1.6711, 2.2655],
    (0, 1): [0.1808, -0.5523, 0.9238, -0.7350],
    (42, 0): [0.1940, 2.1614, -0.1721, 0.8491, -1.9244, 0.6530, -0.6494, -0.8175],
}


def name_of(shape):
    return "x".join(str(side) for side in shape)


def record_random():
    tensors = {}
    for seed in (0, 1, 42, 4294967295):
        for shape in SHAPES:
            tensors[f"randn.{seed}.{name_of(shape)}"] = randn(shape, seed)
        tensors[f"uniform64.{seed}"] = torch.rand(8, dtype=torch.float64, generator=generator(seed))
        twister = numpy.random.MT19937()
        twister._legacy_seeding(seed)
        tensors[f"u32.{seed}"] = torch.from_numpy(twister.random_raw(1000).astype(numpy.int64))
    # Requests of different size from one generator: a spare number of a short request is kept for the next short one.
    stream = generator(42)
    for number, count in enumerate((5, 20, 3, 16, 1, 64)):
        tensors[f"sequence.42.{number}"] = torch.randn(count, generator=stream)
    for (seed, draw), published in PHILOX_PUBLISHED.items():
        ours = philox_normal(seed, draw, (len(published),))
        assert torch.allclose(ours, torch.tensor(published), atol=6e-5), (seed, draw, ours)
    for seed in (0, 42, 555, 4294967295, 4294967301, (1 << 63) + 7):
        for draw in (0, 1, 7):
            tensors[f"philox.{seed}.{draw}"] = philox_normal(seed, draw, (4, 8, 8))
    save_tensors(ENGINE / "randn.safetensors", tensors, philox="own implementation in numpy float64 of the published algorithm")


ADAMW_CASES = {
    "default": dict(betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01, rates=[1e-3, 9e-4, 5e-4, 5e-4, 2e-6, 1e-6]),
    "other": dict(betas=(0.8, 0.95), eps=1e-4, weight_decay=0.2, rates=[1e-2, 1e-2, 1e-3]),
}
ADAMW_SHAPES = {"matrix": (5, 7), "bias": (3,), "kernel": (2, 3, 3, 3)}


def record_adamw():
    tensors = {}
    for number, (case, settings) in enumerate(ADAMW_CASES.items()):
        settings = dict(settings)
        rates = settings.pop("rates")
        parameters = {}
        for offset, (name, shape) in enumerate(ADAMW_SHAPES.items()):
            parameters[name] = torch.nn.Parameter(0.1 * randn(shape, 600 + 10 * number + offset))
            tensors[f"{case}.initial.{name}"] = parameters[name].detach().clone()
        optimizer = torch.optim.AdamW(parameters.values(), lr=1.0, **settings)
        tensors[f"{case}.lr"] = torch.tensor(rates, dtype=torch.float64)
        draws = generator(650 + number)
        for step, rate in enumerate(rates, 1):
            optimizer.param_groups[0]["lr"] = rate
            for name, parameter in parameters.items():
                # Sizes from 1e-4 to 1, and one element that never moves.
                parameter.grad = torch.randn(parameter.shape, generator=draws) * 10.0 ** -(step % 5)
                parameter.grad.view(-1)[0] = 0.0
                tensors[f"{case}.grad.{step}.{name}"] = parameter.grad.clone()
            optimizer.step()
            for name, parameter in parameters.items():
                tensors[f"{case}.after.{step}.{name}"] = parameter.detach().clone()
                tensors[f"{case}.exp_avg.{step}.{name}"] = optimizer.state[parameter]["exp_avg"].clone()
                tensors[f"{case}.exp_avg_sq.{step}.{name}"] = optimizer.state[parameter]["exp_avg_sq"].clone()
    settings = {case: {k: v for k, v in s.items() if k != "rates"} for case, s in ADAMW_CASES.items()}
    save_tensors(ENGINE / "adamw.safetensors", tensors, settings=settings)


def record_clipping():
    tensors = {}
    for number, (case, size) in enumerate({"long": 3.0, "short": 0.01, "zero": 0.0}.items()):
        parameters = []
        for offset, (name, shape) in enumerate(ADAMW_SHAPES.items()):
            parameter = torch.nn.Parameter(torch.zeros(shape))
            parameter.grad = size * randn(shape, 700 + 10 * number + offset)
            tensors[f"{case}.grad.{name}"] = parameter.grad.clone()
            parameters.append(parameter)
        tensors[f"{case}.norm"] = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for name, parameter in zip(ADAMW_SHAPES, parameters):
            tensors[f"{case}.clipped.{name}"] = parameter.grad
    save_tensors(ENGINE / "clip_grad_norm.safetensors", tensors, max_norm=1.0)


def record():
    record_random()
    record_adamw()
    record_clipping()
