// One step of AdamW over many parameters: on the CPU by a kernel of our own, on a GPU that has none by libtorch's.

#include <map>
#include <optional>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/reciprocal.h>

#include "optimizer.h"

extern "C" {

// As in ffi.rs.
struct EngineAdamSettings {
  double beta1, beta2, eps, weight_decay;
};

// One step on the CPU over `count` parameters with gradients; each gradient counts `coefficient` times.
const char *engine_adamw(const EngineAdamWParameter *parameters, size_t count, const at::Tensor *coefficient) {
  return extension::guarded([&] {
    auto clip = coefficient->item<float>();
    std::vector<kernel::Weights> weights;
    std::vector<int64_t> numels;
    std::vector<std::pair<float *, float *>> moments;
    for (const auto *p = parameters; p != parameters + count; ++p) {
      optimizer::check_on_cpu(*p->master);
      weights.push_back(optimizer::weights(*p->master, p->shadow, *p->gradient, clip));
      moments.push_back(optimizer::moments(*p));
      numels.push_back(p->master->numel());
    }
    optimizer::for_each_piece(numels, [&](size_t index, int64_t begin, int64_t end) {
      auto [exp_avg, exp_avg_sq] = moments[index];
      kernel::adamw(weights[index].piece(begin, end), exp_avg + begin, exp_avg_sq + begin, parameters[index].constants);
    });
  });
}

// The same on a GPU without kernels of our own, by libtorch's; the numbers of the step are `lr` and `settings`. It knows no shadows and
// no bf16 gradients: those are widened before, and the shadows written after it.
const char *engine_fused_adamw(const EngineAdamWParameter *parameters, size_t count, const at::Tensor *coefficient,
                               double lr, const EngineAdamSettings *settings) {
  return extension::guarded([&] {
    at::NoGradGuard no_grad;
    std::map<int64_t, at::Tensor> step_of; // one number on the device for all parameters of one count
    std::vector<at::Tensor> p, g, m, v, steps;
    for (const auto *parameter = parameters; parameter != parameters + count; ++parameter) {
      auto &step = step_of[parameter->step];
      if (!step.defined()) step = at::full({}, parameter->step, parameter->master->options().dtype(at::kFloat));
      p.push_back(*parameter->master);
      g.push_back(parameter->gradient->to(at::kFloat));
      m.push_back(*parameter->exp_avg);
      v.push_back(*parameter->exp_avg_sq);
      steps.push_back(step);
    }
    if (p.empty()) return;
    // libtorch's kernel divides by its scale.
    auto scale = at::reciprocal(coefficient->to(p[0].device()));
    at::_fused_adamw_(p, g, m, v, /*max_exp_avg_sqs=*/{}, steps, lr, settings->beta1, settings->beta2,
                      settings->weight_decay, settings->eps, /*amsgrad=*/false, /*maximize=*/false, scale, std::nullopt);
    for (const auto *parameter = parameters; parameter != parameters + count; ++parameter) {
      if (parameter->shadow != nullptr) parameter->shadow->copy_(*parameter->master);
    }
  });
}

} // extern "C"
