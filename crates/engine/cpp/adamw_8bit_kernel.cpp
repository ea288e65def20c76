// AdamW with 8-bit state on the CPU, in the widest vectors that it has.

#include "adamw_8bit_block.h"
#include "lanes_baseline.h"
#include "vectorised.h"

namespace kernel {

void adamw_8bit(const Weights &weights, Moment exp_avg, Moment exp_avg_sq, const element::AdamW8bit &constants) {
#if defined(__x86_64__)
  switch (vectorised::width()) {
  case vectorised::Width::Avx512: return adamw_8bit_avx512(weights, exp_avg, exp_avg_sq, constants);
  case vectorised::Width::Avx2: return adamw_8bit_avx2(weights, exp_avg, exp_avg_sq, constants);
  case vectorised::Width::Baseline: break;
  }
#endif
  step_block<lanes::Lanes<4>>(weights, exp_avg, exp_avg_sq, constants);
}

} // namespace kernel
