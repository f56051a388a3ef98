#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tilewise/core/aligned_buffer.hpp"
#include "tilewise/core/random.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/train/augment.hpp"
#include "tilewise/train/dataset.hpp"

namespace tilewise {

/// The samples of a data set in some order, batch after batch.
class BatchReader {
 public:
  BatchReader(const DatasetView& data, std::int64_t batch_size);

  /// Changes images at random as they are read. What becomes of one depends on `seed`, the epoch and its
  /// number in `data` alone. Throws as Augmenter does.
  BatchReader(const DatasetView& data, std::int64_t batch_size, const AugmentOptions& augment,
              std::uint64_t seed);

  /// The last batch may be smaller.
  std::int64_t batches() const { return (data_.size() + batch_size_ - 1) / batch_size_; }

  /// Puts the samples into the order that `stream` gives.
  void shuffle(const RandomStream& stream) { random_permutation(stream, order_); }

  /// Has images changed anew; to be called when an epoch begins. Without effect if they are not changed.
  void set_epoch(std::uint32_t epoch) { epoch_ = epoch; }

  /// Puts batch `index` into the model's input; returns its labels, valid until the next call.
  std::span<const std::int32_t> load(Model& model, std::int64_t index);

 private:
  void assemble_augmented(Model& model, std::span<const std::int32_t> indices);

  DatasetView data_;
  std::int64_t batch_size_;
  std::vector<std::int32_t> order_;
  std::vector<std::int32_t> labels_;
  std::optional<Augmenter> augmenter_;
  std::uint64_t seed_ = 0;
  std::uint32_t epoch_ = 0;
  AlignedBuffer<float> scratch_;  ///< the augmenter's, a piece for each worker; booked by the first batch
};

/// Copies samples `indices` of `data`, scaled from [0, 255] to [0, 1], to the model's input.
void assemble_batch(Model& model, const DatasetView& data, std::span<const std::int32_t> indices);

}  // namespace tilewise
