"""The tiny models: Stable Diffusion 1.5's classes and block types with a few thousand random weights each."""

import json
import shutil

import torch
from diffusers import AutoencoderKL, DDPMScheduler, PNDMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from fixtures import MODEL, generator

TINY = MODEL / "tiny"
TINY_UNET_B = MODEL / "tiny_unet_b"
TEXT_VOCABULARY = 400

SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
}


def randomise(network, seed):
    """Draws every weight anew, so that each tensor, norms and biases included, changes the output.

    The values are rounded to float16: half-precision copies of the model are then lossless.
    """
    draws = generator(seed)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            normal = torch.randn(weight.shape, generator=draws)
            if weight.dim() == 0:
                # CLIP's temperature, which no embedding knows.
                value = weight
            elif "embedding" in name and "time_embedding" not in name:
                value = 0.5 * normal
            elif weight.dim() == 1 and name.endswith("bias"):
                value = 0.1 * normal
            elif weight.dim() == 1:
                value = 1.0 + 0.2 * normal
            else:
                # Unit gain; queries and keys larger, so that attention is far from uniform.
                gain = 1.3 if any(part in name for part in ("to_q", "to_k", "q_proj", "k_proj")) else 1.0
                value = gain * normal / weight[0].numel() ** 0.5
            weight.copy_(value.half().float())
    return network.eval()


def tiny_text_encoder():
    config = CLIPTextConfig(
        vocab_size=TEXT_VOCABULARY,
        hidden_size=32,
        intermediate_size=80,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=77,
        hidden_act="quick_gelu",
        layer_norm_eps=1e-5,
        bos_token_id=TEXT_VOCABULARY - 2,
        eos_token_id=TEXT_VOCABULARY - 1,
        pad_token_id=TEXT_VOCABULARY - 1,
        projection_dim=32,
    )
    return randomise(CLIPTextModel(config), 1)


def tiny_unet():
    return randomise(
        UNet2DConditionModel(
            sample_size=16,
            in_channels=4,
            out_channels=4,
            down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
            up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
            block_out_channels=(8, 16, 24, 24),
            layers_per_block=2,
            norm_num_groups=4,
            attention_head_dim=4,
            cross_attention_dim=32,
        ),
        2,
    )


def tiny_unet_b():
    """Another shape of UNet: what the first one leaves at SD 1.5's values is different here."""
    return randomise(
        UNet2DConditionModel(
            sample_size=16,
            in_channels=4,
            out_channels=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            block_out_channels=(8, 16, 16),
            layers_per_block=1,
            norm_num_groups=2,
            norm_eps=1e-4,
            attention_head_dim=[2, 4, 8],
            cross_attention_dim=24,
            use_linear_projection=True,
            flip_sin_to_cos=False,
            freq_shift=1,
        ),
        3,
    )


def tiny_vae():
    return randomise(
        AutoencoderKL(
            in_channels=3,
            out_channels=3,
            latent_channels=4,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(8, 12, 16, 16),
            layers_per_block=2,
            norm_num_groups=4,
            sample_size=64,
            scaling_factor=0.18215,
        ),
        4,
    )


def save_folders():
    """Writes `tiny/` (a diffusers folder, its UNet and VAE in float16) and `tiny_unet_b/` (a UNet alone)."""
    for folder in (TINY, TINY_UNET_B):
        shutil.rmtree(folder, ignore_errors=True)
    tiny_text_encoder().save_pretrained(TINY / "text_encoder")
    tiny_unet().half().save_pretrained(TINY / "unet")
    tiny_vae().half().save_pretrained(TINY / "vae")
    PNDMScheduler(
        **SCHEDULE, skip_prk_steps=True, steps_offset=1, set_alpha_to_one=False
    ).save_pretrained(TINY / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.6.0",
        "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (TINY / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    tiny_unet_b().half().save_pretrained(TINY_UNET_B)


def ddpm():
    return DDPMScheduler(**SCHEDULE)
