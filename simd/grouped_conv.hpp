#pragma once

#include <cstdint>
#include <string>

#include "tilewise/simd/conv_backward_data.hpp"
#include "tilewise/simd/conv_backward_weights.hpp"
#include "tilewise/simd/conv_forward.hpp"

namespace tilewise::simd {

/// Grouped convolution of one image, prepared for one shape; immutable. Channels are in `groups` equal parts,
/// and output channels of part g see input channels of part g alone; filters are (kh, kw, ic / groups, oc).
///
/// Each group is a convolution (conv_shape.hpp) of its own, whose channels are gathered from the image, and
/// its results put back among the others'.
class GroupedConv {
 public:
  /// Throws ShapeError when `shape`, that of the whole, is not a convolution or its channels do not divide.
  GroupedConv(const KernelTable& kernels, const ConvShape& shape, std::int64_t groups,
              ConvAlgorithm algorithm = ConvAlgorithm::automatic);

  std::int64_t groups() const { return groups_; }
  const ConvShape& group_shape() const { return group_; }  ///< of one of the convolutions
  std::int64_t wei_size() const { return groups_ * group_.wei_size(); }
  /// Multiply-adds that each pass executes for an image.
  double forward_multiply_adds() const { return static_cast<double>(groups_) * forward_.multiply_adds(); }
  double data_multiply_adds() const { return static_cast<double>(groups_) * data_.multiply_adds(); }
  double weights_multiply_adds() const { return static_cast<double>(groups_) * weights_.multiply_adds(); }

  std::string forward_kernel() const { return forward_.kernel(); }
  std::string data_kernel() const { return data_.kernel(); }
  std::string weights_kernel() const { return weights_.kernel(); }

  std::int64_t packed_forward_floats() const { return groups_ * forward_floats_; }
  std::int64_t packed_backward_floats() const { return groups_ * backward_floats_; }
  std::int64_t scratch_floats() const;  ///< of each of the passes, and of packing and ungrouping

  /// Packs the filters (kh, kw, ic / groups, oc) as forward() and backward_data() want them.
  void pack_forward(const float* wei, float* packed, Workspace scratch) const;
  void pack_backward(const float* wei, float* packed, Workspace scratch) const;

  /// dst = max(floor, convolution + bias). A floor of 0 is ReLU, of -infinity nothing. bias is not null.
  void forward(const float* src, const float* packed_wei, const float* bias, float floor, float* dst,
               Workspace scratch) const;
  /// d_src, overwritten.
  void backward_data(const float* d_dst, const float* packed_wei, float* d_src, Workspace scratch) const;
  /// Adds to d_wei, which is (groups, kh, kw, ic / groups, oc / groups) until ungroup() rearranges it.
  void backward_weights(const float* src, const float* d_dst, float* d_wei, Workspace scratch) const;
  /// From that to (kh, kw, ic / groups, oc), in place.
  void ungroup(float* d_wei, Workspace scratch) const;

 private:
  std::int64_t src_pixels() const { return group_.ih * group_.iw; }
  std::int64_t dst_pixels() const { return group_.oh() * group_.ow(); }
  /// Rows of one group's `channels` channels, out of rows of all groups', or back into them.
  void gather(std::int64_t rows, std::int64_t channels, std::int64_t group, const float* all,
              float* part) const;
  void scatter(std::int64_t rows, std::int64_t channels, std::int64_t group, const float* part,
               float* all) const;

  const KernelTable& kernels_;
  std::int64_t groups_;
  ConvShape group_;
  ConvForward forward_;
  ConvBackwardData data_;
  ConvBackwardWeights weights_;
  std::int64_t forward_floats_, backward_floats_;  ///< of one group's packed filters, whole cache lines
};

}  // namespace tilewise::simd
