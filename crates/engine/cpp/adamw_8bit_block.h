// One step of a block of AdamW with 8-bit state, for vectors of any width: `Number` is a float or `Lanes` of lanes.h.
//
// First the moments are unpacked and updated, and the weights with them, in the only pass over memory; the new moments wait in
// the cache until their largest magnitudes are known. Then they are packed. Every function is INLINED, so that it is compiled
// for the vectors of its caller.

#pragma once

#include "adamw_8bit_kernel.h"
#include "dynamic_map.h"
#include "lanes.h"

namespace kernel {

// A lane of one, for what is left over of a block; `Lanes` brings its own.
INLINED void load(const uint8_t *from, unsigned &into) { into = *from; }
INLINED void load(const float *from, float &into) { into = *from; }
INLINED void load(const uint16_t *from, float &into) { into = element::widened(*from); }
INLINED void store(unsigned code, uint8_t *to) { *to = static_cast<uint8_t>(code); }
INLINED void store(unsigned bf16, uint16_t *to) { *to = static_cast<uint16_t>(bf16); }
INLINED void store(float number, float *to) { *to = number; }

using element::bits_of;
using element::float_of;
using element::larger;
using element::look_up;

template <typename Number> using BitsOf = decltype(bits_of(Number()));
template <typename Number> constexpr int64_t WIDTH = sizeof(Number) / sizeof(float);

template <typename Number> INLINED unsigned largest_lane(Number magnitudes) {
  float lanes[WIDTH<Number>];
  store(magnitudes, lanes);
  unsigned most = 0;
  for (float lane : lanes) most = larger(most, bits_of(lane));
  return most;
}

// What waits for the packing: the new moments, and the bits of their largest magnitudes. Those are compared as integers, which
// orders them alike and puts NaN above all, so that it is not lost.
struct Unpacked {
  alignas(64) float exp_avg[MAX_BLOCK];
  alignas(64) float exp_avg_sq[MAX_BLOCK];
  unsigned largest_exp_avg = 0;
  unsigned largest_exp_avg_sq = 0;
};

template <typename Number, typename Gradient>
INLINED void update(const Weights weights, Moment exp_avg, Moment exp_avg_sq, const element::AdamW8bit constants, int64_t begin,
                    int64_t end, Unpacked &unpacked) {
  const auto *gradient = static_cast<const Gradient *>(weights.gradient);
  const Number clip = weights.clip, old_mean = *exp_avg.absmax, old_square = *exp_avg_sq.absmax;
  const float *means = dynamic_map::signed_map().codewords, *squares = dynamic_map::unsigned_map().codewords;
  BitsOf<Number> largest_m(0), largest_v(0);
  for (int64_t i = begin; i < end; i += WIDTH<Number>) {
    BitsOf<Number> mean_code, square_code;
    Number p, g;
    load(exp_avg.codes + i, mean_code);
    load(exp_avg_sq.codes + i, square_code);
    load(weights.master + i, p);
    load(gradient + i, g);
    Number m = look_up(means, mean_code) * old_mean;
    Number v = look_up(squares, square_code) * old_square;
    element::update(p, m, v, g * clip, constants);
    store(p, weights.master + i);
    if (weights.shadow != nullptr) store(element::rounded_to_bf16(p), weights.shadow + i);
    store(m, unpacked.exp_avg + i);
    store(v, unpacked.exp_avg_sq + i);
    largest_m = larger(largest_m, bits_of(m) & 0x7FFFFFFFu);
    largest_v = larger(largest_v, bits_of(v) & 0x7FFFFFFFu);
  }
  unpacked.largest_exp_avg = larger(unpacked.largest_exp_avg, largest_lane(float_of(largest_m)));
  unpacked.largest_exp_avg_sq = larger(unpacked.largest_exp_avg_sq, largest_lane(float_of(largest_v)));
}

// Asks for the numbers of the next block, which lies behind this one, so that they come while packing leaves the memory alone:
// a sixth of the time. Behind the last block it asks for nothing that is used, and asking never fails.
INLINED void fetch_ahead(const Weights &weights, int64_t i) {
  __builtin_prefetch(weights.master + weights.count + i);
  __builtin_prefetch(static_cast<const char *>(weights.gradient) + (weights.count + i) * (weights.bf16_gradient ? 2 : 4));
}

template <typename Number>
INLINED void pack(const Weights &weights, const Unpacked &unpacked, Moment exp_avg, Moment exp_avg_sq, int64_t begin,
                  int64_t end) {
  // A block of zeros keeps an absmax of 0, and is divided by 1.
  const Number mean_scale = *exp_avg.absmax == 0 ? 1.0f : *exp_avg.absmax;
  const Number square_scale = *exp_avg_sq.absmax == 0 ? 1.0f : *exp_avg_sq.absmax;
  const uint32_t *nearest_mean = dynamic_map::signed_map().nearest, *nearest_square = dynamic_map::unsigned_map().nearest;
  for (int64_t i = begin; i < end; i += WIDTH<Number>) {
    fetch_ahead(weights, i);
    Number m, v;
    load(unpacked.exp_avg + i, m);
    load(unpacked.exp_avg_sq + i, v);
    store(element::signed_code(m, mean_scale, nearest_mean), exp_avg.codes + i);
    store(element::unsigned_code(v, square_scale, nearest_square), exp_avg_sq.codes + i);
  }
}

// The block, as many weights at a time as `Number` holds and those left over one by one.
template <typename Number>
INLINED void step_block(const Weights &weights, Moment exp_avg, Moment exp_avg_sq, const element::AdamW8bit &constants) {
  Unpacked unpacked;
  const int64_t count = weights.count, whole = count - count % WIDTH<Number>;
  if (weights.bf16_gradient) {
    update<Number, uint16_t>(weights, exp_avg, exp_avg_sq, constants, 0, whole, unpacked);
    update<float, uint16_t>(weights, exp_avg, exp_avg_sq, constants, whole, count, unpacked);
  } else {
    update<Number, float>(weights, exp_avg, exp_avg_sq, constants, 0, whole, unpacked);
    update<float, float>(weights, exp_avg, exp_avg_sq, constants, whole, count, unpacked);
  }
  *exp_avg.absmax = float_of(unpacked.largest_exp_avg);
  *exp_avg_sq.absmax = float_of(unpacked.largest_exp_avg_sq);
  pack<Number>(weights, unpacked, exp_avg, exp_avg_sq, 0, whole);
  pack<float>(weights, unpacked, exp_avg, exp_avg_sq, whole, count);
}

// The block in vectors of each width.
void adamw_8bit_avx512(const Weights &weights, Moment exp_avg, Moment exp_avg_sq, const element::AdamW8bit &constants);
void adamw_8bit_avx2(const Weights &weights, Moment exp_avg, Moment exp_avg_sq, const element::AdamW8bit &constants);

} // namespace kernel
