// The arithmetic of one weight, or of as many side by side as a processor's vector holds: `Number` is a float here or `Lanes` of
// lanes.h. This text is compiled for the CPU's vectors, and by NVRTC for a GPU, with the same bits everywhere: no fused
// multiply-add (-ffp-contract=off in build.rs, --fmad=false in nvrtc.rs), and division and square root that round once.

#pragma once

#if defined(__CUDACC_RTC__)
#define INLINED __device__ __forceinline__
#else
#include <cmath>
#include <cstring>
// Within a VECTORISED function everything must be part of it, or it would be compiled for the oldest processor.
#define INLINED inline __attribute__((always_inline))
#endif

namespace element {

INLINED unsigned bits_of(float value) {
  unsigned bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

INLINED float float_of(unsigned bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

INLINED float root_of(float value) {
#if defined(__CUDACC_RTC__)
  return sqrtf(value);
#else
  return std::sqrt(value);
#endif
}

INLINED unsigned smaller(unsigned a, unsigned b) { return a < b ? a : b; }
INLINED unsigned larger(unsigned a, unsigned b) { return a > b ? a : b; }
INLINED unsigned where_nan(float value, unsigned yes, unsigned no) { return value != value ? yes : no; }
INLINED unsigned look_up(const unsigned *table, unsigned index) { return table[static_cast<int>(index)]; }
INLINED float look_up(const float *table, unsigned index) { return table[static_cast<int>(index)]; }

INLINED float widened(float value) { return value; }

// A bf16 is the upper half of an f32.
INLINED float widened(unsigned short bf16) { return float_of(static_cast<unsigned>(bf16) << 16); }

// To the nearest bf16, ties to even; any NaN to the quiet one, as libtorch rounds.
template <typename Number> INLINED auto rounded_to_bf16(Number value) {
  auto bits = bits_of(value);
  auto rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
  return where_nan(value, 0x7FC0u, rounded);
}

// The numbers of an AdamW step, rounded to f32 once.
struct AdamW {
  float decay;       // 1 − lr · weight_decay
  float mean_rate;   // 1 − beta1
  float beta2;
  float square_rate; // 1 − beta2
  float step_size;   // lr / (1 − beta1^k)
  float root;        // sqrt(1 − beta2^k)
  float eps;
};

// AdamW (Loshchilov and Hutter, 2019) in torch's order: the decay comes first.
INLINED void update(float &p, float &m, float &v, float g, const AdamW &c) {
  m = m + c.mean_rate * (g - m);
  v = v * c.beta2 + c.square_rate * g * g;
  p = p * c.decay - c.step_size * m / (root_of(v) / c.root + c.eps);
}

// The numbers of a step with 8-bit state, rounded to f32 once.
struct AdamW8bit {
  float beta1;
  float mean_rate;   // 1 − beta1
  float beta2;
  float square_rate; // 1 − beta2
  float step_size;   // lr · sqrt(1 − beta2^k) / (1 − beta1^k)
  float eps;         // eps · sqrt(1 − beta2^k)
  float decay;       // 1 − lr · weight_decay
};

// The same rule in the order of bitsandbytes: the decay comes last.
template <typename Number> INLINED void update(Number &p, Number &m, Number &v, Number g, const AdamW8bit &c) {
  m = m * c.beta1 + c.mean_rate * g;
  v = v * c.beta2 + c.square_rate * g * g;
  p = (p - c.step_size * (m / (root_of(v) + c.eps))) * c.decay;
}

// The codeword nearest to a magnitude from 0 to 1 (NaN counts as 1), counted from that of 0. Nothing is searched: the upper bits
// of the number name an interval that holds at most one boundary between codewords, and the lower ones, added to what the table
// of `dynamic_map.h` says of the interval, carry into the answer if they are past the boundary. Neighbouring floats are
// neighbouring integers, so that this is exact, ties included.
template <typename Number> INLINED auto nearest(Number magnitude, const unsigned *table) {
  constexpr unsigned LEAST = (127u - 23) << 23; // 2^-23, below every boundary
  constexpr unsigned ONE = 127u << 23;
  auto offset = smaller(larger(bits_of(magnitude), LEAST), ONE) - LEAST;
  return (look_up(table, offset >> 16) + (offset & 0xFFFFu)) >> 16;
}

// `value` / `absmax` as a code of the signed map, where 127 is 0. A negative number keeps its sign, however small.
template <typename Number> INLINED auto signed_code(Number value, Number absmax, const unsigned *table) {
  auto magnitude = nearest(float_of(bits_of(value / absmax) & 0x7FFFFFFFu), table);
  auto negative = bits_of(value) >> 31;
  auto kept = smaller(larger(magnitude, negative), 128u - negative); // from 0 to 128, or negative from 1 to 127
  auto flip = 0u - negative;                                         // all bits of a negative number, and none of another
  return 127u + ((kept ^ flip) + negative);
}

// `value` / `absmax` as a code of the unsigned map, where 0 is 0.
template <typename Number> INLINED auto unsigned_code(Number value, Number absmax, const unsigned *table) {
  return nearest(value / absmax, table);
}

} // namespace element
