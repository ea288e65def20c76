"""Losses beyond the original's, each as diffusers' example scripts compute it: min-SNR weights and v-prediction as in
train_text_to_image, prior preservation as in train_dreambooth; and a batch in pieces.
"""

import torch
import torch.nn.functional as F
from diffusers.training_utils import compute_snr

from fixtures import TRAINING, save_tensors
from given import Photos
from loop import Training, both

STEPS = 10
SNR_GAMMA = 5.0
# At 1e-4 the second step, almost without noise, makes of a rounding 4e-3 of the norm.
SNR_RATE = 3e-5
PRIOR_WEIGHT = 0.7
KEEP = (1, STEPS)


def pairs(step):
    """Four photos, two at a time."""
    return [0, 1] if step % 2 == 0 else [2, 3]


def plain_v_prediction(dtype):
    training, photos = Training(dtype, text=False, prediction_type="v_prediction"), Photos(4)

    def loss(step):
        batch = pairs(step)
        return training.errors(photos, batch, training.draw(step, 2), training.context(photos.ids(batch))).mean()

    return training, training.run(3, loss, keep=(1, 3))


def min_snr(prediction_type):
    def build(dtype):
        training, photos = Training(dtype, text=False, prediction_type=prediction_type), Photos(4)
        weights = []

        def loss(step):
            batch, draw = pairs(step), training.draw(step, 2)
            errors = training.errors(photos, batch, draw, training.context(photos.ids(batch)))
            snr = compute_snr(training.schedule, draw.timesteps)
            weight = torch.stack([snr, SNR_GAMMA * torch.ones_like(draw.timesteps)], dim=1).min(dim=1)[0]
            weight = weight / (snr if prediction_type == "epsilon" else snr + 1)
            weights.append(weight)
            return (errors * weight).mean()

        record = training.run(STEPS, loss, rate=SNR_RATE, keep=KEEP)
        return training, record | {"weights": torch.stack(weights)}

    return build


def prior_preservation(dtype):
    """The instance photos first, then as many class images; one draw of noise and timesteps for all four."""
    training, photos = Training(dtype), Photos(4, ("photo", "class"))

    def loss(step):
        batch = pairs(step) + [4 + image for image in pairs(step)]
        errors = training.errors(photos, batch, training.draw(step, 4), training.context(photos.ids(batch)))
        of_instance, of_class = errors.chunk(2)
        return of_instance.mean() + PRIOR_WEIGHT * of_class.mean()

    return training, training.run(STEPS, loss, keep=KEEP)


def accumulation(pieces):
    """Batches of four, whole or one item at a time. Captions are padded to 77, so that the pieces have equal contexts."""

    def build(dtype):
        training, photos, items = Training(dtype), Photos(4), [0, 1, 2, 3]
        padding = training.text_encoder.config.eos_token_id

        def errors(draw, chosen):
            ids = photos.ids(items)
            ids = F.pad(ids, (0, 77 - ids.shape[1]), value=padding)
            return training.errors(photos, chosen, draw.part(chosen), training.context(ids[chosen]))

        def loss(step):
            draw = training.draw(step, len(items))
            size = len(items) // pieces
            return [errors(draw, items[k : k + size]).mean() / pieces for k in range(0, len(items), size)]

        return training, training.run(3, loss, keep=(1, 3))

    return build


def record():
    tensors = both("v_prediction", plain_v_prediction)
    tensors |= both("min_snr_epsilon", min_snr("epsilon"))
    tensors |= both("min_snr_v", min_snr("v_prediction"))
    tensors |= both("prior", prior_preservation)
    tensors |= both("accumulation", accumulation(1))
    pieces = both("accumulation in four", accumulation(4))
    for name, whole in tensors.items():
        if name.startswith("accumulation."):
            difference = (pieces[name.replace("accumulation", "accumulation in four")] - whole).abs().max()
            assert difference < 1e-6, f"{name}: the pieces' gradients are not the batch's, by {difference}"
    save_tensors(TRAINING / "objectives.safetensors", tensors, models="tiny/unet and tiny/text_encoder")
