// `N` weights side by side in one vector of the processor, with the operations that element.h asks for. Each acts on every lane
// as the scalar one acts on a number, to the bit.
//
// The operators are those of the compilers' vector types, which become the instructions of whatever processor a file is compiled
// for. What has no operator (looking up, roots, narrow numbers in memory) stands in a file for each (lanes_avx512.h and others).

#pragma once

#include "element.h"

namespace lanes {

template <typename Number, int N> struct Vector {
  typedef Number Type __attribute__((vector_size(N * sizeof(Number))));
};

// `N` unsigned integers, or what they are parts of: codes, bf16 numbers, bits of f32 numbers.
template <int N> struct Bits {
  using Type = typename Vector<unsigned, N>::Type;
  Type lanes;

  INLINED Bits() : lanes{} {}
  INLINED Bits(Type lanes) : lanes(lanes) {}
  INLINED Bits(unsigned everywhere) : lanes(everywhere - Type{}) {}

  friend INLINED Bits operator+(Bits a, Bits b) { return a.lanes + b.lanes; }
  friend INLINED Bits operator-(Bits a, Bits b) { return a.lanes - b.lanes; }
  friend INLINED Bits operator&(Bits a, Bits b) { return a.lanes & b.lanes; }
  friend INLINED Bits operator^(Bits a, Bits b) { return a.lanes ^ b.lanes; }
  friend INLINED Bits operator>>(Bits a, int places) { return a.lanes >> places; }
  friend INLINED Bits operator<<(Bits a, int places) { return a.lanes << places; }
};

// `N` f32 numbers.
template <int N> struct Lanes {
  using Type = typename Vector<float, N>::Type;
  Type lanes;

  INLINED Lanes() : lanes{} {}
  INLINED Lanes(Type lanes) : lanes(lanes) {}
  INLINED Lanes(float everywhere) : lanes(everywhere - Type{}) {}

  friend INLINED Lanes operator+(Lanes a, Lanes b) { return a.lanes + b.lanes; }
  friend INLINED Lanes operator-(Lanes a, Lanes b) { return a.lanes - b.lanes; }
  friend INLINED Lanes operator*(Lanes a, Lanes b) { return a.lanes * b.lanes; }
  friend INLINED Lanes operator/(Lanes a, Lanes b) { return a.lanes / b.lanes; }

  // A cast between vectors keeps the bits.
  friend INLINED Bits<N> bits_of(Lanes a) { return (typename Bits<N>::Type)a.lanes; }
  friend INLINED Bits<N> where_nan(Lanes value, Bits<N> yes, Bits<N> no) {
    return value.lanes != value.lanes ? yes.lanes : no.lanes;
  }
};

template <int N> INLINED Lanes<N> float_of(Bits<N> bits) { return (typename Lanes<N>::Type)bits.lanes; }

// Memory of any alignment. A bf16 is the upper half of an f32.
template <int N> INLINED void load(const float *from, Lanes<N> &into) { memcpy(&into.lanes, from, sizeof into.lanes); }
template <int N> INLINED void load(const unsigned short *from, Lanes<N> &into) {
  Bits<N> bf16;
  load(from, bf16);
  into = float_of(bf16 << 16);
}
template <int N> INLINED void store(Lanes<N> numbers, float *to) { memcpy(to, &numbers.lanes, sizeof numbers.lanes); }

} // namespace lanes
