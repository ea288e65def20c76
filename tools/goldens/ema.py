"""Moving averages of weights as diffusers' EMAModel keeps them."""

import torch
from diffusers.training_utils import EMAModel

from fixtures import TRAINING, save_tensors
from given import uniform

UPDATES = 10
DECAY = 0.999

# diffusers' own: the first update copies the weight, the n-th has decay min(0.999, n / (9 + n)).
# With update_after_step −1 the counting begins one later: the n-th has min(0.999, (1 + n) / (10 + n)), as the original LDM's.
# min_decay makes it constant.
CASES = {
    "default": {"update_after_step": 0},
    "ldm": {"update_after_step": -1},
    "constant": {"update_after_step": -1, "min_decay": DECAY},
}


def expected_decay(case, update):
    if case == "constant":
        return DECAY
    k = update if case == "ldm" else update - 1
    return 0.0 if k == 0 else min(DECAY, (1 + k) / (10 + k))


def record():
    shape = (3, 5)
    tensors = {f"weight.{k}": uniform("ema", k, shape, 1.0) for k in range(UPDATES + 1)}
    for case, settings in CASES.items():
        weight = torch.nn.Parameter(tensors["weight.0"].double())
        average = EMAModel([weight], decay=DECAY, use_ema_warmup=False, **settings)
        decays = []
        for update in range(1, UPDATES + 1):
            weight.data = tensors[f"weight.{update}"].double()
            average.step([weight])
            decays.append(average.cur_decay_value)
            assert abs(decays[-1] - expected_decay(case, update)) < 1e-12, (case, update, decays[-1])
            tensors[f"{case}.after_{update}"] = average.shadow_params[0].float()
        tensors[f"{case}.decay"] = torch.tensor(decays, dtype=torch.float64)
    save_tensors(TRAINING / "ema.safetensors", tensors, decay=DECAY)
