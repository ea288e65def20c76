// Moving averages of many tensors at once.

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_lerp.h>

#include "extension.h"

extern "C" {

// averages ← averages + weight · (values − averages).
const char *engine_lerp(at::Tensor *const *averages, at::Tensor *const *values, size_t count, double weight) {
  return extension::guarded([&] {
    at::NoGradGuard no_grad;
    auto a = extension::tensors(averages, count);
    if (!a.empty()) at::_foreach_lerp_(a, extension::tensors(values, count), weight);
  });
}

} // extern "C"
