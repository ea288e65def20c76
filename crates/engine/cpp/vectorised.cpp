// Asking libtorch once which vectors it uses.

#include "vectorised.h"

#include <ATen/Version.h>

namespace vectorised {

Width width() {
  static const Width once = [] {
    auto capability = at::get_cpu_capability();
    return capability == "AVX512" ? Width::Avx512 : capability == "AVX2" ? Width::Avx2 : Width::Baseline;
  }();
  return once;
}

} // namespace vectorised
