// Spreading parameters over the tables of as few launches as they fit in.

#pragma once

#include <climits>
#include <vector>

#include "optimizer_table.h"

namespace table {

// Calls `launch(table, pieces)` for each full table of `entries` and for the rest; `pieces` is its number of CUDA blocks.
template <typename Entry, typename Launch>
void for_each_table(const std::vector<Entry> &entries, const float *coefficient, Launch launch) {
  Table<Entry> table{coefficient, 0, {}};
  long long pieces = 0;
  auto launch_table = [&] {
    if (pieces > 0) launch(table, static_cast<unsigned>(pieces));
    table.count = 0;
    pieces = 0;
  };
  for (const auto &entry : entries) {
    long long more = (entry.weights.count + PIECE - 1) / PIECE;
    if (more == 0) continue;
    if (table.count == Table<Entry>::CAPACITY || pieces + more > INT_MAX) launch_table();
    table.entries[table.count] = entry;
    table.entries[table.count++].weights.first_piece = static_cast<int>(pieces);
    pieces += more;
  }
  launch_table();
}

} // namespace table
