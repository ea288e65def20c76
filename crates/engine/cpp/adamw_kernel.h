// A piece of one parameter, and AdamW's update of it on the CPU.

#pragma once

#include <cstdint>

#include "element.h"

namespace kernel {

// What every optimizer reads and writes. `shadow` may be null; the gradient is f32 or bf16, and counts `clip` times.
struct Weights {
  float *master;
  uint16_t *shadow;
  const void *gradient;
  bool bf16_gradient;
  float clip;
  int64_t count;

  Weights piece(int64_t begin, int64_t end) const {
    auto *from = static_cast<const char *>(gradient) + begin * (bf16_gradient ? 2 : 4);
    return {master + begin, shadow == nullptr ? nullptr : shadow + begin, from, bf16_gradient, clip, end - begin};
  }
};

void adamw(const Weights &weights, float *exp_avg, float *exp_avg_sq, const element::AdamW &constants);

} // namespace kernel
