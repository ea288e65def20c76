"""What diffusers' AutoencoderTiny computes: a small one with random weights, and TAESD itself where its weights are at hand."""

import shutil

import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny
from safetensors.torch import load_file

from fixtures import MODEL, ROOT, randn, save_tensors
from gradients import float64, norms, single
from models import randomise

TINY_TAESD = MODEL / "tiny_taesd"
# The two files of https://github.com/madebyollin/taesd, beside the repository.
WEIGHTS = ROOT.parent / "shared/data/weights"

GRADIENTS = (
    "encoder.layers.0.weight",
    "encoder.layers.1.conv.2.bias",
    "encoder.layers.2.weight",
    "encoder.layers.9.bias",
    "decoder.layers.0.bias",
    "decoder.layers.3.conv.0.weight",
    "decoder.layers.5.weight",
    "decoder.layers.13.weight",
)


def tiny_taesd():
    """Other numbers of channels and blocks in each half, so that none can be taken for another."""
    return randomise(
        AutoencoderTiny(
            encoder_block_out_channels=(8, 8, 8, 8),
            decoder_block_out_channels=(12, 12, 12, 12),
            num_encoder_blocks=(1, 2, 1, 1),
            num_decoder_blocks=(2, 1, 1, 1),
        ),
        5,
    )


def images(shape, seed):
    return torch.tanh(randn(shape, seed))


@torch.no_grad()
def both_ways(vae, case, pictures, latents):
    return {
        f"{case}.images": pictures,
        f"{case}.encoded": vae.encode(pictures).latents,
        f"{case}.latents": latents,
        f"{case}.decoded": vae.decode(latents / vae.config.scaling_factor).sample,
    }


def gradients(vae, pictures):
    """Of the error of a picture that is encoded and decoded, in float64."""
    with float64():
        vae = vae.double()
        decoded = vae.decode(vae.encode(pictures.double()).latents).sample
        loss = F.mse_loss(decoded, pictures.double())
        loss.backward()
    weights = dict(vae.named_parameters())
    recorded = {f"grad.{name}": weights[name].grad for name in GRADIENTS}
    return single(recorded | {"loss": loss, "grad_norms": norms(weights)})


def record():
    shutil.rmtree(TINY_TAESD, ignore_errors=True)
    vae = tiny_taesd()
    vae.half().save_pretrained(TINY_TAESD)
    vae = tiny_taesd()
    tensors = {}
    for number, (case, shape) in enumerate({"square": (1, 3, 64, 64), "wide": (2, 3, 32, 48)}.items()):
        # As wide as latents are: the bend to 3 is felt.
        latents = 2 * randn((shape[0], 4, shape[2] // 8, shape[3] // 8), 610 + number)
        tensors |= both_ways(vae, case, images(shape, 600 + number), latents)
    tensors |= gradients(vae, tensors["wide.images"])
    save_tensors(MODEL / "taesd.safetensors", tensors, model="tiny_taesd")
    if WEIGHTS.is_dir():
        record_real()


def record_real():
    vae = AutoencoderTiny()
    halves = {half: load_file(WEIGHTS / f"taesd_{half}.safetensors") for half in ("encoder", "decoder")}
    vae.encoder.layers.load_state_dict(halves["encoder"])
    # The file's row of layers begins with the bend, which has no weights.
    vae.decoder.layers.load_state_dict(
        {f"{int(place) - 1}.{rest}": t for (place, rest), t in ((n.split(".", 1), t) for n, t in halves["decoder"].items())}
    )
    tensors = both_ways(vae.eval(), "real", images((1, 3, 32, 48), 620), 2 * randn((1, 4, 4, 6), 621))
    save_tensors(MODEL / "taesd_real.safetensors", tensors, model="TAESD")
