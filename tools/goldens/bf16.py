"""One step of both networks under autocast to bfloat16: fp32 weights and gradients, as `accelerate`'s mixed precision has it."""

import torch

from fixtures import TRAINING, save_tensors
from given import Photos
from gradients import norm
from loop import Training, relative

WEIGHTS = (
    "unet.conv_in.weight",
    "unet.time_embedding.linear_1.weight",
    "unet.down_blocks.0.resnets.0.norm1.weight",
    "unet.down_blocks.0.resnets.0.conv1.weight",
    "unet.down_blocks.0.attentions.0.norm.bias",
    "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight",
    "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_v.weight",
    "unet.mid_block.attentions.0.transformer_blocks.0.norm1.weight",
    "unet.mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj.bias",
    "unet.up_blocks.2.attentions.0.transformer_blocks.0.attn1.to_out.0.weight",
    "unet.up_blocks.3.resnets.2.conv2.weight",
    "unet.conv_norm_out.weight",
    "unet.conv_out.weight",
    "unet.conv_out.bias",
    "text.text_model.encoder.layers.0.self_attn.v_proj.weight",
    "text.text_model.encoder.layers.0.layer_norm1.weight",
    "text.text_model.encoder.layers.1.self_attn.q_proj.weight",
    "text.text_model.encoder.layers.1.mlp.fc2.bias",
    "text.text_model.final_layer_norm.weight",
)
BATCH = [0, 1, 2, 3]


def step(dtype, autocast):
    training, photos = Training(dtype), Photos(len(BATCH))
    draw = training.draw(0, len(BATCH))
    latents = photos.latents(BATCH, draw.posterior)
    noisy = training.schedule.add_noise(latents, draw.noise, draw.timesteps)
    with training.precision(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        context = training.context(photos.ids(BATCH))
        prediction = training.unet(noisy, draw.timesteps, context).sample
    # In the loss's own precision, outside autocast.
    loss = torch.nn.functional.mse_loss(prediction.to(dtype), draw.noise)
    loss.backward()
    return training, {"loss": loss.detach(), "grad_norm": norm(training.named.values())}


def record():
    training, found = step(torch.float32, True)
    exact_training, exact = step(torch.float64, False)
    tensors = {}
    for case, (networks, numbers) in {"autocast": (training, found), "exact": (exact_training, exact)}.items():
        tensors |= {f"{case}.{name}": value.float() for name, value in numbers.items()}
        tensors |= {f"{case}.grad.{name}": networks.named[name].grad.float() for name in WEIGHTS}
    print("bf16: autocast differs from float64", {name: f"{relative(found[name], exact[name]):.1e}" for name in found})
    for name in WEIGHTS:
        gradients = tensors[f"autocast.grad.{name}"], tensors[f"exact.grad.{name}"]
        print(f"  {name}: {float((gradients[0] - gradients[1]).norm() / gradients[1].norm()):.1e}")
    save_tensors(TRAINING / "bf16.safetensors", tensors, models="tiny/unet and tiny/text_encoder")
