#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "tilewise/core/shape.hpp"
#include "tilewise/train/dataset.hpp"

namespace tilewise {

struct ImageFolderOptions {
  /// (h, w, c) that all images are made to have: resize_image and convert_channels (image.hpp). Without
  /// it, they have to agree.
  std::optional<Shape> image_shape = std::nullopt;
  /// Where there is no folder of test images: of each class's files, ordered by name, the last of every so
  /// many are for testing and the others for training. At least 2.
  int test_every = 5;
};

/// Reads PNG images (image_file.hpp) from a folder of folders, one a class: `folder`/train/<class>/ and
/// `folder`/test/<class>/, or `folder`/<class>/ alone, split as the options say. Class names are those of
/// the training folders, in order of their bytes, and so are images in a class. Other files, and names that
/// begin with a dot, are passed over.
///
/// Throws FileError when there are no classes, a folder of one has no image, a test folder's class is
/// not among the training folder's, an image cannot be read or, named with what it has and what the first
/// image has, is of another shape; ArgumentError or ShapeError for an option that is out of range.
Dataset load_image_folder(const std::filesystem::path& folder, Split split,
                          const ImageFolderOptions& options = {});

/// Whether `folder` has PNG images in folders where load_image_folder would look.
bool has_image_folder(const std::filesystem::path& folder);

}  // namespace tilewise
