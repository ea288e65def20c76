"""Opens exported checkpoints the way other programs do, and says in a line for each what it found.

    .goldens-venv/bin/python tools/check_export.py model.ckpt model.safetensors
    .goldens-venv/bin/python tools/check_export.py --config crates/model/tests/goldens/tiny tiny.ckpt
    .goldens-venv/bin/python tools/check_export.py folder --against model.safetensors

A `.ckpt` is read with torch.load(weights_only=True). UNet and VAE go through diffusers' single-file reader and the text
encoder into transformers' class, offline, with the configuration of SD 1.5 or of the folder named by --config (unet/, vae/
and text_encoder/ with a config.json each). A missing, left-over or misshapen tensor, a value that is not finite, or a configuration
in the file that contradicts that folder, or a hash that is not that of the tensors, is an error.
A folder is loaded by StableDiffusionPipeline.from_pretrained, which must find every tensor and no other; a picture is drawn from
it in two steps. With --against, its networks must hold the very bits of that single file, and its UNet and text encoder must
answer with the same numbers as that file's through diffusers' single-file reader.
The environment is the one of tools/goldens/README.md.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, StableDiffusionPipeline, UNet2DConditionModel
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

CONFIG_KEY = "dreambooth.model_config"
HASH_KEY = "modelspec.hash_sha256"
CONFIG_FILES = {
    "unet": "config.json",
    "text_encoder": "config.json",
    "vae": "config.json",
    "scheduler": "scheduler_config.json",
}

PREFIXES = {
    "unet": "model.diffusion_model.",
    "text_encoder": "cond_stage_model.transformer.",
    "vae": "first_stage_model.",
}

SD15 = {
    "unet": {
        "_class_name": "UNet2DConditionModel",
        "sample_size": 64,
        "in_channels": 4,
        "out_channels": 4,
        "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
        "layers_per_block": 2,
        "block_out_channels": [320, 640, 1280, 1280],
        "cross_attention_dim": 768,
        "attention_head_dim": 8,
    },
    "vae": {
        "_class_name": "AutoencoderKL",
        "in_channels": 3,
        "out_channels": 3,
        "latent_channels": 4,
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
        "block_out_channels": [128, 256, 512, 512],
        "layers_per_block": 2,
        "sample_size": 512,
    },
    "text_encoder": {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "hidden_act": "quick_gelu",
    },
}


def write_sd15(folder):
    for part, config in SD15.items():
        (folder / part).mkdir()
        (folder / part / "config.json").write_text(json.dumps(config))


def read(path):
    if path.suffix == ".safetensors":
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True, mmap=True)["state_dict"]


def read_text(path, key):
    if path.suffix == ".safetensors":
        with safe_open(path, "pt") as file:
            return file.metadata()[key]
    return torch.load(path, map_location="cpu", weights_only=True, mmap=True)[key]


def check_hash(path, state):
    """The hash is that of the tensors' bytes in the order of the file, as ModelSpec, kohya and AUTOMATIC1111 have it."""
    if path.suffix == ".safetensors":
        with open(path, "rb") as file:
            file.seek(8 + int.from_bytes(file.read(8), "little"))
            found = hashlib.file_digest(file, "sha256").hexdigest()
    else:
        digest = hashlib.sha256()
        for weight in state.values():
            digest.update(weight.contiguous().numpy().tobytes())
        found = digest.hexdigest()
    if read_text(path, HASH_KEY) != f"0x{found}":
        raise ValueError(f"its hash is said to be {read_text(path, HASH_KEY)}, but is 0x{found}")


def check_config(path, config):
    """What the file says of itself is what the folder says, wherever both speak of a key."""
    said = json.loads(read_text(path, CONFIG_KEY))
    for part, name in CONFIG_FILES.items():
        file = config / part / name
        expected = json.loads(file.read_text()) if file.exists() else {}
        for key in sorted(expected.keys() & said[part].keys()):
            if said[part][key] not in (None, expected[key]):
                raise ValueError(f"{part}: the file says {key} is {said[part][key]}, the folder {expected[key]}")


def check_values(state):
    for name, weight in state.items():
        if weight.is_floating_point() and not torch.isfinite(weight).all():
            raise ValueError(f"{name} holds a value that is not finite")


def part_of(state, part):
    prefix = PREFIXES[part]
    return {name.removeprefix(prefix): weight for name, weight in state.items() if name.startswith(prefix)}


def check_single_file(kind, part, path, config, state):
    """The reader skips what it does not know: so the number of tensors and of values is compared as well."""
    model = kind.from_single_file(
        str(path), config=str(config), subfolder=part, local_files_only=True, torch_dtype=torch.float16
    )
    found, wanted = part_of(state, part), model.state_dict()
    if any(weight.is_meta for weight in wanted.values()):
        raise ValueError(f"{part}: a tensor is missing")
    if len(found) != len(wanted):
        raise ValueError(f"{part}: {len(found)} tensors in the file, {len(wanted)} in the model")
    total, expected = (sum(weight.double().sum().item() for weight in weights.values()) for weights in (found, wanted))
    if abs(total - expected) > 1e-6 * max(1.0, abs(expected)):
        raise ValueError(f"{part}: the values add up to {total} in the file and to {expected} in the model")
    return len(found)


def check_text_encoder(config, state):
    weights = part_of(state, "text_encoder")
    count = len(weights)
    positions = weights.pop("text_model.embeddings.position_ids", None)
    model = CLIPTextModel(CLIPTextConfig.from_json_file(config / "text_encoder" / "config.json"))
    model.load_state_dict(weights, strict=True)
    if positions is not None and positions.flatten().tolist() != list(range(positions.numel())):
        raise ValueError("text_encoder: position_ids are not 0, 1, 2, …")
    return count


def vae_class(folder):
    name = json.loads((folder / "vae" / "config.json").read_text())["_class_name"]
    return {"AutoencoderKL": AutoencoderKL, "AutoencoderTiny": AutoencoderTiny}[name]


def tiny_vae(config, state):
    """diffusers reads no tiny autoencoder from a single file; there its tensors have diffusers' own names."""
    vae = AutoencoderTiny.from_config(AutoencoderTiny.load_config(config / "vae")).half()
    vae.load_state_dict(part_of(state, "vae"), strict=True)
    return vae


def check_vae(path, config, state):
    if vae_class(config) is AutoencoderTiny:
        return len(tiny_vae(config, state).state_dict())
    return check_single_file(AutoencoderKL, "vae", path, config, state)


def check(path, config):
    state = read(path)
    check_config(path, config)
    check_values(state)
    check_hash(path, state)
    strangers = [name for name in state if not name.startswith(tuple(PREFIXES.values()))]
    if strangers:
        raise ValueError(f"{len(strangers)} tensors belong to no part, among them {strangers[0]}")
    counts = {
        "unet": check_single_file(UNet2DConditionModel, "unet", path, config, state),
        "text encoder": check_text_encoder(config, state),
        "vae": check_vae(path, config, state),
    }
    kinds = sorted({str(weight.dtype).removeprefix("torch.") for weight in state.values()})
    values = sum(weight.numel() for weight in state.values())
    parts = ", ".join(f"{part} {count}" for part, count in counts.items())
    return f"{len(state)} tensors ({parts}), {values} values, {' and '.join(kinds)}"


def load_whole(kind, folder):
    """A network of a folder; diffusers and transformers only warn of tensors that are missing or too many."""
    model, told = kind.from_pretrained(folder, output_loading_info=True, local_files_only=True, torch_dtype=torch.float16)
    wrong = {what: names for what, names in told.items() if names}
    if wrong:
        raise ValueError(f"{folder.name}: {wrong}")
    return model


def check_tokenizer(folder):
    tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    found = tokenizer("A photo of", padding="max_length", max_length=7).input_ids
    # CLIP's numbers; SD 1.5 pads with the last token.
    if tokenizer.vocab_size != 49408 or found != [49406, 320, 1125, 539, 49407, 49407, 49407]:
        raise ValueError(f"tokenizer: {tokenizer.vocab_size} pieces, and a text becomes {found}")


def answers(unet, text_encoder):
    """What both networks say to the same inputs, in float32."""
    unet, text_encoder = unet.float(), text_encoder.float()
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(1, 4, 16, 16, generator=generator)
    tokens = torch.arange(77).unsqueeze(0)
    with torch.no_grad():
        context = text_encoder(tokens)[0]
        return context, unet(latents, torch.tensor([321]), context).sample


def check_against(folder, path, networks):
    state = read(path)
    for part, network in networks.items():
        found, expected = network.state_dict(), part_of(state, part)
        expected.pop("text_model.embeddings.position_ids", None)
        if part == "text_encoder" and (found.keys() != expected.keys() or any((found[n] != expected[n]).any() for n in found)):
            raise ValueError("text_encoder: not the bits of the single file")
    single = UNet2DConditionModel.from_single_file(
        str(path), config=str(folder), subfolder="unet", local_files_only=True, torch_dtype=torch.float16
    )
    if vae_class(folder) is AutoencoderTiny:
        vae = tiny_vae(folder, state)
    else:
        vae = AutoencoderKL.from_single_file(
            str(path), config=str(folder), subfolder="vae", local_files_only=True, torch_dtype=torch.float16
        )
    for part, other in (("unet", single), ("vae", vae)):
        found, expected = networks[part].state_dict(), other.state_dict()
        if found.keys() != expected.keys() or any((found[name] != expected[name]).any() for name in found):
            raise ValueError(f"{part}: not the bits of the single file")
    text = networks["text_encoder"]
    for first, second in zip(answers(networks["unet"], text), answers(single, text)):
        if not torch.equal(first, second):
            raise ValueError("the UNet does not answer as the single file's")


def check_folder(folder, against):
    networks = {
        "unet": load_whole(UNet2DConditionModel, folder / "unet"),
        "text_encoder": load_whole(CLIPTextModel, folder / "text_encoder"),
        "vae": load_whole(vae_class(folder), folder / "vae"),
    }
    for network in networks.values():
        check_values(network.state_dict())
    check_tokenizer(folder / "tokenizer")
    if against:
        check_against(folder, against, networks)
    pipeline = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    # A tiny model knows fewer tokens than the tokenizer.
    tokens = torch.arange(77).unsqueeze(0)
    context = pipeline.text_encoder(tokens)[0]
    image = pipeline(
        prompt_embeds=context, negative_prompt_embeds=context, num_inference_steps=2, height=64, width=64, output_type="np"
    ).images
    if image.shape != (1, 64, 64, 3):
        raise ValueError(f"it draws a picture of shape {image.shape}")
    counts = ", ".join(f"{part} {len(network.state_dict())}" for part, network in networks.items())
    return f"a pipeline that draws ({counts}), {pipeline.scheduler.config.prediction_type}" + (
        f", equal to {against}" if against else ""
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--config", type=Path, help="folder with the configurations; SD 1.5 when not given")
    parser.add_argument("--against", type=Path, help="the single file whose bits a folder must hold")
    arguments = parser.parse_args()
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        config = arguments.config or Path(folder)
        if not arguments.config:
            write_sd15(config)
        for path in arguments.files:
            try:
                found = check_folder(path, arguments.against) if path.is_dir() else check(path, config)
                print(f"{path}: ok, {found}")
            except Exception as error:  # Whatever a reader throws is the finding.
                failures += 1
                print(f"{path}: FAILED, {type(error).__name__}: {error}")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
