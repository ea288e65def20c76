// One step of AdamW with 8-bit state over many parameters on the CPU.

#include "adamw_8bit_kernel.h"
#include "dynamic_map.h"
#include "optimizer.h"

extern "C" {

// One step over `count` parameters with gradients, in blocks of `block` weights; each gradient counts `coefficient` times.
const char *engine_adamw_8bit(const EngineAdamW8bitParameter *parameters, size_t count, const at::Tensor *coefficient,
                              int64_t block) {
  return extension::guarded([&] {
    TORCH_CHECK(block > 0 && block <= kernel::MAX_BLOCK && optimizer::PIECE % block == 0, "blocks of ", block);
    auto clip = coefficient->item<float>();
    std::vector<kernel::Weights> weights;
    std::vector<int64_t> numels;
    std::vector<std::pair<kernel::Moment, kernel::Moment>> moments;
    for (const auto *p = parameters; p != parameters + count; ++p) {
      optimizer::check_on_cpu(*p->master);
      weights.push_back(optimizer::weights(*p->master, p->shadow, *p->gradient, clip));
      moments.push_back(optimizer::packed_moments(*p, block));
      numels.push_back(p->master->numel());
    }
    optimizer::for_each_piece(numels, [&](size_t index, int64_t begin, int64_t end) {
      auto at = [block](kernel::Moment whole, int64_t i) {
        return kernel::Moment{whole.codes + i, whole.absmax + i / block};
      };
      for (int64_t i = begin; i < end; i += block) {
        kernel::adamw_8bit(weights[index].piece(i, std::min(i + block, end)), at(moments[index].first, i),
                           at(moments[index].second, i), parameters[index].constants);
      }
    });
  });
}

// Copies what a GPU needs to read and write codes: 2 · 256 codewords, and the two tables of `nearest`, signed first.
void engine_dynamic_maps(float *codewords, uint32_t *nearest) {
  for (const auto *map : {&dynamic_map::signed_map(), &dynamic_map::unsigned_map()}) {
    codewords = std::copy(std::begin(map->codewords), std::end(map->codewords), codewords);
    nearest = std::copy(std::begin(map->nearest), std::end(map->nearest), nearest);
  }
}

} // extern "C"
