#pragma once

#include <filesystem>

#include "tilewise/train/dataset.hpp"

namespace tilewise {

/// Reads CIFAR-10 in its binary version (A. Krizhevsky, "The CIFAR-10 dataset", section "Binary version"):
/// data_batch_1.bin to data_batch_5.bin or test_batch.bin in `folder`, which hold one record after the
/// other,
///
///   label, 1 byte | 32 x 32 bytes red | as many green | as many blue
///
/// any number of them. Image shape (32, 32, 3), 10 classes with their names.
/// Throws FileError when a file is missing (naming the script that brings it), holds no whole number of
/// records, or has a label over 9.
Dataset load_cifar10(const std::filesystem::path& folder, Split split);

/// Whether `folder` has a file that load_cifar10 would read, for training or testing.
bool has_cifar10(const std::filesystem::path& folder);

}  // namespace tilewise
