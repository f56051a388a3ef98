#include "tilewise/train/batch_reader.hpp"

#include <algorithm>
#include <numeric>

namespace tilewise {

BatchReader::BatchReader(const DatasetView& data, std::int64_t batch_size)
    : data_(data),
      batch_size_(batch_size),
      order_(static_cast<std::size_t>(data.size())),
      labels_(static_cast<std::size_t>(std::min(batch_size, data.size()))) {
  std::iota(order_.begin(), order_.end(), 0);
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
  assemble_batch(model, data_, indices);
  for (std::size_t i = 0; i < count; ++i) labels_[i] = data_.label(indices[i]);
  return std::span(labels_).first(count);
}

void assemble_batch(Model& model, const DatasetView& data, std::span<const std::int32_t> indices) {
  constexpr std::int64_t kImages = 16;
  constexpr double kNanosecondsPerPixel = 0.3;
  const std::int64_t pixels = data.image_shape().elements();
  const auto images = static_cast<std::int64_t>(indices.size());
  float* input = model.input().data();
  model.executor().parallel_for(
      (images + kImages - 1) / kImages, kNanosecondsPerPixel * static_cast<double>(images * pixels),
      [&](std::int64_t chunk, int) {
        const std::int64_t end = std::min(images, (chunk + 1) * kImages);
        for (std::int64_t i = chunk * kImages; i < end; ++i) {
          model.kernels().scale_bytes(pixels, data.image(indices[static_cast<std::size_t>(i)]),
                                      1.0F / 255.0F, input + i * pixels);
        }
      });
}

}  // namespace tilewise
