#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tilewise/train/training.hpp"

namespace tilewise {

/// What makes a training the one it is, as (what, how), in the order in which a difference is best reported:
/// the layers with their types and shapes, the parameters, the data with sizes and CRC-32 of pixels and
/// labels, batch size and seeds, augmentation, the optimizer, and options.description. Not what may change when a
/// training resumes without a difference in the bits of its steps: threads, the number of epochs.
using Fingerprint = std::vector<std::pair<std::string, std::string>>;

/// Reads all the data, at about a gigabyte a second.
Fingerprint fingerprint(const Model& model, Optimizer& optimizer, const DatasetView& data,
                        const FitOptions& options);

/// The first difference in words, "layer 2 is "A" there and "B" here", if there is one.
std::optional<std::string> first_difference(const Fingerprint& there, const Fingerprint& here);

}  // namespace tilewise
