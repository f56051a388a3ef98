#include "tilewise/core/shape.hpp"

#include "tilewise/core/error.hpp"

namespace tilewise {

std::int64_t checked_product(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product)) {
    throw ShapeError("size overflow: " + std::to_string(a) + " x " + std::to_string(b));
  }
  return product;
}

Shape::Shape(std::initializer_list<std::int64_t> extents)
    : Shape(std::span<const std::int64_t>(extents.begin(), extents.size())) {}

Shape::Shape(std::span<const std::int64_t> extents) {
  if (extents.size() > static_cast<std::size_t>(kMaxRank)) {
    throw ShapeError("shape of rank " + std::to_string(extents.size()) + ": at most " +
                     std::to_string(kMaxRank) + " axes are supported");
  }
  for (const std::int64_t extent : extents) {
    extents_[static_cast<std::size_t>(rank_++)] = extent;
    elements_ = checked_product(elements_, extent);
  }
}

Shape Shape::prepend(std::int64_t extent) const {
  std::array<std::int64_t, kMaxRank + 1> longer{extent};
  for (int axis = 0; axis < rank_; ++axis) longer[static_cast<std::size_t>(axis) + 1] = (*this)[axis];
  return Shape(std::span<const std::int64_t>(longer.data(), static_cast<std::size_t>(rank_) + 1));
}

std::string Shape::to_string() const {
  std::string text = "(";
  for (const std::int64_t extent : extents()) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(extent);
  }
  return text + ")";
}

}  // namespace tilewise
