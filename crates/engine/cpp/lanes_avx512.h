// Sixteen weights in a vector of AVX-512.

#pragma once

#include <immintrin.h>

#include "lanes.h"

namespace lanes {

INLINED Bits<16> smaller(Bits<16> a, Bits<16> b) {
  return (Bits<16>::Type)_mm512_min_epu32((__m512i)a.lanes, (__m512i)b.lanes);
}
INLINED Bits<16> larger(Bits<16> a, Bits<16> b) {
  return (Bits<16>::Type)_mm512_max_epu32((__m512i)a.lanes, (__m512i)b.lanes);
}
INLINED Lanes<16> root_of(Lanes<16> numbers) { return _mm512_sqrt_ps(numbers.lanes); }

// Into zeros, so that one look-up does not wait for the register of another.
INLINED Lanes<16> look_up(const float *table, Bits<16> index) {
  return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), 0xFFFF, (__m512i)index.lanes, table, 4);
}
INLINED Bits<16> look_up(const unsigned *table, Bits<16> index) {
  return (Bits<16>::Type)_mm512_mask_i32gather_epi32(_mm512_setzero_si512(), 0xFFFF, (__m512i)index.lanes, table, 4);
}

// Codes and bf16 numbers, widened from memory and narrowed to it.
INLINED void load(const unsigned char *from, Bits<16> &into) {
  into = (Bits<16>::Type)_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(from)));
}
INLINED void load(const unsigned short *from, Bits<16> &into) {
  into = (Bits<16>::Type)_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(from)));
}
INLINED void store(Bits<16> bits, unsigned char *to) {
  _mm_storeu_si128(reinterpret_cast<__m128i *>(to), _mm512_cvtepi32_epi8((__m512i)bits.lanes));
}
INLINED void store(Bits<16> bits, unsigned short *to) {
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(to), _mm512_cvtepi32_epi16((__m512i)bits.lanes));
}

} // namespace lanes
