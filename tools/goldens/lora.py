"""LoRA as peft computes it on diffusers' UNet and transformers' text encoder, under the names of kohya's files."""

import torch
from peft import LoraConfig, inject_adapter_in_model

from fixtures import TRAINING, save_tensors
from given import Photos, uniform
from loop import Training, both
from objectives import pairs

STEPS = 10
RANK, ALPHA = 4, 2
RATE = 1e-3
UNET_TARGETS = ["proj_in", "proj_out", "to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2"]
TEXT_TARGETS = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]
PARTS = {"lora_A": "lora_down", "lora_B": "lora_up"}

FOLLOWED = (
    "lora_unet_down_blocks_0_attentions_0_proj_in",
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q",
    "lora_unet_down_blocks_1_attentions_1_transformer_blocks_0_attn2_to_k",
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_v",
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_ff_net_0_proj",
    "lora_unet_up_blocks_1_attentions_0_transformer_blocks_0_attn2_to_out_0",
    "lora_unet_up_blocks_2_attentions_2_transformer_blocks_0_ff_net_2",
    "lora_unet_up_blocks_3_attentions_2_proj_out",
    "lora_te_text_model_encoder_layers_0_self_attn_q_proj",
    "lora_te_text_model_encoder_layers_0_self_attn_v_proj",
    "lora_te_text_model_encoder_layers_1_self_attn_out_proj",
    "lora_te_text_model_encoder_layers_0_mlp_fc1",
    "lora_te_text_model_encoder_layers_1_mlp_fc2",
)


def kohya_name(prefix, name):
    """`….to_q.lora_A.default.weight` is `lora_unet_…_to_q.lora_down.weight`."""
    module, part = name.removesuffix(".default.weight").rsplit(".", 1)
    return f"{prefix}_{module.replace('.', '_')}.{PARTS[part]}.weight"


def adapt(network, targets, prefix, dtype):
    """Puts the adapters into the network; every one starts from numbers that its name gives.."""
    network.requires_grad_(False)
    inject_adapter_in_model(LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=targets, lora_dropout=0.0), network)
    adapters = {kohya_name(prefix, name): w for name, w in network.named_parameters() if ".lora_" in name}
    with torch.no_grad():
        for name, weight in adapters.items():
            amplitude = weight.shape[1] ** -0.5 if "lora_down" in name else 0.1
            weight.data = uniform(name, 0, tuple(weight.shape), amplitude).to(dtype)
            weight.requires_grad_(True)
    return adapters


def train(dtype):
    training, photos = Training(dtype), Photos(4)
    training.named = adapt(training.unet, UNET_TARGETS, "lora_unet", dtype)
    training.named |= adapt(training.text_encoder, TEXT_TARGETS, "lora_te", dtype)
    followed = {name: weight for name, weight in training.named.items() if name.split(".")[0] in FOLLOWED}
    assert len(followed) == 2 * len(FOLLOWED)

    def loss(step):
        batch = pairs(step)
        return training.errors(photos, batch, training.draw(step, 2), training.context(photos.ids(batch))).mean()

    record = training.run(STEPS, loss, rate=RATE, keep=(1, STEPS), followed=followed)
    # What the networks compute in the end: a merged model must give the same.
    draw = training.draw(STEPS, 2)
    with training.precision(), torch.no_grad():
        context = training.context(photos.ids([0, 1]))
        prediction = training.unet(draw.noise, draw.timesteps, context).sample
    return training, record | {"context": context, "prediction": prediction}


def record():
    modules = []

    def build(dtype):
        training, recorded = train(dtype)
        modules[:] = sorted({name.split(".")[0] for name in training.named})
        return training, recorded

    tensors = both("lora", build)
    save_tensors(TRAINING / "lora.safetensors", tensors, modules=" ".join(modules), rank=RANK, alpha=ALPHA)
