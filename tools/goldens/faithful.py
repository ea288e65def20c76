"""The original's two stages: text encoder and UNet together, then the UNet alone on what the trained text encoder says."""

import torch

from fixtures import TRAINING, save_tensors
from given import Photos
from loop import Training, both
from streams import batches as order

STEPS = 50
PHOTOS, BATCH_SIZE = 9, 2
SEED = 1
KEEP = (1, 10, STEPS)


def frozen_batches():
    """The photos of each step: five batches, one of them of one photo; each epoch goes through them in another order."""
    return order(SEED, [0] * PHOTOS, [], BATCH_SIZE, frozen=True, steps=STEPS)


def text_stage(dtype):
    training, photos, batches = Training(dtype), Photos(PHOTOS), frozen_batches()

    def loss(step):
        batch = batches[step]
        context = training.context(photos.ids(batch))
        return training.errors(photos, batch, training.draw(step, len(batch)), context).mean()

    return training, training.run(STEPS, loss, keep=KEEP)


def embeddings(training):
    """What a text encoder makes of each frozen batch, under the batch's first photo; rounded, because tests start from the
    stored numbers."""
    photos = Photos(PHOTOS)
    with training.precision(), torch.no_grad():
        return {batch[0]: training.context(photos.ids(batch)).float() for batch in frozen_batches()}


def unet_stage(dtype, contexts, offset_noise):
    training, photos, batches = Training(dtype, text=False), Photos(PHOTOS), frozen_batches()

    def loss(step):
        batch = batches[step]
        draw = training.draw(step, len(batch), offset_noise)
        return training.errors(photos, batch, draw, contexts[batch[0]].to(dtype)).mean()

    return training, training.run(STEPS, loss, keep=KEEP)


def record():
    batches = frozen_batches()
    tensors = {"batches": torch.tensor([batch + [-1] * (BATCH_SIZE - len(batch)) for batch in batches])}
    text_training = {}

    def kept_text_stage(dtype):
        text_training[dtype], recorded = text_stage(dtype)
        return text_training[dtype], recorded

    tensors |= both("text_stage", kept_text_stage)
    contexts = embeddings(text_training[torch.float64])
    tensors |= {f"context.{first}": context for first, context in contexts.items()}
    approximate = embeddings(text_training[torch.float32])
    worst = max(float((approximate[first] - contexts[first]).abs().max()) for first in contexts)
    print(f"contexts: float32 differs by {worst:.1e}")
    for case, offset_noise in (("unet_stage", False), ("unet_stage_offset", True)):
        tensors |= both(case, lambda dtype: unet_stage(dtype, contexts, offset_noise))
    save_tensors(TRAINING / "faithful.safetensors", tensors, models="tiny/unet and tiny/text_encoder")
