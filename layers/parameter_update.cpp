#include "tilewise/layers/parameter_update.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tilewise/layers/check_option.hpp"
#include "tilewise/layers/profile_scope.hpp"

namespace tilewise {
namespace {

// Floats of a parameter that one task sums and updates: 16 KB, so that the sum is still in L1 when
// the optimizer reads it.
constexpr std::int64_t kBlock = 4096;
constexpr double kNanoseconds = 2;  // per float

/// What a gradient of this norm is multiplied with. One that is not finite makes all of it NaN, so that
/// it shows.
float clip_factor(double norm, double limit) {
  if (!std::isfinite(norm)) return std::numeric_limits<float>::quiet_NaN();
  return static_cast<float>(limit / std::max(norm, limit));
}

}  // namespace

ParameterUpdate::ParameterUpdate(const simd::KernelTable& kernels, Executor& executor,
                                 std::span<Parameter> parameters, const L2Regularizer& regularizer)
    : kernels_(kernels),
      executor_(executor),
      parameters_(parameters),
      l2_(regularizer.l2),
      factors_(parameters.size(), 1.0F),
      activities_(parameters.size()) {
  check_option(std::isfinite(l2_) && l2_ >= 0, "regularizer", "l2", l2_, "a non-negative number");
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    is_regularized_.push_back(l2_ > 0 && contains(regularizer.parameters, parameters[p]));
    if (!parameters[p].trainable()) continue;
    const std::int64_t size = parameters[p].size();
    floats_ += static_cast<double>(size);
    for (std::int64_t first = 0; first < size; first += kBlock) {
      blocks_.push_back({p, first, std::min(kBlock, size - first)});
    }
  }
}

void ParameterUpdate::attach_profiler(Profiler& profiler, std::span<const int> activities) {
  profiler_ = &profiler;
  activities_.assign(activities.begin(), activities.end());
}

/// Calls body(block, index, worker) for each.
template <class Body>
void ParameterUpdate::for_each_block(Body body) {
  executor_.parallel_for(static_cast<std::int64_t>(blocks_.size()), kNanoseconds * floats_,
                         [&](std::int64_t index, int worker) {
                           body(blocks_[static_cast<std::size_t>(index)], index, worker);
                         });
}

double ParameterUpdate::penalty() {
  if (l2_ == 0) return 0;
  for_each_block([&](Block& block, std::int64_t, int) {
    block.squares =
        is_regularized_[block.parameter] ? kernels_.sum_squares(block.count, value(block)) : 0;
  });
  double squares = 0;
  for (const Block& block : blocks_) squares += block.squares;
  return l2_ * squares;
}

void ParameterUpdate::run(std::int64_t chunks, Optimizer& optimizer) {
  optimizer.begin_step();
  const Clipping& clipping = optimizer.clipping();
  if (clipping.needs_norm()) {
    for_each_block([&](Block& block, std::int64_t index, int worker) {
      const ProfileScope scope(profiler_, {.activity = activities_[block.parameter],
                                           .worker = worker,
                                           .chunk = index,
                                           .is_call = false});
      sum_gradient(block, chunks);
      block.squares = kernels_.sum_squares(block.count, gradient(block));
    });
    find_factors(clipping);
  }
  for_each_block([&](Block& block, std::int64_t index, int worker) {
    const std::int64_t slots = std::min(chunks, parameters_[block.parameter].gradient_slots());
    // Reads the slots, writes their sum; reads and writes weights and the optimizer's state.
    const std::int64_t moved = block.count * (slots + 1 + 2 * (1 + optimizer.state_floats()));
    const ProfileScope scope(profiler_,
                             {.activity = activities_[block.parameter],
                              .work = {.bytes = static_cast<double>(moved) * sizeof(float)},
                              .worker = worker,
                              .chunk = index});
    if (!clipping.needs_norm()) sum_gradient(block, chunks);
    clip(block, clipping);
    step(block, optimizer);
  });
}

void ParameterUpdate::sum_gradient(Block& block, std::int64_t chunks) {
  Parameter& parameter = parameters_[block.parameter];
  parameter.reduce_gradient(kernels_, std::min(chunks, parameter.gradient_slots()), block.first,
                            block.count);
  block.non_finite = kernels_.all_finite(block.count, gradient(block)) ? NonFinite::nothing
                                                                       : NonFinite::gradient;
  if (is_regularized_[block.parameter]) {
    kernels_.add_scaled(block.count, static_cast<float>(2 * l2_), value(block), gradient(block));
  }
}

/// The blocks' sums are added in their order, on one thread: the same on any number of them.
void ParameterUpdate::find_factors(const Clipping& clipping) {
  double all_squares = 0;
  std::size_t next = 0;
  for (std::size_t p = 0; p < parameters_.size(); ++p) {
    double squares = 0;
    for (; next < blocks_.size() && blocks_[next].parameter == p; ++next) squares += blocks_[next].squares;
    if (clipping.norm) factors_[p] = clip_factor(std::sqrt(squares), *clipping.norm);
    all_squares += squares;
  }
  if (!clipping.global_norm) return;
  std::ranges::fill(factors_, clip_factor(std::sqrt(all_squares), *clipping.global_norm));
}

void ParameterUpdate::clip(const Block& block, const Clipping& clipping) {
  float factor = 1;
  float limit = std::numeric_limits<float>::infinity();
  if (clipping.needs_norm()) factor = factors_[block.parameter];
  if (clipping.value) limit = static_cast<float>(*clipping.value);
  if (factor == 1 && std::isinf(limit)) return;
  kernels_.scale_and_clip(block.count, factor, limit, gradient(block), gradient(block));
}

void ParameterUpdate::step(Block& block, Optimizer& optimizer) {
  optimizer.update(kernels_, block.parameter, block.first, block.count, gradient(block), value(block));
  if (block.non_finite == NonFinite::nothing && !kernels_.all_finite(block.count, value(block))) {
    block.non_finite = NonFinite::value;
  }
}

std::optional<std::string> ParameterUpdate::first_non_finite() const {
  const auto name = [&](const Block& block) { return parameters_[block.parameter].name(); };
  const auto is = [](NonFinite what) { return [=](const Block& block) { return block.non_finite == what; }; };
  const auto gradient = std::find_if(blocks_.rbegin(), blocks_.rend(), is(NonFinite::gradient));
  if (gradient != blocks_.rend()) return "gradient of " + name(*gradient) + " in the backward pass";
  const auto value = std::find_if(blocks_.begin(), blocks_.end(), is(NonFinite::value));
  if (value != blocks_.end()) return "value of " + name(*value) + " in the update";
  return std::nullopt;
}

}  // namespace tilewise
