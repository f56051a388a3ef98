#pragma once

#include <cstdint>
#include <vector>

#include "tilewise/train/dataset.hpp"
#include "tilewise/train/image.hpp"

namespace tilewise {

struct ContactSheetOptions {
  std::int64_t samples = 10;  ///< of each class, at most
  std::int64_t gap = 2;       ///< pixels between and around images
};

/// How many samples each class has.
std::vector<std::int64_t> class_counts(const DatasetView& data);

/// A picture of a data set: a row a class, in order, with the class's number and how many samples it has
/// beside its first samples. Grey or RGB, as the data is.
/// Throws ArgumentError when an option is out of range (samples at least 1, gap at least 0), ShapeError
/// when images have another number of channels than 1 or 3.
Image contact_sheet(const DatasetView& data, const ContactSheetOptions& options = {});

}  // namespace tilewise
