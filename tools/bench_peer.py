"""Times the UNet's training step in diffusers, for a ratio with `dreambooth bench` on the same machine in the same hour.

    .goldens-venv/bin/python tools/bench_peer.py --resolution 256 --steps 4

The same work as the product's bench: Stable Diffusion 1.5's UNet with random weights, f32, one image; noise prediction, mean
squared error, clipping to norm 1, fused AdamW. And a guided sampling step: two images through the UNet. Prints JSON.
"""

import argparse
import json
import resource
import statistics
import time

import torch
from diffusers import UNet2DConditionModel


def unet():
    # The configuration of SD 1.5 where it differs from the class's defaults.
    return UNet2DConditionModel(
        sample_size=64,
        cross_attention_dim=768,
        attention_head_dim=8,
        block_out_channels=(320, 640, 1280, 1280),
    )


def timed(steps, body):
    seconds = []
    for _ in range(steps):
        start = time.perf_counter()
        body()
        seconds.append(time.perf_counter() - start)
    settled = seconds[1:] or seconds
    return {"median_step_s": statistics.median_high(settled), "step_s": seconds}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--steps", type=int, default=4)
    options = parser.parse_args()
    side = options.resolution // 8
    model = unet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-6, fused=True)
    latents, noise, context = torch.randn(1, 4, side, side), torch.randn(1, 4, side, side), torch.randn(1, 77, 768)

    def train():
        prediction = model(latents, torch.tensor([500]), context).sample
        torch.nn.functional.mse_loss(prediction, noise).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def sample():
        model(torch.cat([latents, latents]), torch.tensor([500, 500]), torch.cat([context, context]))

    training = timed(options.steps, train)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    optimizer.state.clear()
    sampling = timed(options.steps, sample)
    print(json.dumps({"train": training, "sample": sampling, "peak_rss_bytes": peak, "torch": torch.__version__}))


if __name__ == "__main__":
    main()
