// Forgetting gradients; tch can only zero them.

#include "extension.h"

extern "C" {

// Forgets the gradients of `parameters`: undefined afterwards, their memory free.
const char *engine_drop_gradients(at::Tensor *const *parameters, size_t count) {
  return extension::guarded([&] {
    for (size_t i = 0; i < count; ++i) parameters[i]->mutable_grad().reset();
  });
}

} // extern "C"
