"""What transformers makes of pictures: image processors, CLIP's two towers, and the vision transformer of DINO."""

import json

import torch
from transformers import (
    BitImageProcessor,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    ViTConfig,
    ViTImageProcessor,
    ViTModel,
)

from fixtures import MODEL, generator, save_tensors
from models import randomise
from networks import random_ids

FOLDER = MODEL / "vision"
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}

# Width and height: enlarged, reduced, reduced much, hardly changed, and not at all.
PICTURES = {"small": (20, 13), "portrait": (37, 50), "large": (90, 64), "square": (31, 31), "exact": (32, 32)}

# What stands in preprocessor_config.json; the processor of transformers writes its file from that.
PROCESSORS = {
    "clip": CLIPImageProcessor(size=32, crop_size=32),
    # A crop that is larger than what is cut has a black frame.
    "clip_padded": CLIPImageProcessor(size={"shortest_edge": 21}, crop_size={"height": 32, "width": 27}),
    "bit": BitImageProcessor(size={"shortest_edge": 37}, crop_size=28, resample=3, **IMAGENET),
    "vit": ViTImageProcessor(size=24, **IMAGENET),
    "vit_lanczos": ViTImageProcessor(size={"height": 30, "width": 17}, resample=1),
}


def picture(name, seed):
    """Noise beside a soft gradient, with black and white: what rounds, and what is clipped."""
    width, height = PICTURES[name]
    noise = torch.randint(0, 256, (height, width, 3), generator=generator(seed))
    soft = torch.arange(width).view(1, width, 1) * 255 // width
    pixels = torch.where(torch.arange(height).view(height, 1, 1) % 16 < 8, noise, soft.expand(height, width, 3))
    pixels[: height // 4, : width // 4] = 255
    return pixels.to(torch.uint8)


def pixel_values(processor, pixels):
    return processor(pixels.numpy(), return_tensors="pt", input_data_format="channels_last").pixel_values[0]


def record_processors():
    tensors = {}
    pictures = {name: picture(name, 700 + number) for number, name in enumerate(PICTURES)}
    tensors |= {f"picture.{name}": pixels for name, pixels in pictures.items()}
    for case, processor in PROCESSORS.items():
        for name, pixels in pictures.items():
            # A part of the pixels, so that the file is small; all of those that are reduced most.
            rows, columns = (1, 1) if name == "large" else (3, 2)
            tensors[f"{case}.{name}"] = pixel_values(processor, pixels)[:, ::rows, ::columns]
        path = FOLDER / "processors" / f"{case}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(processor.to_dict(), indent=2, sort_keys=True) + "\n")
    # The defaults, every 16th pixel.
    for case, processor in {"clip_default": CLIPImageProcessor(), "vit_default": ViTImageProcessor()}.items():
        tensors[f"{case}.portrait"] = pixel_values(processor, pictures["portrait"])[:, ::16, ::16]
    save_tensors(FOLDER / "processors.safetensors", tensors)


def clip():
    text = {
        "vocab_size": 400,
        "hidden_size": 24,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "bos_token_id": 398,
        "eos_token_id": 399,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 32,
        "patch_size": 8,
    }
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=20)).eval()


def clip_vision():
    config = CLIPVisionConfig(
        hidden_size=24,
        intermediate_size=40,
        projection_dim=12,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=28,
        patch_size=7,
        hidden_act="gelu",
    )
    return CLIPVisionModelWithProjection(config).eval()


def dino():
    config = ViTConfig(
        hidden_size=24,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=3,
        image_size=24,
        patch_size=4,
    )
    return ViTModel(config, add_pooling_layer=False).eval()


def save_folder(network, processor, name, seed):
    randomise(network, seed)
    network.half().save_pretrained(FOLDER / name)
    processor.save_pretrained(FOLDER / name)
    return network.float()


@torch.no_grad()
def record_networks():
    pictures = {name: picture(name, 700 + number) for number, name in enumerate(PICTURES)}
    tensors = {}

    def look(case, processor, embed):
        for name, pixels in pictures.items():
            tensors[f"{case}.{name}"] = embed(pixel_values(processor, pixels).unsqueeze(0))[0]

    both = save_folder(clip(), PROCESSORS["clip"], "clip", 71)
    look("clip", PROCESSORS["clip"], lambda pixels: both.get_image_features(pixels))
    ids = random_ids((3, 12), 74)
    tensors["clip.ids"] = ids
    tensors["clip.text"] = both.get_text_features(ids)

    vision = save_folder(clip_vision(), PROCESSORS["bit"], "clip_vision", 72)
    look("clip_vision", PROCESSORS["bit"], lambda pixels: vision(pixels).image_embeds)

    network = save_folder(dino(), PROCESSORS["vit"], "dino", 73)
    look("dino", PROCESSORS["vit"], lambda pixels: network(pixels).last_hidden_state[:, 0])
    save_tensors(FOLDER / "embeddings.safetensors", tensors)


def record():
    record_processors()
    record_networks()
