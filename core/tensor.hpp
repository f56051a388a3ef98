#pragma once

#include <span>
#include <utility>

#include "tilewise/core/aligned_buffer.hpp"
#include "tilewise/core/shape.hpp"

namespace tilewise {

/// A dense row-major array of float that owns its memory: one buffer aligned to kAlignment, the last
/// axis contiguous. Starts as zeros; moves, never copies by accident.
class Tensor {
 public:
  Tensor() : Tensor(Shape{0}) {}
  explicit Tensor(Shape shape) : shape_(std::move(shape)), values_(shape_.elements()) {}

  const Shape& shape() const { return shape_; }
  std::int64_t size() const { return values_.size(); }

  float* data() { return values_.data(); }
  const float* data() const { return values_.data(); }
  std::span<float> span() { return values_.span(); }
  std::span<const float> span() const { return values_.span(); }

  float& operator[](std::int64_t i) { return values_[i]; }
  float operator[](std::int64_t i) const { return values_[i]; }

 private:
  Shape shape_;
  AlignedBuffer<float> values_;
};

}  // namespace tilewise
