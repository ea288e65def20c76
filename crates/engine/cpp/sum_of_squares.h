// Sums of squares in f64, always in the same order.

#pragma once

#include <cstdint>

double sum_of_squares_f32(const float *values, int64_t count);
double sum_of_squares_bf16(const uint16_t *values, int64_t count);
