#include "tilewise/simd/grouped_conv.hpp"

#include <algorithm>
#include <string>

#include "tilewise/core/error.hpp"

namespace tilewise::simd {
namespace {

ConvShape group_of(ConvShape shape, std::int64_t groups) {
  shape.check();
  if (groups < 1 || shape.ic % groups != 0 || shape.oc % groups != 0) {
    throw ShapeError("convolution " + shape.to_string() + ": its channels are not in " +
                     std::to_string(groups) + " equal groups");
  }
  shape.ic /= groups;
  shape.oc /= groups;
  return shape;
}

}  // namespace

GroupedConv::GroupedConv(const KernelTable& kernels, const ConvShape& shape, std::int64_t groups,
                         ConvAlgorithm algorithm)
    : kernels_(kernels),
      groups_(groups),
      group_(group_of(shape, groups)),
      forward_(kernels, group_, algorithm),
      data_(kernels, group_, algorithm),
      weights_(kernels, group_, algorithm),
      forward_floats_(round_up_to_line(forward_.packed_floats())),
      backward_floats_(round_up_to_line(data_.packed_floats())) {}

std::int64_t GroupedConv::scratch_floats() const {
  const std::int64_t images = round_up_to_line(group_.src_size()) + round_up_to_line(group_.dst_size());
  const std::int64_t passes =
      std::max({forward_.scratch_floats(), data_.scratch_floats(), weights_.scratch_floats()});
  return std::max(images + round_up_to_line(passes), round_up_to_line(wei_size()));
}

void GroupedConv::gather(std::int64_t rows, std::int64_t channels, std::int64_t group, const float* all,
                         float* part) const {
  kernels_.copy_matrix(rows, channels, all + group * channels, groups_ * channels, part, channels, channels);
}

void GroupedConv::scatter(std::int64_t rows, std::int64_t channels, std::int64_t group, const float* part,
                          float* all) const {
  kernels_.copy_matrix(rows, channels, part, channels, all + group * channels, groups_ * channels, channels);
}

void GroupedConv::pack_forward(const float* wei, float* packed, Workspace scratch) const {
  float* const part = scratch.take(group_.wei_size());
  for (std::int64_t g = 0; g < groups_; ++g) {
    gather(group_.wei_size() / group_.oc, group_.oc, g, wei, part);
    forward_.pack(part, packed + g * forward_floats_);
  }
}

void GroupedConv::pack_backward(const float* wei, float* packed, Workspace scratch) const {
  float* const part = scratch.take(group_.wei_size());
  for (std::int64_t g = 0; g < groups_; ++g) {
    gather(group_.wei_size() / group_.oc, group_.oc, g, wei, part);
    data_.pack(part, packed + g * backward_floats_);
  }
}

void GroupedConv::forward(const float* src, const float* packed_wei, const float* bias, float floor,
                          float* dst, Workspace scratch) const {
  float* const src_part = scratch.take(group_.src_size());
  float* const dst_part = scratch.take(group_.dst_size());
  for (std::int64_t g = 0; g < groups_; ++g) {
    gather(src_pixels(), group_.ic, g, src, src_part);
    forward_.images(1, src_part, packed_wei + g * forward_floats_, bias + g * group_.oc, floor, dst_part,
                    scratch);
    scatter(dst_pixels(), group_.oc, g, dst_part, dst);
  }
}

void GroupedConv::backward_data(const float* d_dst, const float* packed_wei, float* d_src,
                                Workspace scratch) const {
  float* const src_part = scratch.take(group_.src_size());
  float* const dst_part = scratch.take(group_.dst_size());
  for (std::int64_t g = 0; g < groups_; ++g) {
    gather(dst_pixels(), group_.oc, g, d_dst, dst_part);
    data_.images(1, dst_part, packed_wei + g * backward_floats_, src_part, scratch);
    scatter(src_pixels(), group_.ic, g, src_part, d_src);
  }
}

void GroupedConv::backward_weights(const float* src, const float* d_dst, float* d_wei,
                                   Workspace scratch) const {
  float* const src_part = scratch.take(group_.src_size());
  float* const dst_part = scratch.take(group_.dst_size());
  for (std::int64_t g = 0; g < groups_; ++g) {
    gather(src_pixels(), group_.ic, g, src, src_part);
    gather(dst_pixels(), group_.oc, g, d_dst, dst_part);
    weights_.images(1, src_part, dst_part, d_wei + g * group_.wei_size(), scratch);
  }
}

void GroupedConv::ungroup(float* d_wei, Workspace scratch) const {
  float* const grouped = scratch.take(wei_size());
  std::copy_n(d_wei, wei_size(), grouped);
  for (std::int64_t g = 0; g < groups_; ++g) {
    scatter(group_.wei_size() / group_.oc, group_.oc, g, grouped + g * group_.wei_size(), d_wei);
  }
}

}  // namespace tilewise::simd
