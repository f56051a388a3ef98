#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/gemm.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::bench {

// What a line of a shape list describes. Matrices are row-major, images (h, w, c).

/// C (m x n) = op(A) * op(B)
struct GemmProblem {
  simd::Transpose transpose_a = simd::Transpose::no;
  simd::Transpose transpose_b = simd::Transpose::no;
  std::int64_t m = 0, n = 0, k = 0;

  simd::GemmArgs args() const;  ///< without the pointers
};

struct ConvProblem {
  std::int64_t batch = 1;
  simd::ConvShape shape;
};

/// Each channel with a filter of its own: oc is ic.
struct DepthwiseProblem : ConvProblem {
  std::int64_t wei_size() const { return shape.kh * shape.kw * shape.oc; }
};

/// A convolution whose output is pooled, 2x2.
struct PooledConvProblem : ConvProblem {
  simd::PoolGeometry pool() const;
  std::int64_t pooled_size() const { return pool().oh * pool().ow * shape.oc; }  ///< of an image
  /// Which pixel of its window was the largest, for element i of a batch's pooled output.
  static simd::PoolPlace argmax(std::int64_t i) { return static_cast<simd::PoolPlace>(i * 7919 % 101 % 4); }
};

struct MaxPoolProblem {
  std::int64_t batch = 1;
  simd::PoolGeometry geometry;

  std::int64_t src_size() const { return batch * geometry.ih * geometry.iw * geometry.channels; }
  std::int64_t dst_size() const { return batch * geometry.oh * geometry.ow * geometry.channels; }
};

/// Arrays of n floats.
struct VectorProblem {
  std::int64_t n = 0;
};

struct MatrixProblem {
  std::int64_t rows = 0, columns = 0;
  std::int64_t size() const { return rows * columns; }
};

/// A batch of `images` of `pixels` bytes, gathered out of order from a data set in memory.
struct BatchProblem {
  static constexpr std::int64_t kDatasetImages = 60'000;
  std::int64_t images = 0, pixels = 0;

  /// Number in the data set of image i of the batch: far apart, as shuffling leaves them.
  static std::int64_t image(std::int64_t i) { return i * 7919 % kDatasetImages; }
  /// Pixel j of image number `image`.
  static std::uint8_t pixel(std::int64_t image, std::int64_t j) {
    return static_cast<std::uint8_t>(image * 31 + j * 7);
  }
};

/// Images of bytes that are rotated a little.
struct WarpProblem {
  std::int64_t batch = 1, height = 1, width = 1, channels = 1;
  std::int64_t size() const { return height * width * channels; }                      ///< of an image
  std::int64_t frame_size() const { return (height + 3) * (width + 3) * channels; }
  simd::WarpArgs args() const;  ///< without the pointers
  /// All images, each in its frame of zeros (simd/kernel_table.hpp).
  std::vector<float> frames() const;
};

using Problem = std::variant<GemmProblem, ConvProblem, DepthwiseProblem, PooledConvProblem, MaxPoolProblem,
                             VectorProblem, MatrixProblem, BatchProblem, WarpProblem>;

/// A problem as its shape list spells it.
struct Shape {
  std::string text;
  Problem problem;
};

/// One operation on one problem: what libraries are timed on.
struct Case {
  std::string operation;  ///< "conv_forward"
  Shape shape;
  /// Useful work: 2 x multiply-adds, those on padding counted; of kernels that are bound by memory,
  /// roughly, additions, comparisons, exponentials and so on counted alike.
  double flops = 0;
  double bytes = 0;    ///< inputs and outputs: what has to be read and written at least
  double written = 0;  ///< of these, of kernels that are bound by memory, what is written without being read
  bool memory_bound = false;
  bool one_thread = false;  ///< called by layers on parts of their work, never on several threads
  /// How far a result may be from the reference's, relative to the largest of these.
  double tolerance = 0;
};

// Arguments of the kernels that take any.
inline constexpr simd::DropoutArgs kDropout{
    .key = {1, 2}, .counter = {3, 4, 5}, .threshold = 1U << 31, .scale = 2};
inline constexpr simd::AdamArgs kAdam{
    .rate = 1e-3F, .beta1 = 0.9F, .beta2 = 0.999F, .epsilon = 1e-7F};
inline constexpr simd::SgdArgs kSgd{.rate = 1e-3F, .momentum = 0.9F};
inline constexpr simd::RmspropArgs kRmsprop{.rate = 1e-3F, .rho = 0.9F, .epsilon = 1e-7F};
inline constexpr float kFactor = 0.5F;
inline constexpr float kLimit = 0.25F;
inline constexpr float kAverageMomentum = 0.99F;
inline constexpr std::int64_t kFirTaps = 25;

/// The functions of the pointwise kernels: operations gelu_forward, gelu_backward and so on.
struct NamedPointwise {
  const char* name;
  simd::PointwiseArgs function;
};
inline constexpr NamedPointwise kPointwise[] = {
    {"leaky_relu", {simd::Pointwise::leaky_relu, 0.25F}},
    {"elu", {simd::Pointwise::elu, 1}},
    {"sigmoid", {simd::Pointwise::sigmoid}},
    {"tanh", {simd::Pointwise::tanh}},
    {"silu", {simd::Pointwise::silu}},
    {"gelu", {simd::Pointwise::gelu}},
    {"gelu_tanh", {simd::Pointwise::gelu_tanh}},
};

/// Which of them a case is of; null if of none.
const NamedPointwise* pointwise_of(const Case& c);

/// The operations that a problem allows: three passes of a convolution, and so on.
std::vector<Case> cases_of(const Shape& shape);

/// Operands of a case, the same for every library. Small integers where sums are taken, so that they
/// are exact in float in any order. `operand` tells them apart.
std::vector<float> operand(const Case& c, int which, std::int64_t size);

/// The result that a case has to have, by tests/support/reference.hpp.
std::vector<float> expected_result(const Case& c);

}  // namespace tilewise::bench
