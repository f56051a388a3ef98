#include "tilewise/layers/zero_padding2d.hpp"

#include <algorithm>
#include <string>

#include "tilewise/core/error.hpp"
#include "tilewise/layers/window2d.hpp"

namespace tilewise {
namespace {

/// In floats: an image's rows are copied into the larger one's, or their gradients out of it.
class ZeroPadding2DStep final : public Step {
 public:
  ZeroPadding2DStep(const Shape& src, const Shape& dst, const ZeroPadding2DOptions& options)
      : Step(src.elements(), dst.elements()),
        rows_(src[0]),
        src_row_(src[1] * src[2]),
        dst_row_(dst[1] * dst[2]),
        first_(options.rows.before * dst_row_ + options.columns.before * src[2]) {}

  bool backward_reads_src() const override { return false; }
  bool backward_reads_dst() const override { return false; }

  void forward(const Chunk& chunk, const float* src, float* dst) override {
    std::fill_n(dst, chunk.images * dst_size(), 0.0F);
    for (std::int64_t i = 0; i < chunk.images; ++i, src += src_size(), dst += dst_size()) {
      for (std::int64_t row = 0; row < rows_; ++row) {
        std::copy_n(src + row * src_row_, src_row_, dst + first_ + row * dst_row_);
      }
    }
  }

  void backward(const Chunk& chunk, const float*, const float*, float* d_dst,
                float* d_src) override {
    if (d_src == nullptr) return;
    for (std::int64_t i = 0; i < chunk.images; ++i, d_src += src_size(), d_dst += dst_size()) {
      for (std::int64_t row = 0; row < rows_; ++row) {
        std::copy_n(d_dst + first_ + row * dst_row_, src_row_, d_src + row * src_row_);
      }
    }
  }

  std::string forward_kernel() const override { return "copy"; }
  std::string backward_kernel(bool) const override { return "copy"; }

 private:
  std::int64_t rows_, src_row_, dst_row_;
  std::int64_t first_;  ///< where src(0, 0, 0) is in dst
};

}  // namespace

ZeroPadding2D::ZeroPadding2D(const ZeroPadding2DOptions& options) : options_(options) {
  for (const Margin& margin : {options.rows, options.columns}) {
    for (const std::int64_t size : {margin.before, margin.after}) {
      if (size >= 0 && size <= INT32_MAX) continue;
      throw ArgumentError("ZeroPadding2D: padding " + std::to_string(size) +
                          " is not from 0 to 2^31 - 1");
    }
  }
}

Shape ZeroPadding2D::output_shape(const Shape& input) const {
  check_image(input);
  const auto& [rows, columns] = options_;
  return {rows.before + input[0] + rows.after, columns.before + input[1] + columns.after, input[2]};
}

void ZeroPadding2D::append_steps(const StepContext& context, Steps& steps) const {
  steps.push_back(std::make_unique<ZeroPadding2DStep>(context.src, context.dst, options_));
}

}  // namespace tilewise
