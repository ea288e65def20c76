// One parameter with its gradient and moments, as ffi.rs hands it over.

#pragma once

#include <ATen/Tensor.h>

#include "element.h"

extern "C" {

// `shadow` is null for a parameter that is its own master; this is its update number `step`, from 1.
struct EngineAdamWParameter {
  at::Tensor *master, *shadow, *gradient, *exp_avg, *exp_avg_sq;
  int64_t step;
  element::AdamW constants;
};

// Codes are a byte a weight in the order of memory, absmaxes one f32 a block.
struct EngineAdamW8bitParameter {
  at::Tensor *master, *shadow, *gradient, *exp_avg_codes, *exp_avg_absmax, *exp_avg_sq_codes, *exp_avg_sq_absmax;
  element::AdamW8bit constants;
};

} // extern "C"
