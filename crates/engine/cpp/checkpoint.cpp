// Gradient checkpointing (Chen et al., 2016): a node of the graph that keeps the inputs of a piece of a network instead of
// what the piece computed in between, and has the piece computed again when its gradients are asked for.
//
// The piece is a value of Rust. The node owns it through a pointer and two functions: one that computes, one that drops.
// Exceptions do not cross into Rust and panics do not cross into C++: each side hands the other a message.

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <ATen/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/engine.h>

#include "extension.h"

namespace {

// Computes the piece from `count` borrowed tensors; gives a tensor that the caller then owns, or null and a message.
using Run = at::Tensor *(*)(const void *piece, at::Tensor *const *inputs, size_t count, char *message, size_t capacity);
using Drop = void (*)(void *piece);

// Owns the piece: dropped with the last node that refers to it.
struct Piece : torch::CustomClassHolder {
  void *data;
  Run run;
  Drop drop;

  Piece(void *data, Run run, Drop drop) : data(data), run(run), drop(drop) {}
  Piece(const Piece &) = delete;
  Piece &operator=(const Piece &) = delete;
  ~Piece() override { drop(data); }

  at::Tensor compute(std::vector<at::Tensor> &inputs) const {
    std::vector<at::Tensor *> pointers;
    for (auto &input : inputs) pointers.push_back(&input);
    char message[extension::MESSAGE_BYTES] = "";
    std::unique_ptr<at::Tensor> output(run(data, pointers.data(), pointers.size(), message, sizeof message));
    TORCH_CHECK(output != nullptr, message);
    return *output;
  }
};

// Wrapped, so that libtorch does not take it for one of the function's inputs.
struct Computed {
  at::Tensor tensor;
};

struct Checkpoint : torch::autograd::Function<Checkpoint> {
  using Context = torch::autograd::AutogradContext;
  using Tensors = torch::autograd::variable_list;

  // `anchor` is empty and asks for a gradient: with it the node is part of the graph also where only weights inside the
  // piece want gradients, of which libtorch sees nothing here.
  static Tensors forward(Context *context, const Computed &computed, const c10::intrusive_ptr<Piece> &piece,
                         const at::Tensor & /*anchor*/, at::TensorList inputs) {
    context->save_for_backward(inputs.vec());
    context->saved_data["piece"] = c10::IValue::make_capsule(piece);
    return {computed.tensor};
  }

  static Tensors backward(Context *context, const Tensors &gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "a checkpoint has no second derivative");
    TORCH_CHECK(torch::autograd::Engine::get_default_engine().is_checkpoint_valid(),
                "gradients of chosen tensors cannot pass through a checkpoint; run a whole backward pass");
    // Reading them checks that nobody has changed them in place since.
    const auto saved = context->get_saved_variables();
    Tensors inputs;
    for (const auto &input : saved) inputs.push_back(input.detach().set_requires_grad(input.requires_grad()));
    auto piece = c10::static_intrusive_pointer_cast<Piece>(context->saved_data.at("piece").toCapsule());
    {
      at::AutoGradMode recording(true);
      const auto output = piece->compute(inputs);
      if (output.requires_grad()) torch::autograd::backward({output}, {gradients.at(0)});
    }
    Tensors answer{{}, {}, {}}; // of what was computed, the piece and the anchor: none
    for (const auto &input : inputs) answer.push_back(input.requires_grad() ? input.grad() : at::Tensor());
    return answer;
  }
};

} // namespace

extern "C" {

// Whether operations of this thread record what gradients need.
bool engine_records_gradients() { return at::GradMode::is_enabled(); }

// A node that yields `computed`, which `piece` computed from `inputs`; takes `piece` in every case. The caller owns
// `*output`.
const char *engine_checkpoint(const at::Tensor *computed, at::Tensor *const *inputs, size_t count, void *piece, Run run,
                              Drop drop, at::Tensor **output) {
  return extension::guarded([&] {
    auto owner = c10::make_intrusive<Piece>(piece, run, drop);
    std::vector<at::Tensor> list;
    for (size_t i = 0; i < count; ++i) list.push_back(*inputs[i]);
    auto anchor = at::empty({0}, computed->options()).set_requires_grad(true);
    // Detached, so that a piece whose output is one of its inputs, or a view of it, becomes a node of its own as well.
    auto result = Checkpoint::apply(Computed{computed->detach()}, owner, anchor, at::TensorList(list));
    *output = new at::Tensor(std::move(result.at(0)));
  });
}

} // extern "C"
