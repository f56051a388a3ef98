#include "tilewise/layers/grouped_conv2d_step.hpp"

#include <limits>

namespace tilewise {

GroupedConv2DStep::GroupedConv2DStep(const simd::KernelTable& kernels, const simd::ConvShape& shape,
                                     simd::ConvAlgorithm algorithm, std::int64_t groups, Parameter& kernel,
                                     Parameter* bias, bool relu)
    : Step(shape.src_size(), shape.dst_size()),
      kernels_(kernels),
      conv_(kernels, shape, groups, algorithm),
      relu_(relu),
      kernel_(kernel),
      bias_(bias, shape.oc),
      packed_forward_(conv_.packed_forward_floats()),
      packed_backward_(conv_.packed_backward_floats()),
      group_filters_(round_up_to_line(conv_.group_shape().wei_size())) {}

void GroupedConv2DStep::prepare(bool training) {
  const Workspace scratch(group_filters_.data(), group_filters_.size());
  conv_.pack_forward(kernel_.value(), packed_forward_.data(), scratch);
  if (training) conv_.pack_backward(kernel_.value(), packed_backward_.data(), scratch);
}

void GroupedConv2DStep::forward(const Chunk& chunk, const float* src, float* dst) {
  const float floor = relu_ ? 0.0F : -std::numeric_limits<float>::infinity();
  for (std::int64_t i = 0; i < chunk.images; ++i) {
    conv_.forward(src + i * src_size(), packed_forward_.data(), bias_.value(), floor, dst + i * dst_size(),
                  chunk.scratch);
  }
}

void GroupedConv2DStep::begin_gradients(const Chunk& chunk) {
  kernel_.clear_gradient_slot(chunk.index);
  bias_.clear_gradient_slot(chunk.index);
}

void GroupedConv2DStep::end_gradients(const Chunk& chunk) {
  conv_.ungroup(kernel_.gradient_slot(chunk.index), chunk.scratch);
}

void GroupedConv2DStep::backward(const Chunk& chunk, const float* src, const float* dst, float* d_dst,
                                 float* d_src) {
  const std::int64_t pixels = dst_size() / (conv_.groups() * conv_.group_shape().oc);
  for (std::int64_t i = 0; i < chunk.images; ++i) {
    float* const d_image = d_dst + i * dst_size();
    if (relu_) kernels_.relu_backward(dst_size(), dst + i * dst_size(), d_image, d_image);
    bias_.add_gradient(kernels_, pixels, d_image, chunk.index);
    conv_.backward_weights(src + i * src_size(), d_image, kernel_.gradient_slot(chunk.index), chunk.scratch);
    if (d_src != nullptr) {
      conv_.backward_data(d_image, packed_backward_.data(), d_src + i * src_size(), chunk.scratch);
    }
  }
}

Work GroupedConv2DStep::forward_work(std::int64_t images) const {
  return with_convolutions(Step::forward_work(images), {conv_.forward_multiply_adds()}, conv_.wei_size(),
                            images);
}

Work GroupedConv2DStep::backward_work(std::int64_t images, bool wants_d_src) const {
  const Work work = Step::backward_work(images, wants_d_src);
  const double weights = conv_.weights_multiply_adds();
  return wants_d_src
             ? with_convolutions(work, {weights, conv_.data_multiply_adds()}, conv_.wei_size(), images)
             : with_convolutions(work, {weights}, conv_.wei_size(), images);
}

std::string GroupedConv2DStep::forward_kernel() const {
  return std::to_string(conv_.groups()) + " groups, " + conv_.forward_kernel();
}

std::string GroupedConv2DStep::backward_kernel(bool wants_d_src) const {
  const std::string text =
      std::to_string(conv_.groups()) + " groups, weights " + conv_.weights_kernel();
  return wants_d_src ? text + ", data " + conv_.data_kernel() : text;
}

}  // namespace tilewise
