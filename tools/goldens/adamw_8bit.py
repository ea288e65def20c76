"""AdamW with 8-bit state, by bitsandbytes itself and by its parts.

Run alone, with its own requirement: `python adamw_8bit.py` (see README.md). Two kinds of record:

`package`: bitsandbytes.optim.AdamW8bit as users run it, on its CPU path. The release has block size 256 built in.
`exact.256`, `exact.2048`: the step of its CUDA kernel of release 0.35, statement by statement in float32, with the package's own
codewords and its public quantize_blockwise and dequantize_blockwise. What the CUDA kernel does and those two leave out is added here:
the division by absmax (they multiply by its reciprocal), an exact tie between two codewords (it goes to the even code, where the
kernel's search stands), and the sign of tiny negative means.

The package's native CPU library looks values up in a table of 65536 equal steps, which is too coarse below 3e-5 of absmax; so it is
hidden, and the package falls back to its PyTorch code, which compares with the exact midpoints.
"""

import ctypes
import math

import torch

LOAD = ctypes.cdll.LoadLibrary


def without_native_library(path):
    if "bitsandbytes" in str(path):
        raise OSError("hidden, see above")
    return LOAD(path)


ctypes.cdll.LoadLibrary = without_native_library
import bitsandbytes  # noqa: E402
from bitsandbytes import functional  # noqa: E402

from fixtures import ENGINE, deterministic, generator, save_tensors  # noqa: E402

SIZES = {"ragged": 5001, "whole": 4096}
SMALL = {"small": 100}
STEPS = 100
RECORDED = (1, 2, 10, 50, 100)
LR, BETA1, BETA2, EPS, WEIGHT_DECAY = 1e-3, 0.9, 0.999, 1e-8, 0.01
MEANS, SQUARES = functional.create_dynamic_map(signed=True), functional.create_dynamic_map(signed=False)


def gradient(name, step, size):
    """Gradients that a test makes anew from integers: k · 2^-e with k of 12 bits, whose sizes reach over seven decades; the last
    512 elements of `ragged` never move, so that a block of zeros is there at block size 256."""
    index = torch.arange(size, dtype=torch.int64) + 7919 * step + 104729 * len(name)
    mixed = (index * 2654435761) % 4294967296
    mixed = ((mixed ^ (mixed >> 15)) * 2246822519) % 4294967296
    mixed = mixed ^ (mixed >> 13)
    mantissa = (mixed % 4096 - 2048).to(torch.float32)
    place = (torch.arange(size, dtype=torch.int64) * 40503) % 65536
    exponent = 12 + (place % 23)
    result = mantissa * torch.exp2(-exponent.to(torch.float32))
    if name == "ragged":
        result[-512:] = 0
    return result


def initial(name, size):
    return gradient(name, 0, size) * 0.125 + 0.0625


def nearest(values, absmax, code, block):
    """The package's codes of values / absmax: its quantizer sees numbers of absmax 1, so that its own scaling is exact."""
    scale = absmax.repeat_interleave(block)[: values.numel()]
    scaled = values / torch.where(scale == 0, torch.ones_like(scale), scale)
    codes, state = functional.quantize_blockwise(scaled, code=code, blocksize=block)
    assert ((state.absmax == 1) | (absmax == 0) | (state.absmax <= 1e-37)).all()
    midpoints = (code[:-1] + code[1:]) * 0.5
    upper = torch.searchsorted(midpoints, scaled, right=True)
    tied = (upper != codes.long()) & (upper % 2 == 0)
    return torch.where(tied, upper.to(torch.uint8), codes)


def absmaxes(values, block):
    padded = torch.nn.functional.pad(values, (0, -values.numel() % block))
    return padded.view(-1, block).abs().amax(dim=1)


class Exact:
    """One tensor and its state, stepped as the kernel says. Every product and sum rounds by itself."""

    def __init__(self, weights, block):
        self.p, self.block = weights, block
        blocks = -(-weights.numel() // block)
        self.state = {name: torch.zeros(weights.numel(), dtype=torch.uint8) for name in ("exp_avg", "exp_avg_sq")}
        self.absmax = {name: torch.zeros(blocks) for name in self.state}

    def unpack(self, name, code):
        return functional.dequantize_blockwise(
            self.state[name], absmax=self.absmax[name], code=code, blocksize=self.block
        )

    def step(self, k, g):
        m = self.unpack("exp_avg", MEANS) * BETA1 + g * (1 - BETA1)
        v = self.unpack("exp_avg_sq", SQUARES) * BETA2 + (g * (1 - BETA2)) * g
        root = math.sqrt(1 - BETA2**k)
        # Through float64, because PyTorch's own root of float32 on the CPU is not always the nearest number.
        root_v = v.double().sqrt().float()
        self.p = (self.p - (m / (root_v + EPS * root)) * (LR * root / (1 - BETA1**k))) * (1 - LR * WEIGHT_DECAY)
        self.absmax = {"exp_avg": absmaxes(m, self.block), "exp_avg_sq": absmaxes(v, self.block)}
        mean_codes = nearest(m, self.absmax["exp_avg"], MEANS, self.block)
        mean_codes[(mean_codes == 127) & torch.signbit(m)] = 126
        self.state = {
            "exp_avg": mean_codes,
            "exp_avg_sq": nearest(v, self.absmax["exp_avg_sq"], SQUARES, self.block),
        }


def record_exact(tensors, block):
    for name, size in SIZES.items():
        tensor = Exact(initial(name, size), block)
        for step in range(1, STEPS + 1):
            tensor.step(step, gradient(name, step, size))
            if step in RECORDED:
                for moment in tensor.state:
                    tensors[f"exact.{block}.{step}.{moment}_codes.{name}"] = tensor.state[moment]
                    tensors[f"exact.{block}.{step}.{moment}_absmax.{name}"] = tensor.absmax[moment]
        tensors[f"exact.{block}.{STEPS}.weights.{name}"] = tensor.p


def record_package(tensors):
    parameters = {name: torch.nn.Parameter(initial(name, size)) for name, size in (SIZES | SMALL).items()}
    optimizer = bitsandbytes.optim.AdamW8bit(
        parameters.values(), lr=LR, betas=(BETA1, BETA2), eps=EPS, weight_decay=WEIGHT_DECAY
    )
    for step in range(1, STEPS + 1):
        for name, parameter in parameters.items():
            parameter.grad = gradient(name, step, parameter.numel())
        optimizer.step()
        if step not in RECORDED:
            continue
        for name, parameter in parameters.items():
            state = optimizer.state[parameter]
            for moment, short in (("exp_avg", "1"), ("exp_avg_sq", "2")):
                kept = state[f"state{short}"]
                if kept.dtype == torch.uint8:
                    tensors[f"package.{step}.{moment}_codes.{name}"] = kept.clone()
                    tensors[f"package.{step}.{moment}_absmax.{name}"] = state[f"absmax{short}"].clone()
                else:
                    tensors[f"package.{step}.{moment}.{name}"] = kept.clone()
            if step == STEPS:
                tensors[f"package.{step}.weights.{name}"] = parameter.detach().clone()


def record():
    tensors = {"gradient.ragged.7": gradient("ragged", 7, SIZES["ragged"])[:64].clone()}
    tensors |= {"codewords.signed": MEANS, "codewords.unsigned": SQUARES}
    for block in (256, 2048):
        record_exact(tensors, block)
    record_package(tensors)
    save_tensors(ENGINE / "adamw_8bit.safetensors", tensors, bitsandbytes=bitsandbytes.__version__)


if __name__ == "__main__":
    deterministic()
    record()
