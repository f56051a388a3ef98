#pragma once

#include <cstdint>

#include "tilewise/simd/isa.hpp"
#include "tilewise/simd/microkernel.hpp"
#include "tilewise/simd/pool_geometry.hpp"
#include "tilewise/simd/winograd.hpp"

namespace tilewise::simd {

/// Where the random bits of a dropout come from: the key and the upper three words of the counter
/// of Philox-4x32-10 (core/random.hpp). Of each 64 elements the first 32 take words 0 and 1 of sixteen
/// blocks in turn, the others words 2 and 3: element e takes word (e % 64) / 32 * 2 + e % 2 of the block
/// whose lowest counter word is e / 64 * 16 + e % 32 / 2.
struct DropoutArgs {
  std::uint32_t key[2] = {};
  std::uint32_t counter[3] = {};
  std::uint32_t threshold = 0;  ///< rate * 2^32: an element is dropped when its bits are below
  float scale = 1;              ///< 1 / (1 - rate)
};

struct AdamArgs {
  float rate = 0;  ///< learning rate * sqrt(1 - beta2^t) / (1 - beta1^t)
  float beta1 = 0;
  float beta2 = 0;
  float epsilon = 0;
  float decay = 0;  ///< of the weights: learning rate * weight decay
};

struct SgdArgs {
  float rate = 0;
  float momentum = 0;
  bool nesterov = false;
  float decay = 0;  ///< as in AdamArgs
};

struct RmspropArgs {
  float rate = 0;
  float rho = 0;
  float momentum = 0;
  float epsilon = 0;
  float decay = 0;  ///< as in AdamArgs
};

/// The loss of each of `rows` rows of outputs, and its gradient. What a row should be, y, is onehot(label), or
/// its row of `targets` if that is not null.
struct LossArgs {
  std::int64_t rows = 0, columns = 0;
  const float* outputs = nullptr;
  const std::int32_t* labels = nullptr;
  const float* targets = nullptr;
  float smoothing = 0;  ///< softmax_cross_entropy only: y becomes (1 - smoothing) y + smoothing / columns
  float gradient_scale = 1;
  float* losses = nullptr;  ///< one a row
  float* d_outputs = nullptr;
};

/// What batch_norm_backward has for each column.
struct BatchNormFactors {
  const float* center = nullptr;
  const float* scale = nullptr;
  const float* slope = nullptr;
  const float* offset = nullptr;
};

/// value * (a run of floats that starts `offset` floats into an array)
struct SparseTerm {
  std::int32_t offset;
  float value;
};
/// The sum of terms [first, first + count) of a list, for the run that starts `dst` floats into an array.
struct SparseSum {
  std::int32_t first, count;
  std::int64_t dst;
};
/// The longest run of add_sparse, in vectors: with 16 registers that leaves room for a factor.
inline constexpr std::int64_t kMaxSparseVectors = 12;

/// One row of 2x2 pooling windows over a convolution's output, all channels. Tap t of the convolution for the
/// window's pixels (0, 0), (0, 1), (1, 0) and (1, 1) is at src[taps[t]] and column_step, row_step and both
/// further on. Filters are packed (panels.hpp) in panels of panel_vectors vectors.
struct ConvPoolArgs {
  const float* src = nullptr;
  const std::int64_t* taps = nullptr;
  std::int64_t tap_count = 0;
  std::int64_t row_step = 0, column_step = 0;
  std::int64_t windows = 0, window_step = 0;
  const float* wei = nullptr;
  std::int64_t panel_vectors = 1;
  const float* bias = nullptr;
  float floor = 0;  ///< 0 is ReLU, -infinity none
  std::int64_t channels = 0;
  float* dst = nullptr;            ///< (windows, channels)
  PoolPlace* argmax = nullptr;     ///< likewise: which pixel, 0 to 3
  const float* d_dst = nullptr;    ///< backward: the gradient of dst,
  const PoolPlace* picked = nullptr;  ///< and argmax
};

/// Filter rows of so many terms, kw * ic, for pixels so many floats apart, stride * ic.
struct ShortRun {
  int terms, step;
};
/// Those that conv_short is compiled for: 3 or 5 pixels of one channel or of three, with a stride of 1.
inline constexpr ShortRun kShortRuns[] = {{3, 1}, {5, 1}, {9, 3}, {15, 3}};
/// Its tile: pixels, and vectors of channels.
inline constexpr int kShortPixels = 4, kShortVectors = 2;

/// The longest filter rows of conv_short_weights, in terms.
inline constexpr int kMostShortTerms = 9;

/// Rows of output pixels of a convolution whose windows lie inside the image, for the channels of one packed panel; or
/// for the filters' gradient, which takes any number of channels, and has no use for wei, bias, floor and dst.
struct ConvShortArgs {
  ShortRun run{};                                     ///< one of kShortRuns; backward with 1 to kMostShortTerms terms
  std::int64_t filter_rows = 0, filter_row_step = 0;  ///< and how far apart they see src
  const float* src = nullptr;
  std::int64_t rows = 0, src_row_step = 0, dst_row_step = 0;
  std::int64_t pixels = 0, dst_step = 0;  ///< of a row
  const float* wei = nullptr;             ///< (filter_rows, run.terms, kShortVectors vectors), see panels.hpp
  std::int64_t channels = 0;              ///< so many that the last vector has some
  const float* bias = nullptr;
  float floor = 0;  ///< 0 is ReLU, -infinity none
  float* dst = nullptr;
};

/// Functions of one number x. Phi is the distribution function of the standard normal distribution.
enum class Pointwise : std::uint8_t {
  leaky_relu,  ///< x > 0 ? x : alpha x
  elu,         ///< x > 0 ? x : alpha (exp(x) - 1)
  sigmoid,     ///< 1 / (1 + exp(-x))
  tanh,
  silu,        ///< x sigmoid(x)
  gelu,        ///< x Phi(x), Phi(x) = erfc(-x / sqrt(2)) / 2
  gelu_tanh,   ///< x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, close to gelu
};
struct PointwiseArgs {
  Pointwise function{};
  float alpha = 0;  ///< not negative; of the functions that have one

  friend bool operator==(const PointwiseArgs&, const PointwiseArgs&) = default;
};
/// Whether the derivative at x is computed from f(x); otherwise it is from x.
constexpr bool derivative_reads_dst(Pointwise function) {
  return function <= Pointwise::tanh;
}
/// An image taken from another of the same size, pixel by pixel from between four: the pixel (r, c) of dst
/// from the place origin + r * down + c * across, row and column, in units of 2^-16 pixels, less than 2^15
/// pixels from 0, rounded to 2^-8 pixels. What lies outside is 0.
///
/// Of bytes the sum of four is exact in float: scale * (value at that place), rounded once.
struct WarpArgs {
  std::int64_t rows = 0, columns = 0, channels = 0;
  /// (rows + 3, columns + 3, channels): the image, whole numbers from 0 to 255, in a frame of zeros, one
  /// pixel above and left of it and two below and right.
  const float* src = nullptr;
  std::int32_t origin[2] = {}, down[2] = {}, across[2] = {};
  /// Null, or what is added to row and column for the pixel (r, c): element r * shift_pitch + c, in pixels,
  /// rounded towards 0 to the units above.
  const float* shifts[2] = {};
  std::int64_t shift_pitch = 0;
  float scale = 1;
  float* dst = nullptr;
};

/// A tap of a depthwise convolution along one axis: how much further on it reads, and lies itself.
struct DepthwiseTap {
  std::int64_t src, wei;
};
/// A run of pixels of a depthwise convolution that the same taps make: those in rows x columns, tap (r, t)
/// from src[rows[r].src + columns[t].src] and wei[rows[r].wei + columns[t].wei].
struct DepthwiseArgs {
  const float* src = nullptr;
  std::int64_t src_step = 0, dst_step = 0;  ///< from one pixel to the next
  std::int64_t pixels = 0, channels = 0;
  const DepthwiseTap* rows = nullptr;
  const DepthwiseTap* columns = nullptr;
  std::int64_t row_count = 0, column_count = 0;
  const float* wei = nullptr;
  const float* bias = nullptr;  ///< (channels), or null for none
  float floor = 0;              ///< 0 is ReLU, -infinity none
  float* dst = nullptr;
};

/// Rows of A times rows of B, products of matrices whose sums run along both.
struct DotArgs {
  std::int64_t m = 0, n = 0, k = 0;
  float alpha = 1;
  const float* a = nullptr;  ///< (m, k)
  std::int64_t lda = 0;
  const float* b = nullptr;  ///< (n, k)
  std::int64_t ldb = 0;
  float beta = 0;
  float* c = nullptr;  ///< (m, n)
  std::int64_t ldc = 0;
};

/// Independent multiply-add chains of the fma_peak kernel.
inline constexpr int kPeakChains = 12;

// The one list of vector kernels besides the micro-kernel. The table's fields, its initialisers and
// the completeness checks of tests and benchmarks are all made from it.
//
// All arrays are of float and dense unless said otherwise; kernels may be called with n = 0 unless it says more of n;
// sources and destinations are the same array or do not overlap.
#define TILEWISE_KERNELS(KERNEL)                                                                   \
  /* dst[r * dst_stride + c] = src[r * src_stride + c] for c < columns, 0 for columns <= c < padded */\
  KERNEL(copy_matrix, void,                                                                        \
         (std::int64_t rows, std::int64_t columns, const float* src, std::int64_t src_stride,      \
          float* dst, std::int64_t dst_stride, std::int64_t padded))                               \
  /* dst[c * dst_stride + r] = src[r * src_stride + c] for r < rows, 0 for rows <= r < padded */   \
  KERNEL(transpose, void,                                                                          \
         (std::int64_t rows, std::int64_t columns, const float* src, std::int64_t src_stride,      \
          float* dst, std::int64_t dst_stride, std::int64_t padded))                               \
  /* c[i * ldc + j] = alpha * (sum over l < k of a[i * lda + l] * b[j * ldb + l]) + beta * c[i * ldc + j];\
     c is not read if beta is 0. Sums are added up in lanes, these in a fixed order. */            \
  KERNEL(dots, void, (const DotArgs& args))                                                        \
  /* y[j] += sum over l < k, in order, of x[l * x_stride] * b[l * ldb + j], for j < n; one             \
     multiply-add each */                                                                          \
  KERNEL(add_rows, void,                                                                           \
         (std::int64_t k, std::int64_t n, const float* x, std::int64_t x_stride, const float* b,   \
          std::int64_t ldb, float* y))                                                             \
  /* dst[w * dst_window + r * dst_row + i] += src[w * src_window + r * n + i] for w < windows, in   \
     order, r < rows, i < n; windows of dst may overlap */                                         \
  KERNEL(add_windows, void,                                                                        \
         (std::int64_t windows, std::int64_t rows, std::int64_t n, const float* src,               \
          std::int64_t src_window, float* dst, std::int64_t dst_window, std::int64_t dst_row))     \
  /* dst[i] += src[i] */                                                                           \
  KERNEL(add, void, (std::int64_t n, const float* src, float* dst))                                \
  /* For each of `count` sums: dst[sum.dst + i] += sum over its terms, in order, of                \
     term.value * src[term.offset + i], for i < n;                                                 \
     vector_floats <= n <= kMaxSparseVectors * vector_floats */                                    \
  KERNEL(add_sparse, void,                                                                         \
         (std::int64_t count, const SparseSum* sums, const SparseTerm* terms, const float* src,    \
          std::int64_t n, float* dst))                                                             \
  /* Appends {i * step, gradient[i]} to terms for each i < n, in order, with argmax[i] == place and  \
     gradient[i] != 0; returns how many */                                                         \
  KERNEL(list_picked, std::int32_t,                                                                \
         (std::int64_t n, const float* gradient, const PoolPlace* argmax, std::int32_t place,   \
          std::int32_t step, SparseTerm* terms))                                                   \
  /* dst[i] = scale * src[i] */                                                                    \
  KERNEL(scale_bytes, void, (std::int64_t n, const std::uint8_t* src, float scale, float* dst))    \
  /* See WarpArgs */                                                                               \
  KERNEL(warp, void, (const WarpArgs& args))                                                       \
  /* dst[i] = sum over taps t, in order, of weights[t] * src[i + t * step], for i < n; dst does not   \
     overlap src */                                                                                \
  KERNEL(fir, void,                                                                                \
         (std::int64_t n, std::int64_t taps, const float* weights, const float* src,               \
          std::int64_t step, float* dst))                                                          \
  /* dst[i] = max(0, src[i]); NaN stays NaN */                                                     \
  KERNEL(relu_forward, void, (std::int64_t n, const float* src, float* dst))                       \
  /* d_src[i] = dst[i] > 0 ? d_dst[i] : 0 */                                                       \
  KERNEL(relu_backward, void,                                                                      \
         (std::int64_t n, const float* dst, const float* d_dst, float* d_src))                     \
  /* dst[i] = f(src[i]); NaN stays NaN */                                                          \
  KERNEL(pointwise_forward, void,                                                                  \
         (const PointwiseArgs& f, std::int64_t n, const float* src, float* dst))                   \
  /* d_src[i] = f'(src[i]) * d_dst[i]; kept is dst or src, as derivative_reads_dst() says */       \
  KERNEL(pointwise_backward, void,                                                                 \
         (const PointwiseArgs& f, std::int64_t n, const float* kept, const float* d_dst,           \
          float* d_src))                                                                           \
  /* d_bias[c] += sum over rows, in order, of d_dst[row * channels + c] */                         \
  KERNEL(bias_gradient, void,                                                                      \
         (std::int64_t rows, std::int64_t channels, const float* d_dst, float* d_bias))            \
  /* sums[c] += sum over rows, in an order that rows, columns and the instruction set fix, of      \
     src[row * columns + c] - center[c]; squares[c] += sum of its squares */                       \
  KERNEL(column_deviations, void,                                                                  \
         (std::int64_t rows, std::int64_t columns, const float* src, const float* center,          \
          float* sums, float* squares))                                                            \
  /* dst[row * columns + c] = scale[c] * src[row * columns + c] + shift[c] */                      \
  KERNEL(scale_shift, void,                                                                        \
         (std::int64_t rows, std::int64_t columns, const float* scale, const float* shift,         \
          const float* src, float* dst))                                                           \
  /* sums[c] += sum over rows, in an order that rows, columns and the instruction set fix, of      \
     d_dst[row * columns + c]; products[c] += sum of d_dst * (src - center[c]) */                  \
  KERNEL(batch_norm_sums, void,                                                                    \
         (std::int64_t rows, std::int64_t columns, const float* src, const float* center,          \
          const float* d_dst, float* sums, float* products))                                       \
  /* d_src = scale[c] * d_dst + slope[c] * (src - center[c]) + offset[c], row by row */             \
  KERNEL(batch_norm_backward, void,                                                                \
         (std::int64_t rows, std::int64_t columns, const BatchNormFactors& factors,                \
          const float* src, const float* d_dst, float* d_src))                                     \
  /* dst = the window's maximum, argmax = its place kh * KW + kw in the window. The first of equal   \
     values wins. A NaN counts as largest, and of several the last. */                             \
  KERNEL(max_pool_forward, void,                                                                   \
         (const PoolGeometry& geometry, const float* src, float* dst, PoolPlace* argmax))   \
  /* value(q) = (sum over taps, in order, of src * wei) + bias for the pixels q of each window;     \
     argmax and dst as max_pool_forward has them, then dst = max(floor, dst) */                    \
  KERNEL(conv_pool, void, (const ConvPoolArgs& args))                                              \
  /* dst = max(floor, (sum over filter rows and their terms, in order, of src * wei) + bias); NaN stays NaN */\
  KERNEL(conv_short, void, (const ConvShortArgs& args))                                            \
  /* d_wei[tap * dst_step + channel] += sum over rows and their pixels, in order, of src of the tap * \
     d_dst, for run.terms taps of each filter row: rows of channels are as far apart in both */    \
  KERNEL(conv_short_weights, void, (const ConvShortArgs& args, const float* d_dst, float* d_wei))  \
  /* d_wei(tap, channel) += sum over windows, in order, of d_dst * src of the tap of the pixel that  \
     was picked */                                                                                 \
  KERNEL(conv_pool_weights, void, (const ConvPoolArgs& args, float* d_wei))                        \
  /* dst(pixel, c) = max(floor, bias(c) + sum over taps, in order, of src(tap of the pixel, c) *     \
     wei(tap, c)); NaN stays NaN */                                                                \
  KERNEL(depthwise, void, (const DepthwiseArgs& args))                                             \
  /* d_wei(tap, c) += sum over pixels, in order, of src(tap of the pixel, c) * d_dst(pixel, c) */  \
  KERNEL(depthwise_weights, void, (const DepthwiseArgs& args, const float* d_dst, float* d_wei))   \
  /* tiles[i].blank of args.tiles[i], which may be the same, of 4 x 4 outputs (winograd.hpp) */    \
  KERNEL(winograd_blank, void, (const WinogradArgs& args, const float* src, WinogradTile* tiles))  \
  /* transformed = B' src B of each tile, rows of args.pairs */                                    \
  KERNEL(winograd_src, void, (const WinogradArgs& args, const float* src, float* transformed))     \
  /* transformed = A d_dst A' of each tile, likewise, whole vectors: channels that are none are 0 */\
  KERNEL(winograd_d_dst, void, (const WinogradArgs& args, const float* d_dst, float* transformed)) \
  /* dst = max(floor, A' sums A + bias) of each tile, without the sums where it is blank; a null     \
     bias is 0; sums are readable for whole vectors; NaN stays NaN */                              \
  KERNEL(winograd_dst, void,                                                                       \
         (const WinogradArgs& args, const float* sums, const float* bias, float floor, float* dst)) \
  /* d_wei += G' sums G of each filter, over rows of args.pairs; sums are readable for whole vectors */\
  KERNEL(winograd_d_filters, void,                                                                 \
         (const WinogradSums& args, const float* sums, float* d_wei))                              \
  /* planes = G wei G' of each filter */                                                           \
  KERNEL(winograd_filters, void, (const WinogradFilters& args))                                    \
  /* d_src = sum of the d_dst whose window's maximum each element was */                           \
  KERNEL(max_pool_backward, void,                                                                  \
         (const PoolGeometry& geometry, const float* d_dst, const PoolPlace* argmax,        \
          float* d_src))                                                                           \
  /* dst = the mean of the window's elements, summed in order; padding is not counted */           \
  KERNEL(average_pool_forward, void,                                                               \
         (const PoolGeometry& geometry, const float* src, float* dst))                          \
  /* d_src = sum of d_dst / elements over the windows that an element is in */                     \
  KERNEL(average_pool_backward, void,                                                              \
         (const PoolGeometry& geometry, const float* d_dst, float* d_src))                      \
  /* dst[i] = dropped(first + i) ? -0 : scale * src[i], which is never -0; see DropoutArgs */      \
  KERNEL(dropout, void,                                                                            \
         (const DropoutArgs& args, std::int64_t first, std::int64_t n, const float* src,           \
          float* dst))                                                                             \
  /* d_src[i] = dst[i] is -0 ? 0 : scale * d_dst[i], with what dropout wrote to dst */             \
  KERNEL(dropout_backward, void,                                                                   \
         (float scale, std::int64_t n, const float* dst, const float* d_dst, float* d_src))        \
  /* dst(row, :) = exp(src(row, :) - max) / sum of the same */                                     \
  KERNEL(softmax, void,                                                                            \
         (std::int64_t rows, std::int64_t classes, const float* src, float* dst))                  \
  /* d_src = dst * (d_dst - sum over classes of dst * d_dst), row by row */                        \
  KERNEL(softmax_backward, void,                                                                   \
         (std::int64_t rows, std::int64_t classes, const float* dst, const float* d_dst,           \
          float* d_src))                                                                           \
  /* With logits for outputs: losses[row] = sum over columns of y * (log(sum of exp(logits)) - logit);\
     d_outputs = gradient_scale * ((sum over columns of y) * softmax(logits) - y) */               \
  KERNEL(softmax_cross_entropy, void, (const LossArgs& args))                                      \
  /* losses[row] = mean over columns of (output - y)^2;                                            \
     d_outputs = gradient_scale * 2 / columns * (output - y) */                                    \
  KERNEL(mean_squared_error, void, (const LossArgs& args))                                         \
  /* dst[i] += factor * src[i] */                                                                  \
  KERNEL(add_scaled, void, (std::int64_t n, float factor, const float* src, float* dst))           \
  /* dst[i] = min(limit, max(-limit, factor * src[i])); NaN stays NaN */                           \
  KERNEL(scale_and_clip, void,                                                                     \
         (std::int64_t n, float factor, float limit, const float* src, float* dst))                \
  /* Sum of src[i]^2, in double: the same bits whatever the instruction set */                     \
  KERNEL(sum_squares, double, (std::int64_t n, const float* src))                                  \
  /* Whether no src[i] is infinite or NaN */                                                       \
  KERNEL(all_finite, bool, (std::int64_t n, const float* src))                                     \
  /* m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;                                   \
     w -= rate m / (sqrt(v) + epsilon) + decay w                                                   \
     (D. Kingma, J. Ba, "Adam", arXiv:1412.6980, the reordered form at the end of section 2) */    \
  KERNEL(adam_update, void,                                                                        \
         (const AdamArgs& args, std::int64_t n, const float* gradient, float* m, float* v,         \
          float* weights))                                                                         \
  /* velocity = momentum velocity - rate g; w += step - decay w with step = velocity, or for Nesterov\
     momentum velocity - rate g */                                                                 \
  KERNEL(sgd_update, void,                                                                         \
         (const SgdArgs& args, std::int64_t n, const float* gradient, float* velocity,             \
          float* weights))                                                                         \
  /* velocity = rho velocity + (1 - rho) g^2; average = rho average + (1 - rho) g;                 \
     step = rate g / sqrt(max(0, velocity - average^2) + epsilon); moment = momentum moment + step;\
     w -= moment + decay w. Without (null) average it is 0, without moment it is the step. */      \
  KERNEL(rmsprop_update, void,                                                                     \
         (const RmspropArgs& args, std::int64_t n, const float* gradient, float* velocity,         \
          float* average, float* moment, float* weights))                                          \
  /* average = momentum * average + (1 - momentum) * src */                                         \
  KERNEL(moving_average, void,                                                                     \
         (float momentum, std::int64_t n, const float* src, float* average))                       \
  /* iterations x kPeakChains vector multiply-adds in registers; the result is to be ignored */    \
  KERNEL(fma_peak, float, (std::int64_t iterations))

/// Everything that is compiled once per instruction set.
struct KernelTable {
  Isa isa{};
  std::int64_t vector_floats = 0;
  /// tile[vectors - 1][rows - 1]; null for tiles taller than max_rows[vectors - 1].
  TileKernel tile[kMaxTileVectors][kMaxTileRows] = {};
  std::int64_t max_rows[kMaxTileVectors] = {};

#define TILEWISE_DECLARE(name, result, parameters) result(*name) parameters noexcept = nullptr;
  TILEWISE_KERNELS(TILEWISE_DECLARE)
#undef TILEWISE_DECLARE
};

/// The kernels for `isa`. Throws ArgumentError when this build or this CPU does not have them.
const KernelTable& kernel_table(Isa isa);

/// The kernels of default_isa(), looked up once.
const KernelTable& default_kernels();

/// The kernels to compute matrices of `columns` columns with: `kernels`, or, on a CPU that takes each of their vectors
/// in two halves, those of half their width, if the columns are up to three vectors, of the last at most a half, or if
/// they are fewer vectors than `least`, which a kernel wants. Such a CPU is AMD's Zen 4 with AVX-512; the environment's
/// TILEWISE_AVX512_HALVES, 0 or 1, says so of another, to test or time its way here. Throws ArgumentError if it is
/// neither.
const KernelTable& kernels_for_columns(const KernelTable& kernels, std::int64_t columns, int least = 1);

}  // namespace tilewise::simd
