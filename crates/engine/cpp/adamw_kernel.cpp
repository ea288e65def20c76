// AdamW on the CPU, in one pass over memory: 28 bytes a weight in f32, and as many with a bf16 gradient and shadow.

#include "adamw_kernel.h"

#include "vectorised.h"

namespace kernel {
namespace {

template <typename Gradient, bool SHADOW>
INLINED void walk(const Weights &weights, float *__restrict exp_avg, float *__restrict exp_avg_sq,
                  const element::AdamW constants) {
  float *__restrict master = weights.master;
  uint16_t *__restrict shadow = weights.shadow;
  const Gradient *__restrict gradient = static_cast<const Gradient *>(weights.gradient);
  const float clip = weights.clip;
  for (int64_t i = 0; i < weights.count; ++i) {
    float p = master[i], m = exp_avg[i], v = exp_avg_sq[i];
    element::update(p, m, v, element::widened(gradient[i]) * clip, constants);
    exp_avg[i] = m;
    exp_avg_sq[i] = v;
    master[i] = p;
    if (SHADOW) shadow[i] = static_cast<uint16_t>(element::rounded_to_bf16(p));
  }
}

INLINED void adamw_body(const Weights &weights, float *exp_avg, float *exp_avg_sq, const element::AdamW &constants) {
  if (weights.bf16_gradient) {
    weights.shadow == nullptr ? walk<uint16_t, false>(weights, exp_avg, exp_avg_sq, constants)
                              : walk<uint16_t, true>(weights, exp_avg, exp_avg_sq, constants);
  } else {
    weights.shadow == nullptr ? walk<float, false>(weights, exp_avg, exp_avg_sq, constants)
                              : walk<float, true>(weights, exp_avg, exp_avg_sq, constants);
  }
}

} // namespace

VECTORISED(void, adamw,
           (const Weights &weights, float *exp_avg, float *exp_avg_sq, const element::AdamW &constants),
           (weights, exp_avg, exp_avg_sq, constants))

} // namespace kernel
