#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tilewise/core/parallel.hpp"
#include "tilewise/layers/optimizer.hpp"
#include "tilewise/layers/parameter.hpp"
#include "tilewise/layers/profiler.hpp"
#include "tilewise/layers/regularizer.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise {

/// The end of a training step: adds up the gradients that a batch's chunks have left, regularizes and
/// clips them, and hands them to the optimizer. In one pass over blocks of the parameters, which stay in
/// cache from the sum to the new weights; in two if clipping wants to know a norm first.
class ParameterUpdate {
 public:
  /// `executor` and `parameters` outlive it. Throws ArgumentError for a negative l2.
  ParameterUpdate(const simd::KernelTable& kernels, Executor& executor, std::span<Parameter> parameters,
                  const L2Regularizer& regularizer);

  /// `activities`: that of each parameter.
  void attach_profiler(Profiler& profiler, std::span<const int> activities);

  /// What the regularizer adds to the loss, with the weights as they are.
  double penalty();

  /// One step, of a batch of `chunks` chunks.
  void run(std::int64_t chunks, Optimizer& optimizer);

  /// A gradient of the last step, or a value after it, that is not finite, as of Model::first_non_finite(). Of
  /// gradients the one nearest to the loss, for those before are made from it.
  std::optional<std::string> first_non_finite() const;

 private:
  enum class NonFinite : std::uint8_t { nothing, gradient, value };

  /// A piece of a parameter for one task.
  struct Block {
    std::size_t parameter;
    std::int64_t first, count;
    double squares = 0;  ///< the sum of them, of what a norm is wanted of
    NonFinite non_finite = NonFinite::nothing;
  };

  template <class Body>
  void for_each_block(Body body);
  void sum_gradient(Block& block, std::int64_t chunks);
  void find_factors(const Clipping& clipping);
  void clip(const Block& block, const Clipping& clipping);
  void step(Block& block, Optimizer& optimizer);

  float* gradient(const Block& block) {
    return parameters_[block.parameter].gradient_slot(0) + block.first;
  }
  float* value(const Block& block) { return parameters_[block.parameter].value() + block.first; }

  const simd::KernelTable& kernels_;
  Executor& executor_;
  std::span<Parameter> parameters_;
  double l2_;
  std::vector<bool> is_regularized_;  ///< of each parameter
  std::vector<float> factors_;        ///< of each parameter's gradient, to clip its norm
  std::vector<Block> blocks_;
  double floats_ = 0;
  Profiler* profiler_ = nullptr;
  std::vector<int> activities_;  ///< of each parameter
};

}  // namespace tilewise
