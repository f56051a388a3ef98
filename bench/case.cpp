#include "bench/case.hpp"

#include "support/random_data.hpp"
#include "tilewise/simd/conv_pool_short.hpp"
#include "tilewise/simd/conv_pooled_backward.hpp"

namespace tilewise::bench {
namespace {

using testing::Pattern;

constexpr double kFloat = sizeof(float);
/// Exponentials and square roots differ from the C library's in the last bits, and overlapping windows
/// may be summed in any order.
constexpr double kRounding = 1e-5;

double floats(std::initializer_list<std::int64_t> sizes) {
  double sum = 0;
  for (const std::int64_t size : sizes) sum += static_cast<double>(size);
  return kFloat * sum;
}

std::vector<Case> cases(const Shape& shape, const GemmProblem& p) {
  const double memory = floats({p.m * p.k, p.k * p.n, p.m * p.n});
  const double work = 2.0 * static_cast<double>(p.m * p.n) * static_cast<double>(p.k);
  return {{.operation = "gemm", .shape = shape, .flops = work, .bytes = memory}};
}

std::vector<Case> cases(const Shape& shape, const ConvProblem& p) {
  const simd::ConvShape& s = p.shape;
  const double memory = floats({p.batch * s.src_size(), s.wei_size(), p.batch * s.dst_size()});
  const double work = 2.0 * s.multiply_adds() * static_cast<double>(p.batch);
  std::vector<Case> result;
  for (const char* operation : {"conv_forward", "conv_backward_data", "conv_backward_weights"}) {
    result.push_back(
        {.operation = operation, .shape = shape, .flops = work, .bytes = memory});
  }
  return result;
}

std::vector<Case> cases(const Shape& shape, const DepthwiseProblem& p) {
  const simd::ConvShape& s = p.shape;
  const double memory = floats({p.batch * s.src_size(), p.wei_size(), p.batch * s.dst_size()});
  const double work =
      2.0 * s.multiply_adds() / static_cast<double>(s.ic) * static_cast<double>(p.batch);
  std::vector<Case> result;
  for (const char* operation : {"depthwise_forward", "depthwise_backward_data", "depthwise_backward_weights"}) {
    result.push_back({.operation = operation, .shape = shape, .flops = work, .bytes = memory,
                      .one_thread = true});
  }
  return result;
}

/// Work is that of the convolution's passes: what is skipped counts, too.
std::vector<Case> cases(const Shape& shape, const PooledConvProblem& p) {
  const simd::ConvShape& s = p.shape;
  const double memory =
      floats({p.batch * s.src_size(), s.wei_size(), 2 * p.batch * p.pooled_size()});
  const double work = 2.0 * s.multiply_adds() * static_cast<double>(p.batch);
  std::vector<Case> result;
  const auto add = [&](const char* operation) {
    result.push_back({.operation = operation, .shape = shape, .flops = work, .bytes = memory,
                      .one_thread = true});
  };
  const bool sparse = simd::ConvPooledBackward::possible(simd::default_kernels(), s);
  add("pooled_conv_forward");
  if (sparse) add("pooled_conv_backward_data");
  if (sparse || simd::ConvPoolShort::possible(s, p.pool())) add("pooled_conv_backward_weights");
  return result;
}

/// Bytes that are read, that are written without being read, and that are both.
struct Traffic {
  double read = 0, written = 0, updated = 0;
};

/// `flops`: of each of `elements`.
Case memory_case(const std::string& operation, const Shape& shape, const Traffic& traffic, double flops,
                 std::int64_t elements, double tolerance = 0) {
  return {.operation = operation,
          .shape = shape,
          .flops = flops * static_cast<double>(elements),
          .bytes = traffic.read + traffic.written + 2 * traffic.updated,
          .written = traffic.written,
          .memory_bound = true,
          .tolerance = tolerance};
}

std::vector<Case> cases(const Shape& shape, const MaxPoolProblem& p) {
  const double src = floats({p.src_size()}), dst = floats({p.dst_size()});
  const double places = static_cast<double>(p.dst_size() * sizeof(simd::PoolPlace));
  const auto taps = static_cast<double>(p.geometry.kh * p.geometry.kw);
  return {memory_case("max_pool_forward", shape, {.read = src, .written = dst + places}, taps, p.dst_size()),
          memory_case("max_pool_backward", shape, {.read = dst + places, .written = src}, taps, p.dst_size(),
                      kRounding),
          memory_case("average_pool_forward", shape, {.read = src, .written = dst}, taps, p.dst_size(), kRounding),
          memory_case("average_pool_backward", shape, {.read = dst, .written = src}, taps, p.dst_size(), kRounding)};
}

std::vector<Case> cases(const Shape& shape, const VectorProblem& p) {
  const double array = floats({p.n});
  const Traffic sum{.read = array}, map{.read = array, .written = array}, map_two{.read = 2 * array, .written = array},
      accumulate{.read = array, .updated = array}, accumulate_two{.read = array, .updated = 2 * array};
  std::vector<Case> result = {memory_case("sum_squares", shape, sum, 2, p.n, kRounding),
                              memory_case("all_finite", shape, sum, 1, p.n)};
  for (Case& c : result) c.one_thread = true;
  for (const Case& c :
       {memory_case("add", shape, accumulate, 1, p.n),
        memory_case("add_scaled", shape, accumulate, 2, p.n, kRounding),
        memory_case("scale_and_clip", shape, map, 3, p.n),
        memory_case("relu_forward", shape, map, 1, p.n),
        memory_case("relu_backward", shape, map_two, 1, p.n),
        memory_case("dropout", shape, map, 1, p.n),
        memory_case("dropout_backward", shape, map_two, 1, p.n),
        memory_case("adam_update", shape, {.read = array, .updated = 3 * array}, 11, p.n, kRounding),
        memory_case("sgd_update", shape, accumulate_two, 4, p.n, kRounding),
        memory_case("rmsprop_update", shape, accumulate_two, 9, p.n, kRounding),
        memory_case("moving_average", shape, accumulate, 3, p.n, kRounding),
        memory_case("fir", shape, map, 2 * kFirTaps, p.n, kRounding)}) {
    result.push_back(c);
  }
  for (const NamedPointwise& f : kPointwise) {
    const std::string name = f.name;
    result.push_back(memory_case(name + "_forward", shape, map, 4, p.n, kRounding));
    result.push_back(memory_case(name + "_backward", shape, map_two, 6, p.n, kRounding));
  }
  return result;
}

std::vector<Case> cases(const Shape& shape, const MatrixProblem& p) {
  const double array = floats({p.size()});
  const Traffic map{.read = array, .written = array}, map_two{.read = 2 * array, .written = array};
  std::vector<Case> result = {memory_case("copy_matrix", shape, map, 0, p.size()),
                              memory_case("transpose", shape, map, 0, p.size()),
                              memory_case("add_windows", shape, {.read = array, .updated = array}, 1, p.size()),
                              memory_case("bias_gradient", shape, {.read = array}, 1, p.size()),
                              memory_case("column_deviations", shape, {.read = array}, 4, p.size()),
                              memory_case("batch_norm_sums", shape, {.read = 2 * array}, 4, p.size())};
  for (Case& c : result) c.one_thread = true;
  result.push_back(memory_case("scale_shift", shape, map, 2, p.size(), kRounding));
  result.push_back(memory_case("batch_norm_backward", shape, map_two, 5, p.size(), kRounding));
  result.push_back(memory_case("softmax", shape, map, 5, p.size(), kRounding));
  result.push_back(memory_case("softmax_backward", shape, map_two, 4, p.size(), kRounding));
  result.push_back(memory_case("softmax_cross_entropy", shape, map, 6, p.size(), kRounding));
  result.push_back(memory_case("mean_squared_error", shape, map, 4, p.size(), kRounding));
  return result;
}

std::vector<Case> cases(const Shape& shape, const BatchProblem& p) {
  const std::int64_t pixels = p.images * p.pixels;
  return {memory_case("batch_assembly", shape, {.read = static_cast<double>(pixels), .written = floats({pixels})}, 1,
                      pixels)};
}

std::vector<Case> cases(const Shape& shape, const WarpProblem& p) {
  const double frames = floats({p.batch * p.frame_size()}), images = floats({p.batch * p.size()});
  return {memory_case("warp", shape, {.read = frames, .written = images}, 10, p.batch * p.size())};
}

}  // namespace

simd::WarpArgs WarpProblem::args() const {
  return {.rows = height,
          .columns = width,
          .channels = channels,
          .origin = {-100'000, 90'000},
          .down = {65'000, -8'000},
          .across = {8'000, 65'000},
          .scale = 1.0F / 255.0F};
}

std::vector<float> WarpProblem::frames() const {
  std::vector<float> result(static_cast<std::size_t>(batch * frame_size()));
  for (std::int64_t i = 0; i < batch * height * width * channels; ++i) {
    const std::int64_t image = i / size(), y = i / (width * channels) % height, x = i % (width * channels);
    const std::int64_t at = image * frame_size() + (y + 1) * (width + 3) * channels + channels + x;
    result[static_cast<std::size_t>(at)] = static_cast<float>(BatchProblem::pixel(image, i % size()));
  }
  return result;
}

simd::GemmArgs GemmProblem::args() const {
  return {.transpose_a = transpose_a,
          .transpose_b = transpose_b,
          .m = m,
          .n = n,
          .k = k,
          .lda = transpose_a == simd::Transpose::no ? k : m,
          .ldb = transpose_b == simd::Transpose::no ? n : k,
          .ldc = n};
}

simd::PoolGeometry PooledConvProblem::pool() const {
  return {.ih = shape.oh(),
          .iw = shape.ow(),
          .oh = shape.oh() / 2,
          .ow = shape.ow() / 2,
          .channels = shape.oc,
          .kh = 2,
          .kw = 2,
          .stride_h = 2,
          .stride_w = 2};
}

const NamedPointwise* pointwise_of(const Case& c) {
  for (const NamedPointwise& f : kPointwise) {
    const std::string name = f.name;
    if (c.operation == name + "_forward" || c.operation == name + "_backward") return &f;
  }
  return nullptr;
}

std::vector<Case> cases_of(const Shape& shape) {
  return std::visit([&](const auto& problem) { return cases(shape, problem); }, shape.problem);
}

std::vector<float> operand(const Case& c, int which, std::int64_t size) {
  const bool sums = !c.memory_bound || c.operation == "bias_gradient" ||
                    c.operation == "column_deviations" || c.operation == "batch_norm_sums";
  // Of equal values in a window libraries may choose another, so pooling gets values that differ.
  return testing::random_values(size, static_cast<std::uint32_t>(which + 1),
                                sums ? Pattern::integers : Pattern::uniform);
}

}  // namespace tilewise::bench
