#pragma once

#include <string>

#include "apps/train_options.hpp"

namespace tilewise::app {

/// What `tilewise train` does: trains, tests, prints, and leaves the files of the run in its folder. Returns the exit
/// status. `config` is what the folder keeps to repeat the run.
///
/// What is wrong with the options or the data is refused before there is a folder. Throws ArgumentError, FileError,
/// and DivergedError when the training or the test ends in a loss that is not finite.
int run_training(const TrainOptions& options, const std::string& config);

}  // namespace tilewise::app
