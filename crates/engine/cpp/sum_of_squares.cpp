// Sixteen sums side by side, whatever the width of the processor's vectors, so that the order of additions is one.

#include "sum_of_squares.h"

#include "vectorised.h"

namespace {

using element::widened;

constexpr int64_t LANES = 16;

template <typename Number> INLINED double sum(const Number *__restrict values, int64_t count) {
  double lanes[LANES] = {};
  int64_t whole = count - count % LANES;
  for (int64_t i = 0; i < whole; i += LANES) {
    for (int64_t lane = 0; lane < LANES; ++lane) {
      double value = widened(values[i + lane]);
      lanes[lane] += value * value;
    }
  }
  for (int64_t i = whole; i < count; ++i) {
    double value = widened(values[i]);
    lanes[i - whole] += value * value;
  }
  double total = 0;
  for (double lane : lanes) total += lane;
  return total;
}

INLINED double sum_of_squares_f32_body(const float *values, int64_t count) { return sum(values, count); }
INLINED double sum_of_squares_bf16_body(const uint16_t *values, int64_t count) { return sum(values, count); }

} // namespace

VECTORISED(double, sum_of_squares_f32, (const float *values, int64_t count), (values, count))
VECTORISED(double, sum_of_squares_bf16, (const uint16_t *values, int64_t count), (values, count))
