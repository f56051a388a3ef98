#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "tilewise/layers/optimizer.hpp"

namespace tilewise::testing {

/// Keeps the gradients it is given and changes nothing.
class GradientProbe final : public Optimizer {
 public:
  explicit GradientProbe(const Clipping& clipping = {}) : Optimizer(0, {.clipping = clipping}) {}

  void update(const simd::KernelTable&, std::size_t parameter, std::int64_t first,
              std::int64_t count, const float* gradient, float*) override {
    std::copy_n(gradient, count, gradients[parameter].begin() + first);
  }

  std::vector<std::vector<float>> gradients;

 private:
  void allocate_state(std::span<const Parameter> parameters) override {
    gradients.clear();
    for (const Parameter& parameter : parameters) {
      gradients.emplace_back(static_cast<std::size_t>(parameter.size()));
    }
  }
  void compute_factors() override {}
};

}  // namespace tilewise::testing
