#pragma once

#include <filesystem>

#include "tilewise/train/dataset.hpp"
#include "tilewise/train/image_folder.hpp"

namespace tilewise {

struct LoadOptions {
  ImageFolderOptions image_folder = {};
};

/// Reads the data set in `folder`, whatever its format, by the first of these that it has files of: IDX,
/// as MNIST (idx_dataset.hpp), CIFAR-10's binary version (cifar10.hpp), PNG images in a folder a class
/// (image_folder.hpp).
/// Throws FileError as these do, and, naming what was looked for, when there is nothing of the kind.
Dataset load_dataset(const std::filesystem::path& folder, Split split, const LoadOptions& options = {});

}  // namespace tilewise
