"""The inputs of the recorded trainings, which no fixture stores: a hash gives every number its value from a name, a step and an
index, so the tests make the same inputs again. Nothing but integer arithmetic modulo 2^32, one product and one rounding.
"""

import math
from copy import copy

import numpy
import torch

from models import TEXT_VOCABULARY

# Uniform numbers of this amplitude have variance 1.
UNIT = math.sqrt(3.0)
LATENT = (4, 16, 16)


def mix(words):
    """Wellons' `lowbias32`: a bijection of 32-bit words in which each bit of the argument changes half of the result's."""
    words = words ^ (words >> numpy.uint32(16))
    words = words * numpy.uint32(0x7FEB352D)
    words = words ^ (words >> numpy.uint32(15))
    words = words * numpy.uint32(0x846CA68B)
    return words ^ (words >> numpy.uint32(16))


def fnv1a(name):
    """Fowler, Noll and Vo's 32-bit hash of the name's bytes."""
    value = 0x811C9DC5
    for byte in name.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def words(name, step, count):
    """The words at the indices 0 … count−1."""
    start = mix(numpy.array([fnv1a(name)], dtype=numpy.uint32))
    start = mix(start ^ numpy.uint32(step))
    return mix(start ^ numpy.arange(count, dtype=numpy.uint32))


def uniform(name, step, shape, amplitude, centre=0.0):
    """Numbers in [centre − amplitude, centre + amplitude), row by row: float64 arithmetic, then float32."""
    numbers = words(name, step, math.prod(shape)).astype(numpy.float64) / 2.0**31 - 1.0
    return torch.from_numpy((numbers * amplitude + centre).astype(numpy.float32)).reshape(shape)


def below(name, step, count, bound):
    """Whole numbers from 0 to bound−1."""
    return torch.from_numpy((words(name, step, count) % numpy.uint32(bound)).astype(numpy.int64))


class Photos:
    """A data set: so many photos of each kind, the kinds one after the other. Each has a latent's distribution and a caption,
    whose lengths differ; the kind is part of the numbers' names."""

    def __init__(self, count, kinds=("photo",)):
        photos = [(kind, image) for kind in kinds for image in range(count)]
        self.mean = torch.cat([uniform(f"{kind}.mean", image, (1, *LATENT), 1.25) for kind, image in photos])
        self.std = torch.cat([uniform(f"{kind}.std", image, (1, *LATENT), 0.1, 0.2) for kind, image in photos])
        self.captions = [self.caption(kind, image) for kind, image in photos]

    @staticmethod
    def caption(kind, image):
        """BOS, nought to six tokens, EOS."""
        length = int(below(f"{kind}.length", image, 1, 7)[0])
        return [TEXT_VOCABULARY - 2, *below(f"{kind}.ids", image, length, TEXT_VOCABULARY - 2).tolist(), TEXT_VOCABULARY - 1]

    def ids(self, batch):
        """The captions of a batch, padded with EOS to the longest."""
        captions = [self.captions[image] for image in batch]
        longest = max(map(len, captions))
        return torch.tensor([ids + [TEXT_VOCABULARY - 1] * (longest - len(ids)) for ids in captions])

    def latents(self, batch, posterior):
        """mean + std · posterior, with the VAE's scaling factor in both."""
        return self.mean[batch].to(posterior.dtype) + self.std[batch].to(posterior.dtype) * posterior


class Draw:
    """What one step (from 0) draws for a batch of so many items."""

    def __init__(self, step, items, dtype, offset_noise=False):
        shape = (items, *LATENT)
        self.posterior = uniform("posterior", step, shape, UNIT).to(dtype)
        self.noise = uniform("noise", step, shape, UNIT).to(dtype)
        if offset_noise:
            self.noise = self.noise + 0.1 * uniform("offset", step, (items, LATENT[0], 1, 1), UNIT).to(dtype)
        self.timesteps = below("timestep", step, items, 1000)

    def part(self, items):
        """The draw of some of the items."""
        part = copy(self)
        part.posterior, part.noise, part.timesteps = self.posterior[items], self.noise[items], self.timesteps[items]
        return part
