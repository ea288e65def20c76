// What a launch of the kernels in optimizers.cu works on. This text is compiled twice, as element.h is, so that a table means the
// same to the one who fills it and to the kernel.
//
// A table travels as the kernel's only argument, by value: the driver copies it as it queues the launch, so that it needs no
// memory of the device's and nobody waits.

#pragma once

#include "element.h"

namespace table {

// Threads of one CUDA block.
constexpr int THREADS = 256;
// Elements of one tensor that a CUDA block updates: whole quantisation blocks of either size.
constexpr int PIECE = 2048;
// What the arguments of a launch may take on every driver and GPU.
constexpr int ARGUMENT_BYTES = 4096;
// Codewords of one map, and the numbers of its table of nearest ones; as in dynamic_map.h.
constexpr int CODEWORDS = 256;
constexpr int INTERVALS = 23 * 128 + 1;

// The numbers of one parameter. `shadow` may be null; the gradient is f32 or bf16.
struct Weights {
  float *master;
  unsigned short *shadow;
  const void *gradient;
  long long count;
  int bf16_gradient;
  int first_piece; // its place in the launch: how many CUDA blocks come before it
};

struct AdamW {
  Weights weights;
  float *exp_avg, *exp_avg_sq;
  element::AdamW constants;
};

// One moment: a byte a weight, and an f32 a quantisation block.
struct PackedMoment {
  unsigned char *codes;
  float *absmax;
};

struct AdamW8bit {
  Weights weights;
  PackedMoment exp_avg, exp_avg_sq;
  element::AdamW8bit constants;
};

// As many parameters as fit into the arguments of one launch.
template <typename Entry> struct Table {
  static constexpr int CAPACITY = (ARGUMENT_BYTES - 16) / static_cast<int>(sizeof(Entry));
  const float *coefficient; // what every gradient is multiplied by, on the device
  int count;
  Entry entries[CAPACITY];
};

static_assert(sizeof(Table<AdamW>) <= ARGUMENT_BYTES, "a table must fit into the arguments of a launch");
static_assert(sizeof(Table<AdamW8bit>) <= ARGUMENT_BYTES, "a table must fit into the arguments of a launch");

} // namespace table
