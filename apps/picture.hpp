#pragma once

#include <string>
#include <vector>

#include "tilewise/core/shape.hpp"
#include "tilewise/train/dataset.hpp"

namespace tilewise::app {

/// The pictures in `paths` as images of shape `image_shape`, (h, w, 1) or (h, w, 3), with labels that
/// mean nothing: binary PGM or PPM files (netpbm's P5, P6) of that very size with values up to 255.
/// Throws FileError, naming the file, when one is missing, damaged or of another kind or size.
Dataset read_pictures(const std::vector<std::string>& paths, const Shape& image_shape);

}  // namespace tilewise::app
