"""The names that the original Stable Diffusion checkpoints give to what diffusers and transformers name otherwise."""

import re

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
MIDDLE = {"resnets.0": "0", "attentions.0": "1", "resnets.1": "2"}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
OLD_VAE_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def unet_name(name):
    """For four levels with two layers each, as in SD 1.x."""
    stem, tail = name.rsplit(".", 1)
    if stem in UNET_ENDS:
        return f"model.diffusion_model.{UNET_ENDS[stem]}.{tail}"
    side, rest = name.split(".", 1)
    if side == "mid_block":
        kind, rest = re.match(r"(\w+\.\d)\.(.*)", rest).groups()
        block, is_resnet = f"middle_block.{MIDDLE[kind]}", kind.startswith("resnets")
    else:
        level, kind, layer, rest = re.match(r"(\d)\.(\w+)\.(\d)\.(.*)", rest).groups()
        level, layer, is_resnet = int(level), int(layer), kind == "resnets"
        if side == "down_blocks":
            place = {"resnets": (3 * level + layer + 1, 0), "attentions": (3 * level + layer + 1, 1)}
            place["downsamplers"] = (3 * (level + 1), 0)
            block = "input_blocks"
        else:
            place = {"resnets": (3 * level + layer, 0), "attentions": (3 * level + layer, 1)}
            # After the resnet, and the attention if the level has one.
            place["upsamplers"] = (3 * level + 2, 1 if level == 0 else 2)
            block = "output_blocks"
        block = "{}.{}.{}".format(block, *place[kind])
        if kind == "downsamplers":
            rest = rest.replace("conv.", "op.")
    if is_resnet:
        part, tail = rest.rsplit(".", 1)
        rest = f"{RESNET[part]}.{tail}"
    return f"model.diffusion_model.{block}.{rest}"


def vae_name(name):
    renamed = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    renamed = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", renamed)
    if "mid_block.attentions.0" in renamed:
        head, part, tail = re.match(r"(\w+)\.mid_block\.attentions\.0\.(.*)\.(\w+)", renamed).groups()
        renamed = f"{head}.mid.attn_1.{VAE_ATTENTION[part]}.{tail}"
    renamed = re.sub(r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2", renamed)
    renamed = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", renamed)
    renamed = re.sub(r"up_blocks\.(\d)\.resnets\.(\d)", lambda m: f"up.{3 - int(m[1])}.block.{m[2]}", renamed)
    renamed = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{3 - int(m[1])}.upsample", renamed)
    return f"first_stage_model.{renamed}"


def text_name(name):
    return f"cond_stage_model.transformer.{name}"


def vae_weight(name, weight):
    """The original VAE's attention is made of 1×1 convolutions, diffusers' of linear layers."""
    if ".attentions.0." in name and weight.dim() == 2:
        return weight[:, :, None, None]
    return weight


def old_vae_name(name):
    """The names that diffusers gave to the VAE's attention before 2023."""
    for new, old in OLD_VAE_ATTENTION.items():
        name = name.replace(f".attentions.0.{new}.", f".attentions.0.{old}.")
    return name
