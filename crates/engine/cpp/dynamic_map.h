// The 256 codewords of the dynamic data type (Dettmers et al., 8-bit Optimizers via Block-wise Quantization, 2022), and the
// tables by which element.h finds the nearest one.
//
// Each of seven decades, [0.1, 1] times a power of ten, is cut into equal bins, twice as many as the decade below; their
// midpoints are codewords, and so are 0 and 1. The signed map has half as many bins and each codeword but 1 with both signs.

#pragma once

#include <cstddef>
#include <cstdint>

namespace dynamic_map {

// Intervals of 65536 neighbouring f32 numbers from 2^-23 to 1, the 1 included.
constexpr size_t INTERVALS = 23 * 128 + 1;

struct Map {
  float codewords[256];
  uint32_t nearest[INTERVALS];
};

// With 0 at index 127.
const Map &signed_map();
// With 0 at index 0.
const Map &unsigned_map();

} // namespace dynamic_map
