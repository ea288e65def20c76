"""LoRA files in the namings that are in use, and the weights that diffusers makes of them when it merges them."""

import torch
from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel

from fixtures import MODEL, generator, save_tensors
from models import TINY

FOLDER = MODEL / "lora"
RANK, ALPHA, SCALE = 3, 2.0, 0.7

# A projection stored as a 1x1 convolution, attention of both kinds, feed-forward; a 3x3 convolution; the text encoder.
LAYERS = {
    "unet": [
        "down_blocks.0.attentions.0.proj_in",
        "down_blocks.1.attentions.1.transformer_blocks.0.attn1.to_q",
        "mid_block.attentions.0.transformer_blocks.0.attn2.to_k",
        "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj",
        "up_blocks.3.attentions.2.transformer_blocks.0.attn2.to_out.0",
        "up_blocks.1.resnets.0.conv1",
    ],
    # diffusers knows the naming of a text encoder's adapter by its out_proj.
    "text_encoder": [
        "text_model.encoder.layers.0.self_attn.q_proj",
        "text_model.encoder.layers.0.self_attn.out_proj",
        "text_model.encoder.layers.1.mlp.fc2",
    ],
}
KOHYA = {"unet": "lora_unet_", "text_encoder": "lora_te_"}


def pipeline():
    unet = UNet2DConditionModel.from_pretrained(TINY / "unet", torch_dtype=torch.float32)
    text = CLIPTextModel.from_pretrained(TINY / "text_encoder", torch_dtype=torch.float32)
    vae = AutoencoderKL.from_pretrained(TINY / "vae", torch_dtype=torch.float32)
    scheduler = PNDMScheduler.from_pretrained(TINY / "scheduler")
    return StableDiffusionPipeline(vae, text, None, unet, scheduler, None, None, requires_safety_checker=False)


def kohya_file(networks):
    """Random adapters as kohya's scripts name and shape them, in float16."""
    draws, tensors = generator(41), {}
    for part, layers in LAYERS.items():
        for layer in layers:
            weight = networks[part].get_submodule(layer).weight
            outputs, inputs, *kernel = weight.shape
            down = torch.randn(RANK, inputs, *kernel, generator=draws) / (weight[0].numel() ** 0.5)
            up = torch.randn(outputs, RANK, *[1] * len(kernel), generator=draws) / 2
            module = KOHYA[part] + layer.replace(".", "_")
            tensors[f"{module}.lora_down.weight"] = down.half()
            tensors[f"{module}.lora_up.weight"] = up.half()
            tensors[f"{module}.alpha"] = torch.tensor(ALPHA).half()
    return tensors


def merged(path):
    """The changed weights after diffusers has loaded and merged the file."""
    networks = pipeline()
    networks.load_lora_weights(str(path.parent), weight_name=path.name)
    networks.fuse_lora(lora_scale=SCALE)
    networks.unload_lora_weights()
    return {
        f"{part}.{layer}": getattr(networks, part).get_submodule(layer).weight
        for part, layers in LAYERS.items()
        for layer in layers
    }


def peft_file(path):
    """The same adapters as diffusers writes what it has loaded: peft's names, and peft's settings in the metadata."""
    networks = pipeline()
    networks.load_lora_weights(str(path.parent), weight_name=path.name)
    adapters = {}
    for part in LAYERS:
        network = getattr(networks, part)
        state = {}
        for name, weight in network.state_dict().items():
            if ".lora_A." in name or ".lora_B." in name:
                state[name.replace(".default_0", "")] = weight.half()
        settings = network.peft_config["default_0"].to_dict()
        # A set, whose order differs from run to run.
        settings["target_modules"] = sorted(settings["target_modules"])
        adapters[part] = (state, settings)
    StableDiffusionPipeline.save_lora_weights(
        FOLDER,
        unet_lora_layers=adapters["unet"][0],
        text_encoder_lora_layers=adapters["text_encoder"][0],
        weight_name="peft.safetensors",
        unet_lora_adapter_metadata=adapters["unet"][1],
        text_encoder_lora_adapter_metadata=adapters["text_encoder"][1],
    )


    # One metadata entry alone: the writer's hash map orders several differently on each run.
    written = FOLDER / "peft.safetensors"
    with safe_open(written, "pt") as file:
        settings = file.metadata()["lora_adapter_metadata"]
    save_file(load_file(written), written, {"lora_adapter_metadata": settings})


def record():
    FOLDER.mkdir(parents=True, exist_ok=True)
    networks = pipeline()
    path = FOLDER / "kohya.safetensors"
    save_tensors(path, kohya_file({"unet": networks.unet, "text_encoder": networks.text_encoder}))
    peft_file(path)
    expected = merged(path)
    again = merged(FOLDER / "peft.safetensors")
    for name, weight in expected.items():
        assert torch.equal(weight, again[name]), name
    save_tensors(FOLDER / "merged.safetensors", expected, scale=SCALE)
