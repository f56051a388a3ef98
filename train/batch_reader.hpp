#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tilewise/core/random.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/train/dataset.hpp"

namespace tilewise {

/// The samples of a data set in some order, batch after batch.
class BatchReader {
 public:
  BatchReader(const DatasetView& data, std::int64_t batch_size);

  /// The last batch may be smaller.
  std::int64_t batches() const { return (data_.size() + batch_size_ - 1) / batch_size_; }

  /// Puts the samples into the order that `stream` gives.
  void shuffle(const RandomStream& stream) { random_permutation(stream, order_); }

  /// Puts batch `index` into the model's input; returns its labels, valid until the next call.
  std::span<const std::int32_t> load(Model& model, std::int64_t index);

 private:
  DatasetView data_;
  std::int64_t batch_size_;
  std::vector<std::int32_t> order_;
  std::vector<std::int32_t> labels_;
};

/// Copies samples `indices` of `data`, scaled from [0, 255] to [0, 1], to the model's input.
void assemble_batch(Model& model, const DatasetView& data, std::span<const std::int32_t> indices);

}  // namespace tilewise
