#pragma once

#include <filesystem>
#include <optional>

#include "tilewise/train/dataset.hpp"

namespace tilewise {

/// Reads a data set in MNIST's format from `folder`: train-images-idx3-ubyte and train-labels-idx1-ubyte,
/// or t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each plain or with ".gz", of "idx" after a dot
/// instead of the hyphen, too. Images are (n, h, w), of shape (h, w, 1), or, in files named
/// ...-images-idx4-ubyte, (n, h, w, c).
///
/// Without `classes` there are as many as the largest label says, and for testing at least as many as for
/// training, where that is at hand; with it, larger labels are refused.
/// Throws FileError when a file is missing (naming the script that brings MNIST) or damaged, has the wrong
/// rank, a label out of range, or when images and labels differ in number.
Dataset load_idx_dataset(const std::filesystem::path& folder, Split split,
                         std::optional<int> classes = std::nullopt);

/// Whether `folder` has images that load_idx_dataset would read, for training or testing.
bool has_idx_dataset(const std::filesystem::path& folder);

}  // namespace tilewise
