"""The DreamBooth loss, its gradients, and what ten optimizer steps make of the tiny networks.

Computed in float64 and rounded at the end, so that a comparison sees the rounding of one side only.
"""

from contextlib import contextmanager

import torch
import torch.nn.functional as F
from diffusers.optimization import get_scheduler

from fixtures import MODEL, TRAINING, randn, save_tensors
from models import ddpm, tiny_text_encoder, tiny_unet
from networks import random_ids

LEARNING_RATE = 1e-3
STEPS = 10

UNET_WEIGHTS = (
    "conv_in.weight",
    "conv_in.bias",
    "time_embedding.linear_1.weight",
    "time_embedding.linear_2.bias",
    "down_blocks.0.resnets.0.norm1.weight",
    "down_blocks.0.resnets.0.conv1.weight",
    "down_blocks.0.resnets.0.time_emb_proj.weight",
    "down_blocks.1.resnets.0.conv_shortcut.weight",
    "down_blocks.0.attentions.0.norm.bias",
    "down_blocks.0.attentions.0.proj_in.weight",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_k.weight",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_v.weight",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0.weight",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_q.weight",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_v.weight",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_out.0.bias",
    "down_blocks.0.attentions.0.transformer_blocks.0.ff.net.0.proj.weight",
    "down_blocks.0.attentions.0.transformer_blocks.0.ff.net.2.weight",
    "down_blocks.0.attentions.0.transformer_blocks.0.norm3.weight",
    "down_blocks.2.downsamplers.0.conv.weight",
    "mid_block.resnets.1.conv2.weight",
    "up_blocks.0.upsamplers.0.conv.weight",
    "up_blocks.3.attentions.2.proj_out.weight",
    "conv_norm_out.weight",
    "conv_out.weight",
    "conv_out.bias",
)

TEXT_WEIGHTS = (
    "text_model.embeddings.token_embedding.weight",
    "text_model.embeddings.position_embedding.weight",
    "text_model.encoder.layers.0.self_attn.q_proj.weight",
    "text_model.encoder.layers.0.self_attn.k_proj.weight",
    "text_model.encoder.layers.1.self_attn.v_proj.bias",
    "text_model.encoder.layers.1.self_attn.out_proj.weight",
    "text_model.encoder.layers.0.mlp.fc1.weight",
    "text_model.encoder.layers.1.mlp.fc2.weight",
    "text_model.encoder.layers.0.layer_norm1.weight",
    "text_model.final_layer_norm.weight",
    "text_model.final_layer_norm.bias",
)

# Followed through the optimizer steps: small tensors through all of them, the others at the first and the last.
SMALL = 300
FOLLOWED = (
    "conv_in.weight",
    "time_embedding.linear_1.bias",
    "down_blocks.0.resnets.0.norm1.weight",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight",
    "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj.bias",
    "up_blocks.3.resnets.2.conv2.weight",
    "conv_out.bias",
)
FOLLOWED_TEXT = (
    "text_model.embeddings.position_embedding.weight",
    "text_model.encoder.layers.0.self_attn.q_proj.bias",
    "text_model.encoder.layers.0.layer_norm1.weight",
    "text_model.encoder.layers.1.self_attn.v_proj.bias",
    "text_model.encoder.layers.1.mlp.fc1.weight",
    "text_model.encoder.layers.1.mlp.fc2.bias",
    "text_model.final_layer_norm.bias",
)


@contextmanager
def float64():
    """New tensors are float64: transformers makes its masks in the default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def single(tensors):
    return {name: t.float() if t.dtype == torch.float64 else t for name, t in tensors.items()}


class Batch:
    """One batch: latents, noise, one timestep for each item, the ids of its captions. Drawn and noised in float32."""

    def __init__(self):
        self.latents = 0.8 * randn((2, 4, 16, 16), 500)
        self.noise = randn((2, 4, 16, 16), 501)
        self.timesteps = torch.tensor([37, 812])
        self.ids = random_ids((2, 77), 502)
        self.noisy = ddpm().add_noise(self.latents, self.noise, self.timesteps)

    def loss(self, unet, text):
        context = text(self.ids).last_hidden_state
        prediction = unet(self.noisy.double(), self.timesteps, context).sample
        return F.mse_loss(prediction, self.noise.double(), reduction="mean"), prediction, context

    def tensors(self):
        return {"latents": self.latents, "noise": self.noise, "timesteps": self.timesteps, "ids": self.ids}


def norm(parameters):
    return torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(p.grad) for p in parameters]))


def networks():
    return tiny_unet().double(), tiny_text_encoder().double()


def norms(parameters):
    """The norm of every gradient, in the order of the names."""
    return torch.stack([torch.linalg.vector_norm(parameters[name].grad) for name in sorted(parameters)])


def record_gradients():
    batch, (unet, text) = Batch(), networks()
    with float64():
        loss, prediction, context = batch.loss(unet, text)
        loss.backward()
    unet_weights, text_weights = dict(unet.named_parameters()), dict(text.named_parameters())
    tensors = batch.tensors() | {"noisy": batch.noisy, "context": context, "prediction": prediction, "loss": loss}
    tensors |= {f"unet.grad.{name}": unet_weights[name].grad for name in UNET_WEIGHTS}
    tensors |= {f"text.grad.{name}": text_weights[name].grad for name in TEXT_WEIGHTS}
    tensors |= {"unet.grad_norms": norms(unet_weights), "text.grad_norms": norms(text_weights)}
    tensors["unet.grad_norm"] = norm(unet_weights.values())
    tensors["text.grad_norm"] = norm(text_weights.values())
    tensors["joint.grad_norm"] = norm([*unet_weights.values(), *text_weights.values()])
    save_tensors(MODEL / "gradients.safetensors", single(tensors), models="tiny/unet and tiny/text_encoder")


def record_steps(case, batch, unet, text, trained, followed):
    """Ten AdamW steps on one batch: what each step computes, and what it makes of some weights and of their moments."""
    optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
    schedule = get_scheduler("linear", optimizer, num_warmup_steps=0, num_training_steps=STEPS)
    losses, norms, rates, tensors = [], [], [], {}
    for step in range(1, STEPS + 1):
        loss = batch.loss(unet, text)[0]
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(trained, 1.0))
        losses.append(loss.detach())
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        for name, weight in followed.items():
            if step in (1, STEPS) or weight.numel() <= SMALL:
                state = optimizer.state[weight]
                tensors[f"{case}.after_{step}.{name}"] = weight.detach().clone()
                tensors[f"{case}.exp_avg_{step}.{name}"] = state["exp_avg"].clone()
                tensors[f"{case}.exp_avg_sq_{step}.{name}"] = state["exp_avg_sq"].clone()
    tensors[f"{case}.loss"] = torch.stack(losses)
    tensors[f"{case}.grad_norm"] = torch.stack(norms)
    tensors[f"{case}.lr"] = torch.tensor(rates, dtype=torch.float64)
    tensors[f"{case}.final_loss"] = batch.loss(unet, text)[0]
    return tensors


def record_optimizer():
    batch = Batch()
    tensors = batch.tensors()
    unet, text = networks()
    weights = dict(unet.named_parameters())
    followed = {f"unet.{name}": weights[name] for name in FOLLOWED}
    text.requires_grad_(False)
    with float64():
        tensors |= record_steps("unet_stage", batch, unet, text, list(unet.parameters()), followed)

    unet, text = networks()
    weights, text_weights = dict(unet.named_parameters()), dict(text.named_parameters())
    followed = {f"text.{name}": text_weights[name] for name in FOLLOWED_TEXT}
    followed["unet.conv_out.bias"] = weights["conv_out.bias"]
    with float64():
        tensors |= record_steps("text_stage", batch, unet, text, [*unet.parameters(), *text.parameters()], followed)
    rates = {name: tensor for name, tensor in tensors.items() if name.endswith(".lr")}
    save_tensors(TRAINING / "steps.safetensors", single(tensors) | rates, models="tiny/unet and tiny/text_encoder")


def record():
    record_gradients()
    record_optimizer()
