// Four weights in a vector that every 64-bit processor has.

#pragma once

#include "lanes.h"

namespace lanes {

INLINED Bits<4> smaller(Bits<4> a, Bits<4> b) { return a.lanes < b.lanes ? a.lanes : b.lanes; }
INLINED Bits<4> larger(Bits<4> a, Bits<4> b) { return a.lanes > b.lanes ? a.lanes : b.lanes; }

INLINED Lanes<4> root_of(Lanes<4> numbers) {
  using element::root_of;
  auto &n = numbers.lanes;
  return Lanes<4>::Type{root_of(n[0]), root_of(n[1]), root_of(n[2]), root_of(n[3])};
}

INLINED Lanes<4> look_up(const float *table, Bits<4> index) {
  auto &i = index.lanes;
  return Lanes<4>::Type{table[i[0]], table[i[1]], table[i[2]], table[i[3]]};
}
INLINED Bits<4> look_up(const unsigned *table, Bits<4> index) {
  auto &i = index.lanes;
  return Bits<4>::Type{table[i[0]], table[i[1]], table[i[2]], table[i[3]]};
}

// Codes and bf16 numbers, widened from memory and narrowed to it.
template <typename Narrow> INLINED void load(const Narrow *from, Bits<4> &into) {
  into = Bits<4>::Type{from[0], from[1], from[2], from[3]};
}
template <typename Narrow> INLINED void store(Bits<4> bits, Narrow *to) {
  for (int lane = 0; lane < 4; ++lane) to[lane] = static_cast<Narrow>(bits.lanes[lane]);
}

} // namespace lanes
