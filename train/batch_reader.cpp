#include "tilewise/train/batch_reader.hpp"

#include <algorithm>
#include <numeric>

#include "tilewise/layers/profile_scope.hpp"

namespace tilewise {
namespace {

/// Calls body(image, worker) for each of a batch, on all threads, `group` images a time.
template <class Body>
void for_each_image(Model& model, std::int64_t images, std::int64_t group, double nanoseconds, Body body) {
  model.executor().parallel_for(
      (images + group - 1) / group, nanoseconds * static_cast<double>(images),
      [&](std::int64_t chunk, int worker) {
        const std::int64_t end = std::min(images, (chunk + 1) * group);
        for (std::int64_t i = chunk * group; i < end; ++i) body(i, worker);
      });
}

}  // namespace

BatchReader::BatchReader(const DatasetView& data, std::int64_t batch_size)
    : data_(data),
      batch_size_(batch_size),
      order_(static_cast<std::size_t>(data.size())),
      labels_(static_cast<std::size_t>(std::min(batch_size, data.size()))) {
  std::iota(order_.begin(), order_.end(), 0);
}

BatchReader::BatchReader(const DatasetView& data, std::int64_t batch_size,
                         const AugmentOptions& augment, std::uint64_t seed)
    : BatchReader(data, batch_size) {
  if (augment.any()) augmenter_.emplace(augment, data.image_shape());
  seed_ = seed;
}

std::span<const std::int32_t> BatchReader::load(Model& model, std::int64_t index) {
  const std::int64_t first = index * batch_size_;
  const auto count = static_cast<std::size_t>(std::min(batch_size_, data_.size() - first));
  // Reads bytes, writes floats.
  const auto values = static_cast<double>(count) * static_cast<double>(data_.image_shape().elements());
  const ProfileScope scope(model.profiler(),
                           {.activity = Profiler::kAssemble,
                            .work = {.bytes = values * (1 + sizeof(float))},
                            .images = static_cast<std::int64_t>(count)},
                           &model.executor());
  const auto indices = std::span(order_).subspan(static_cast<std::size_t>(first), count);
  if (augmenter_) {
    assemble_augmented(model, indices);
  } else {
    assemble_batch(model, data_, indices);
  }
  for (std::size_t i = 0; i < count; ++i) labels_[i] = data_.label(indices[i]);
  return std::span(labels_).first(count);
}

void assemble_batch(Model& model, const DatasetView& data, std::span<const std::int32_t> indices) {
  constexpr std::int64_t kGroup = 16;
  constexpr double kNanosecondsPerPixel = 0.3;
  const std::int64_t pixels = data.image_shape().elements();
  float* input = model.input().data();
  for_each_image(model, static_cast<std::int64_t>(indices.size()), kGroup,
                 kNanosecondsPerPixel * static_cast<double>(pixels), [&](std::int64_t i, int) {
                   model.kernels().scale_bytes(pixels, data.image(indices[static_cast<std::size_t>(i)]),
                                               1.0F / 255.0F, input + i * pixels);
                 });
}

void BatchReader::assemble_augmented(Model& model, std::span<const std::int32_t> indices) {
  constexpr std::int64_t kGroup = 2;
  constexpr double kNanosecondsPerPixel = 5;
  const std::int64_t pixels = data_.image_shape().elements();
  const std::int64_t floats = augmenter_->scratch_floats();
  const std::int64_t wanted = floats * model.executor().threads();
  if (scratch_.size() < wanted) scratch_ = AlignedBuffer<float>(wanted);
  float* input = model.input().data();
  for_each_image(model, static_cast<std::int64_t>(indices.size()), kGroup,
                 kNanosecondsPerPixel * static_cast<double>(pixels), [&](std::int64_t i, int worker) {
                   const std::int32_t sample = indices[static_cast<std::size_t>(i)];
                   augmenter_->apply(model.kernels(), {.seed = seed_, .epoch = epoch_, .sample = sample},
                                     data_.image(sample), {scratch_.data() + worker * floats, floats},
                                     input + i * pixels);
                 });
}

}  // namespace tilewise
