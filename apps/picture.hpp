#pragma once

#include <string>
#include <vector>

#include "tilewise/core/shape.hpp"
#include "tilewise/train/dataset.hpp"
#include "tilewise/train/digit_image.hpp"

namespace tilewise::app {

struct PictureOptions {
  bool raw = false;  ///< only scaled: no search for the ink, and inverted only if it is said to be dark
  Ink ink = Ink::automatic;
};

/// The PNG pictures in `paths` as images of shape `image_shape`, (h, w, 1) or (h, w, 3), with labels that
/// mean nothing. A grey square, what networks of characters take, is made by digit_image, in MNIST's
/// proportions; anything else, and everything if `raw`, by resize_image and convert_channels, inverted if
/// the ink is dark.
/// Throws FileError, naming the file, when one is missing, damaged, no PNG or without ink, ArgumentError
/// when the shape is no picture's.
Dataset read_pictures(const std::vector<std::string>& paths, const Shape& image_shape,
                      const PictureOptions& options = {});

}  // namespace tilewise::app
