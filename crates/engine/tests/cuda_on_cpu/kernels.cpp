// The kernels of optimizers.cu as functions of the CPU, for cuda_kernels.rs.

#include "cuda_on_cpu.h"

#include "optimizers.cu"

#include "dynamic_map.h"
#include "optimizer_launch.h"

static_assert(table::THREADS == cuda_on_cpu::THREADS, "as many threads as the kernels are written for");
static_assert(table::INTERVALS == dynamic_map::INTERVALS, "the kernels and the tables must agree");

namespace {

template <typename Entry, typename Kernel>
int run(const Entry *entries, size_t count, const float *coefficient, Kernel kernel) {
  int launches = 0;
  table::for_each_table(std::vector<Entry>(entries, entries + count), coefficient,
                        [&](const table::Table<Entry> &table, unsigned pieces) {
                          cuda_on_cpu::launch(pieces, [&] { kernel(table); });
                          ++launches;
                        });
  return launches;
}

} // namespace

extern "C" {

// Each answers the number of launches.
int run_adamw(const table::AdamW *entries, size_t count, const float *coefficient) {
  return run(entries, count, coefficient, adamw);
}

int run_adamw_8bit(const table::AdamW8bit *entries, size_t count, const float *coefficient, int block) {
  const auto &means = dynamic_map::signed_map();
  const auto &squares = dynamic_map::unsigned_map();
  std::copy(std::begin(means.codewords), std::end(means.codewords), DYNAMIC_CODEWORDS);
  std::copy(std::begin(squares.codewords), std::end(squares.codewords), DYNAMIC_CODEWORDS + table::CODEWORDS);
  std::copy(std::begin(means.nearest), std::end(means.nearest), DYNAMIC_NEAREST);
  std::copy(std::begin(squares.nearest), std::end(squares.nearest), DYNAMIC_NEAREST + table::INTERVALS);
  return run(entries, count, coefficient, block == 256 ? adamw_8bit_256 : adamw_8bit_2048);
}

} // extern "C"
