// Eight weights in a vector of AVX2.

#pragma once

#include <immintrin.h>

#include "lanes.h"

namespace lanes {

INLINED Bits<8> smaller(Bits<8> a, Bits<8> b) {
  return (Bits<8>::Type)_mm256_min_epu32((__m256i)a.lanes, (__m256i)b.lanes);
}
INLINED Bits<8> larger(Bits<8> a, Bits<8> b) {
  return (Bits<8>::Type)_mm256_max_epu32((__m256i)a.lanes, (__m256i)b.lanes);
}
INLINED Lanes<8> root_of(Lanes<8> numbers) { return _mm256_sqrt_ps(numbers.lanes); }

// Into zeros, so that one look-up does not wait for the register of another.
INLINED Lanes<8> look_up(const float *table, Bits<8> index) {
  __m256 all = _mm256_castsi256_ps(_mm256_set1_epi32(-1));
  return _mm256_mask_i32gather_ps(_mm256_setzero_ps(), table, (__m256i)index.lanes, all, 4);
}
INLINED Bits<8> look_up(const unsigned *table, Bits<8> index) {
  auto *integers = reinterpret_cast<const int *>(table);
  __m256i all = _mm256_set1_epi32(-1);
  return (Bits<8>::Type)_mm256_mask_i32gather_epi32(_mm256_setzero_si256(), integers, (__m256i)index.lanes, all, 4);
}

// Codes and bf16 numbers, widened from memory and narrowed to it.
INLINED void load(const unsigned char *from, Bits<8> &into) {
  into = (Bits<8>::Type)_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(from)));
}
INLINED void load(const unsigned short *from, Bits<8> &into) {
  into = (Bits<8>::Type)_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(from)));
}
INLINED __m128i halves(Bits<8> bits) {
  auto all = (__m256i)bits.lanes;
  return _mm_packus_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}
INLINED void store(Bits<8> bits, unsigned short *to) { _mm_storeu_si128(reinterpret_cast<__m128i *>(to), halves(bits)); }
INLINED void store(Bits<8> bits, unsigned char *to) {
  auto narrow = halves(bits);
  _mm_storel_epi64(reinterpret_cast<__m128i *>(to), _mm_packus_epi16(narrow, narrow));
}

} // namespace lanes
