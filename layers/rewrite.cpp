#include "tilewise/layers/rewrite.hpp"

#include <utility>

#include "tilewise/layers/conv2d_step.hpp"
#include "tilewise/layers/conv_pool_step.hpp"
#include "tilewise/layers/max_pool2d_step.hpp"

namespace tilewise {
namespace {

/// Calls body(i, convolution, pooling) for each two steps i and i + 1 of these kinds.
template <class Body>
void for_each_pooled_convolution(Steps& steps, Body body) {
  for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
    auto* const conv = dynamic_cast<Conv2DStep*>(steps[i].get());
    auto* const pool = dynamic_cast<MaxPool2DStep*>(steps[i + 1].get());
    if (conv != nullptr && pool != nullptr) body(i, *conv, *pool);
  }
}

}  // namespace

void move_relu_behind_pooling(Steps& steps) {
  for_each_pooled_convolution(steps, [](std::size_t, Conv2DStep& conv, MaxPool2DStep& pool) {
    if (conv.give_up_relu()) pool.take_over_relu();
  });
}

void fuse_pooling(const simd::KernelTable& kernels, std::int64_t max_batch, bool sparse,
                  Steps& steps) {
  for_each_pooled_convolution(steps, [&](std::size_t i, Conv2DStep& conv, MaxPool2DStep& pool) {
    if (conv.has_relu()) return;
    auto fused =
        std::make_unique<ConvPoolStep>(kernels, conv.shape(), conv.algorithm(), conv.kernel(), conv.bias(),
                                       pool.geometry(), pool.relu(), sparse, max_batch);
    fused->set_name(conv.name() + " + " + pool.name());
    steps[i] = std::move(fused);
    steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  });
}

}  // namespace tilewise
