"""What the tiny networks compute: text encoder, both UNets, VAE."""

import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

from fixtures import MODEL, generator, randn, save_tensors
from models import TEXT_VOCABULARY, tiny_text_encoder, tiny_unet, tiny_unet_b, tiny_vae


def random_ids(shape, seed):
    """Ids between the tiny vocabulary's BOS and EOS, padded with EOS after a random length."""
    draws = generator(seed)
    ids = torch.randint(0, TEXT_VOCABULARY - 2, shape, generator=draws)
    ids[:, 0] = TEXT_VOCABULARY - 2
    for row in ids:
        length = int(torch.randint(2, shape[1], (1,), generator=draws))
        row[length:] = TEXT_VOCABULARY - 1
    return ids


@torch.no_grad()
def record_text():
    encoder = tiny_text_encoder()
    tensors = {}
    for case, shape, seed in (("full", (2, 77), 10), ("short", (1, 5), 11)):
        ids = random_ids(shape, seed)
        output = encoder(ids, output_hidden_states=True)
        tensors[f"{case}.ids"] = ids
        tensors[f"{case}.last_hidden_state"] = output.last_hidden_state
        skipped = encoder.text_model.final_layer_norm(output.hidden_states[-2])
        tensors[f"{case}.clip_skip_2"] = skipped
    save_tensors(MODEL / "text.safetensors", tensors, model="tiny/text_encoder")


UNET_CASES = {
    "square_t0": ((2, 4, 16, 16), [0.0], 77),
    "square_per_item": ((2, 4, 16, 16), [1.0, 999.0], 77),
    "square_long_context": ((2, 4, 16, 16), [500.0, 500.0], 154),
    "portrait_fractional": ((1, 4, 24, 16), [333.25], 5),
    "odd_sides": ((1, 4, 12, 20), [999.0], 77),
}


@torch.no_grad()
def record_unet(network, file, seed, model):
    tensors = {}
    width = network.config.cross_attention_dim
    for number, (case, (shape, timesteps, length)) in enumerate(UNET_CASES.items()):
        latents = randn(shape, seed + 10 * number)
        context = randn((shape[0], length, width), seed + 10 * number + 1)
        timesteps = torch.tensor(timesteps).expand(shape[0])
        tensors[f"{case}.latents"] = latents
        tensors[f"{case}.timesteps"] = timesteps
        tensors[f"{case}.context"] = context
        tensors[f"{case}.output"] = network(latents, timesteps, context).sample
    save_tensors(MODEL / file, tensors, model=model)


@torch.no_grad()
def record_vae():
    vae = tiny_vae()
    tensors = {}
    for number, (case, shape) in enumerate({"square": (1, 3, 64, 64), "wide": (1, 3, 64, 96)}.items()):
        images = torch.tanh(randn(shape, 200 + number))
        posterior = vae.encode(images).latent_dist
        latents = 0.18215 * randn((1, 4, shape[2] // 8, shape[3] // 8), 210 + number)
        tensors[f"{case}.images"] = images
        tensors[f"{case}.mean"] = posterior.mean
        tensors[f"{case}.logvar"] = posterior.logvar
        tensors[f"{case}.std"] = posterior.std
        tensors[f"{case}.latents"] = latents
        tensors[f"{case}.decoded"] = vae.decode(latents / vae.config.scaling_factor).sample
    # Values far outside [-30, 20]: the clamp of logvar is part of the posterior's definition.
    parameters = 40 * randn((1, 8, 2, 2), 220)
    clamped = DiagonalGaussianDistribution(parameters)
    tensors["clamp.parameters"] = parameters
    tensors["clamp.mean"] = clamped.mean
    tensors["clamp.logvar"] = clamped.logvar
    tensors["clamp.std"] = clamped.std
    save_tensors(MODEL / "vae.safetensors", tensors, model="tiny/vae")


def record():
    record_text()
    record_unet(tiny_unet(), "unet.safetensors", 100, "tiny/unet")
    record_unet(tiny_unet_b(), "unet_b.safetensors", 300, "tiny_unet_b")
    record_vae()
