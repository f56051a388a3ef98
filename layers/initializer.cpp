#include "tilewise/layers/initializer.hpp"

#include <algorithm>
#include <cmath>

namespace tilewise {
namespace {

void fill_glorot_uniform(const Shape& shape, const RandomStream& stream, std::span<float> values) {
  const std::int64_t out = shape[shape.rank() - 1];
  const std::int64_t in = shape[shape.rank() - 2];
  const std::int64_t taps = shape.elements() / (in * out);
  const double limit = std::sqrt(6.0 / static_cast<double>(taps * (in + out)));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(limit * (2.0 * stream.uniform(i) - 1.0));
  }
}

}  // namespace

void initialize(Initializer initializer, const Shape& shape, const RandomStream& stream,
                std::span<float> values) {
  switch (initializer) {
    case Initializer::zeros:
      std::fill(values.begin(), values.end(), 0.0F);
      break;
    case Initializer::ones:
      std::fill(values.begin(), values.end(), 1.0F);
      break;
    case Initializer::glorot_uniform:
      fill_glorot_uniform(shape, stream, values);
      break;
  }
}

}  // namespace tilewise
