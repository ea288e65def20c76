// How a loop over numbers is compiled: three times, for vectors of three widths, with the same bits from each.
//
// Division and square root round alike in all of them; what would differ, the fused multiply-add, is off for these files
// (-ffp-contract=off in build.rs).

#pragma once

#include <cstdint>

#include "element.h"

namespace vectorised {

// The widest vectors of this processor, as libtorch found them; its ATEN_CPU_CAPABILITY counts here, too.
enum class Width { Baseline, Avx2, Avx512 };
Width width();

} // namespace vectorised

// Defines the function `name` with these parameters, which runs the INLINED function `name`_body with these arguments.
#if defined(__x86_64__)
#define VECTORISED(answer, name, parameters, arguments)                                                                \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))) static answer name##_avx512 parameters {           \
    return name##_body arguments;                                                                                      \
  }                                                                                                                    \
  __attribute__((target("avx2"))) static answer name##_avx2 parameters { return name##_body arguments; }           \
  answer name parameters {                                                                                             \
    switch (vectorised::width()) {                                                                                     \
    case vectorised::Width::Avx512: return name##_avx512 arguments;                                                    \
    case vectorised::Width::Avx2: return name##_avx2 arguments;                                                        \
    default: return name##_body arguments;                                                                             \
    }                                                                                                                  \
  }
#else
#define VECTORISED(answer, name, parameters, arguments)                                                                \
  answer name parameters { return name##_body arguments; }
#endif
