// AdamW with 8-bit state in vectors of AVX-512. All that follows the pragma is compiled for them; the system's headers come
// before it, because of a function that several files compile the linker may keep any one copy.

#if defined(__x86_64__)

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <immintrin.h>

#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl")

#include "adamw_8bit_block.h"
#include "lanes_avx512.h"

namespace kernel {

void adamw_8bit_avx512(const Weights &weights, Moment exp_avg, Moment exp_avg_sq, const element::AdamW8bit &constants) {
  step_block<lanes::Lanes<16>>(weights, exp_avg, exp_avg_sq, constants);
}

} // namespace kernel

#endif
