// Building the codewords, bit for bit those of bitsandbytes, and the tables.

#include "dynamic_map.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "element.h"

namespace dynamic_map {
namespace {

constexpr int DECADES = 7;

// The boundary of bin `j` of `bins` on [0.1, 1], as torch.linspace computes it where it has fused multiply-adds: from the nearer
// end, rounded once.
float boundary(int j, int bins) {
  float step = (1.0f - 0.1f) / static_cast<float>(bins);
  double from_start = static_cast<double>(0.1f) + static_cast<double>(step) * j;
  double from_end = 1.0 - static_cast<double>(step) * (bins - j);
  return static_cast<float>(j < (bins + 1) / 2 ? from_start : from_end);
}

std::vector<float> codewords(bool with_sign) {
  std::vector<float> found = {0.0f, 1.0f};
  for (int decade = 0; decade < DECADES; ++decade) {
    int bins = with_sign ? 1 << decade : 2 << decade;
    auto scale = static_cast<float>(std::pow(10.0, decade - (DECADES - 1)));
    for (int j = 0; j < bins; ++j) {
      float midpoint = (boundary(j, bins) + boundary(j + 1, bins)) / 2.0f * scale;
      found.push_back(midpoint);
      if (with_sign) found.push_back(-midpoint);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

// The number from which on codeword `index` is nearer than the one below it. The package searches along even indices and stays
// there on an exact tie.
uint32_t first_nearer(const float *codewords, size_t index) {
  uint32_t midway = element::bits_of((codewords[index - 1] + codewords[index]) * 0.5f);
  return index % 2 == 0 ? midway : midway + 1;
}

Map map(bool with_sign) {
  Map result;
  auto found = codewords(with_sign);
  std::copy(found.begin(), found.end(), result.codewords);
  size_t zero = with_sign ? 127 : 0;
  size_t next = zero + 1; // the first codeword that is not reached before the interval
  for (size_t interval = 0; interval < INTERVALS; ++interval) {
    uint32_t start = ((127u - 23) << 23) + static_cast<uint32_t>(interval << 16);
    while (next < 256 && first_nearer(result.codewords, next) <= start) ++next;
    auto entry = static_cast<uint32_t>(next - 1 - zero) << 16;
    uint32_t past = next < 256 ? first_nearer(result.codewords, next) - start : 0x10000;
    // What is added to the lower bits so that they carry from the boundary on.
    result.nearest[interval] = past < 0x10000 ? entry + 0x10000 - past : entry;
  }
  return result;
}

} // namespace

const Map &signed_map() {
  static const Map once = map(true);
  return once;
}

const Map &unsigned_map() {
  static const Map once = map(false);
  return once;
}

} // namespace dynamic_map
