#pragma once

#include <cstdint>

#include "tilewise/layers/sequential.hpp"

namespace tilewise::testing {

/// Roundings on the longest way from an image to the network's output: a product and a sum for each
/// term of each layer's sums.
inline double forward_roundings(const Sequential& network) {
  double count = 0;
  for (const auto& entry : network.layers()) {
    const auto branches = entry.layer->branches();
    for (const auto& branch : branches) count += 1 + forward_roundings(*branch.network);
    if (!branches.empty()) continue;
    count += entry.layer->forward_flops(entry.input) /
             static_cast<double>(entry.output.elements());
  }
  return count;
}

/// Roundings of the sums over batch and pixels that make gradients.
inline double batch_roundings(const Sequential& network, std::int64_t images) {
  double count = 0;
  for (const auto& entry : network.layers()) {
    const auto branches = entry.layer->branches();
    for (const auto& branch : branches) count += batch_roundings(*branch.network, images);
    count += static_cast<double>(images) * static_cast<double>(entry.output.elements()) /
             static_cast<double>(entry.output[entry.output.rank() - 1]);
  }
  return count;
}

/// Roundings on the longest way from a weight to a gradient: those of each layer's sums, forward and
/// backward, and those of the sum over batch and pixels.
inline double gradient_roundings(const Sequential& network, std::int64_t images) {
  return static_cast<double>(images) + 2 * forward_roundings(network) + batch_roundings(network, images);
}

}  // namespace tilewise::testing
