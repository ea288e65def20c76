// AdamW with 8-bit state on the CPU, one block at a time.

#pragma once

#include "adamw_kernel.h"

namespace kernel {

// The largest block.
constexpr int64_t MAX_BLOCK = 2048;

// One moment of a block: a byte a weight, and the largest magnitude among them.
struct Moment {
  uint8_t *codes;
  float *absmax;
};

// `weights.count` is at most MAX_BLOCK.
void adamw_8bit(const Weights &weights, Moment exp_avg, Moment exp_avg_sq, const element::AdamW8bit &constants);

} // namespace kernel
