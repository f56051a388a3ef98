#pragma once

#include <CLI/CLI.hpp>

#include "tilewise/train/augment.hpp"

namespace tilewise::app {

/// --augment shift=2,rotate=10,flip: see AugmentOptions.
void add_augment(CLI::App& command, AugmentOptions& augment);

}  // namespace tilewise::app
