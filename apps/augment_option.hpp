#pragma once

#include <CLI/CLI.hpp>

#include "tilewise/train/augment.hpp"

namespace tilewise::app {

/// --augment shift=2,rotate=10,flip: see AugmentOptions.
void add_augment(CLI::App& command, AugmentOptions& augment);

/// Throws ArgumentError, in the option's name, when images of shape `image_shape` cannot be changed like that.
void check_augment(const AugmentOptions& augment, const Shape& image_shape);

}  // namespace tilewise::app
