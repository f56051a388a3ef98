#include "tilewise/simd/winograd_weights.hpp"

#include <algorithm>

#include "tilewise/core/error.hpp"
#include "tilewise/simd/conv_blocking.hpp"
#include "tilewise/simd/panels.hpp"

namespace tilewise::simd {
namespace {

/// Tiles of a block, the terms of a product: sums are read and written once for as many.
constexpr std::int64_t kSumTiles = 64;

}  // namespace

std::optional<WinogradSize> WinogradWeights::choose(const KernelTable& kernels, const ConvShape& s,
                                                    ConvAlgorithm algorithm) {
  // Measured, for two images or one: small ones come several at a time where a layer has them at hand.
  constexpr WinogradCosts kCosts{.transform_2x2 = 40, .transform_4x4 = 200, .once = 3};
  return choose_winograd_size(kernels, s, algorithm, kCosts);
}

WinogradWeights::WinogradWeights(const KernelTable& kernels, const ConvShape& shape, WinogradSize size)
    : shape_(shape.checked()),
      kernels_(winograd_kernels(kernels, shape)),
      size_(size),
      tiles_(shape, size),
      tile_(choose_tile(kernels_, shape.ic, shape.oc, kSumTiles)),
      src_row_(winograd_tile_floats(shape.ic)) {
  if (!possible(shape)) {
    throw ArgumentError("WinogradWeights: " + shape.to_string() + " is not 3 x 3 with a stride and dilation of 1");
  }
}

std::int64_t WinogradWeights::sums_floats() const {
  return panels() * winograd_positions(size_) * winograd_plane_floats(shape_.ic, tile_.columns);
}

std::int64_t WinogradWeights::block_floats() const {
  return winograd_positions(size_) *
             (winograd_plane_floats(kSumTiles, src_row_) + winograd_plane_floats(kSumTiles, tile_.columns)) +
         workspace_floats_of<WinogradTile>(kSumTiles);
}

std::int64_t WinogradWeights::scratch_floats() const { return sums_floats() + block_floats(); }

void WinogradWeights::sum_up(const float* src, const float* d_dst, std::int64_t first, std::int64_t end,
                             std::int64_t first_panel, std::int64_t end_panel, float* sums, Workspace scratch) const {
  const ConvShape& s = shape_;
  const std::int64_t sums_plane = winograd_plane_floats(s.ic, tile_.columns);
  auto* const tiles = scratch.take_array<WinogradTile>(kSumTiles);
  WinogradArgs pixels{.size = size_,
                      .tiles = tiles,
                      .channels = s.ic,
                      .pixel_stride = s.ic,
                      .row_stride = s.iw * s.ic,
                      .plane = winograd_plane_floats(kSumTiles, src_row_),
                      .tile_stride = src_row_};
  WinogradArgs gradients{.size = size_,
                         .tiles = tiles,
                         .pixel_stride = s.oc,
                         .row_stride = s.ow() * s.oc,
                         .plane = winograd_plane_floats(kSumTiles, tile_.columns),
                         .tile_stride = tile_.columns};
  float* const transformed = scratch.take(winograd_positions(size_) * pixels.plane);
  float* const d_transformed = scratch.take(winograd_positions(size_) * gradients.plane);
  TileArgs product{.a_offsets = &kNoOffset,
                   .b_offsets = &kNoOffset,
                   .pairs = 1,
                   .a_row_stride = 1,
                   .a_k_stride = src_row_,
                   .ldb = tile_.columns,
                   .ldc = tile_.columns,
                   .epilogue = Epilogue::store};
  const EvenSplit channels(s.ic, tile_.rows);
  const EvenSplit blocks(end - first, kSumTiles);
  for (std::int64_t b = 0; b < blocks.pieces; ++b, product.epilogue = Epilogue::add) {
    pixels.count = gradients.count = product.k = blocks.size(b);
    tiles_.list(first + blocks.begin(b), blocks.size(b), tiles);
    kernels_.winograd_src(pixels, src, transformed);
    for (std::int64_t panel = first_panel; panel < end_panel; ++panel) {
      const std::int64_t oc = panel * tile_.columns;
      gradients.channels = std::min(tile_.columns, s.oc - oc);
      kernels_.winograd_d_dst(gradients, d_dst + oc, d_transformed);
      product.columns = round_up(gradients.channels, kernels_.vector_floats);
      for (std::int64_t p = 0; p < winograd_positions(size_); ++p) {
        product.a = transformed + p * pixels.plane;
        product.b = d_transformed + p * gradients.plane;
        product.c = sums + (panel * winograd_positions(size_) + p) * sums_plane;
        multiply_panel(kernels_, channels, product);
      }
    }
  }
}

void WinogradWeights::transform_back(const float* sums, std::int64_t panel, float* d_wei) const {
  const std::int64_t oc = panel * tile_.columns, plane = winograd_plane_floats(shape_.ic, tile_.columns);
  kernels_.winograd_d_filters({.size = size_,
                               .rows = shape_.ic,
                               .columns = std::min(tile_.columns, shape_.oc - oc),
                               .plane = plane,
                               .row_stride = tile_.columns,
                               .tap_stride = shape_.ic * shape_.oc,
                               .wei_row_stride = shape_.oc},
                              sums + panel * winograd_positions(size_) * plane, d_wei + oc);
}

void WinogradWeights::images(std::int64_t images, const float* src, const float* d_dst, float* d_wei,
                             Workspace scratch) const {
  if (images == 0) return;
  float* const sums = scratch.take(sums_floats());
  sum_up(src, d_dst, 0, tiles_.count(images), 0, panels(), sums, scratch);
  for (std::int64_t panel = 0; panel < panels(); ++panel) transform_back(sums, panel, d_wei);
}

// Partial sums enough to share the work out, of a few blocks each, and together no larger than half of what is read.
std::int64_t WinogradWeights::slots(std::int64_t images) const {
  const std::int64_t few = size_ == WinogradSize::four ? 2 : 4;
  const std::int64_t blocks = ceil_div(tiles_.count(images), few * kSumTiles);
  const std::int64_t room = images * (shape_.src_size() + shape_.dst_size()) / (2 * sums_floats());
  return std::clamp<std::int64_t>(std::min(blocks, room), 1, kMostPartialSums);
}

std::int64_t WinogradWeights::workspace_floats(std::int64_t images, int threads) const {
  return images == 0 ? 0 : slots(images) * sums_floats() + threads * block_floats();
}

void WinogradWeights::batch(Executor& executor, std::int64_t images, const float* src, const float* d_dst, float* d_wei,
                            Workspace workspace) const {
  std::fill_n(d_wei, shape_.wei_size(), 0.0F);
  if (images == 0) return;
  constexpr double kFloatNanoseconds = 0.2;
  const EvenSplit parts(tiles_.count(images), ceil_div(tiles_.count(images), slots(images)));
  float* const sums = workspace.take(slots(images) * sums_floats());
  float* const memory = workspace.take(executor.threads() * block_floats());
  // Tasks of the same partial sum each transform its pixels: few of them.
  const std::int64_t tasks = executor.threads() == 1 ? 1 : ceil_div(2 * executor.threads(), parts.pieces);
  const EvenSplit runs(panels(), ceil_div(panels(), tasks));
  const double work = multiply_adds() * static_cast<double>(images);
  executor.parallel_for(parts.pieces * runs.pieces, kMultiplyAddNanoseconds * work, [&](std::int64_t i, int worker) {
    const std::int64_t part = i / runs.pieces, run = i % runs.pieces;
    sum_up(src, d_dst, parts.begin(part), parts.begin(part) + parts.size(part), runs.begin(run),
           runs.begin(run) + runs.size(run), sums + part * sums_floats(),
           Workspace(memory + worker * block_floats(), block_floats()));
  });
  executor.parallel_for(panels(), kFloatNanoseconds * static_cast<double>(parts.pieces * sums_floats()),
                        [&](std::int64_t panel, int) {
                          for (std::int64_t part = 0; part < parts.pieces; ++part) {
                            transform_back(sums + part * sums_floats(), panel, d_wei);
                          }
                        });
}

}  // namespace tilewise::simd
