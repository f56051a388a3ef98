#pragma once

#include <string>
#include <utility>
#include <vector>

#include "apps/train_options.hpp"
#include "tilewise/layers/sequential.hpp"

namespace tilewise::app {

/// What FitOptions::description is to hold: everything in the options that the library does not see by itself
/// and that changes the bits of a training, the options of each layer first.
std::vector<std::pair<std::string, std::string>> describe(const TrainOptions& options,
                                                          const Sequential& network,
                                                          const TrainingLength& length);

}  // namespace tilewise::app
