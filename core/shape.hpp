#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace tilewise {

/// Product of two non-negative sizes. Throws ShapeError when it does not fit in 63 bits.
std::int64_t checked_product(std::int64_t a, std::int64_t b);

/// The extents of a tensor, outermost first; at most `kMaxRank` of them, each at least 0.
/// Activations are (n, h, w, c) or, inside a layer description, without the n.
class Shape {
 public:
  static constexpr int kMaxRank = 6;

  Shape() = default;
  /// Throws ShapeError for a negative extent, more than kMaxRank extents, or a product that overflows.
  Shape(std::initializer_list<std::int64_t> extents);
  explicit Shape(std::span<const std::int64_t> extents);

  int rank() const { return rank_; }
  std::int64_t operator[](int axis) const { return extents_[static_cast<std::size_t>(axis)]; }
  std::span<const std::int64_t> extents() const {
    return {extents_.data(), static_cast<std::size_t>(rank_)};
  }

  /// Number of elements: the product of the extents, 1 for rank 0.
  std::int64_t elements() const { return elements_; }

  /// The shape with `extent` put in front: a sample's shape becomes that of a batch.
  Shape prepend(std::int64_t extent) const;

  /// For messages: "(28, 28, 1)".
  std::string to_string() const;

  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::array<std::int64_t, kMaxRank> extents_{};
  int rank_ = 0;
  std::int64_t elements_ = 1;
};

}  // namespace tilewise
