#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "tilewise/core/tensor.hpp"
#include "tilewise/layers/initializer.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise {

/// What a layer says of one of its parameters.
struct ParameterSpec {
  std::string name;  ///< "kernel", "bias"
  Shape shape;
  Initializer initializer;
  /// False for what is not trained but follows from the data, as moving statistics do.
  bool trainable = true;
  /// Whether the gradient is one sum over the whole batch rather than a sum over each chunk of it.
  bool whole_batch = false;
};

/// An array that a model learns, and its gradient; or one that is not trained and has none.
///
/// The gradient is a sum over the batch, kept as one private partial sum per chunk of images and
/// added up in a fixed binary tree over the chunk numbers, whoever computed them: that is what makes
/// training independent of the number of threads.
class Parameter {
 public:
  /// `name` is unique in its model: "conv2d_1/kernel". Without gradient slots it is not trained.
  Parameter(std::string name, const Shape& shape, std::int64_t gradient_slots);

  const std::string& name() const { return name_; }
  const Shape& shape() const { return value_.shape(); }
  std::int64_t size() const { return value_.size(); }
  bool trainable() const { return slots_ > 0; }

  float* value() { return value_.data(); }
  const float* value() const { return value_.data(); }

  /// Number of partial sums; 1 where the whole batch is summed at once, 0 where nothing is trained.
  std::int64_t gradient_slots() const { return slots_; }

  /// Where chunk `chunk` of the batch leaves its part of the gradient.
  float* gradient_slot(std::int64_t chunk) { return gradients_.data() + chunk * slot_size_; }
  void clear_gradient_slot(std::int64_t chunk) { std::fill_n(gradient_slot(chunk), size(), 0.0F); }

  /// Adds up elements [first, first + count) of the first `slots` slots. The sum is left in slot 0.
  void reduce_gradient(const simd::KernelTable& kernels, std::int64_t slots, std::int64_t first,
                       std::int64_t count);

  /// The gradient, once it is reduced.
  const float* gradient() const { return gradients_.data(); }

 private:
  std::string name_;
  Tensor value_;
  std::int64_t slots_;
  std::int64_t slot_size_;
  AlignedBuffer<float> gradients_;
};

}  // namespace tilewise
