#include "tilewise/simd/winograd_weights.hpp"

#include <algorithm>

#include "tilewise/core/error.hpp"
#include "tilewise/simd/panels.hpp"
#include "tilewise/simd/partial_sums.hpp"

namespace tilewise::simd {
namespace {

/// Tiles of a block, the terms of a product: sums are read and written once for as many. Half as many where that would
/// take too much memory.
constexpr std::int64_t kSumTiles = 64;

/// Input channels of a block, whose sums of a panel should stay in L2. d_dst is transformed once for each.
constexpr std::int64_t kSumChannels = 128;

/// Filters from which on pairs of rows of positions are summed up one after the other: fewer transforms and sums are
/// then in L2 at a time, a third of them with tiles of 4 x 4, but pixels are read anew for every pair.
constexpr std::int64_t kManyFilters = 64 * 64;

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
      channels_(shape.ic, kSumChannels) {
  if (!possible(shape)) {
    throw ArgumentError("WinogradWeights: " + shape.to_string() + " is not 3 x 3 with a stride and dilation of 1");
  }
}

std::int64_t WinogradWeights::scratch_floats(const Cut& cut, std::int64_t panels) const {
  const std::int64_t channels = channels_.size(0);
  return cut.positions(size_) * (winograd_plane_floats(cut.block, winograd_tile_floats(channels)) +
                                 winograd_plane_floats(cut.block, tile_.columns) +
                                 panels * winograd_plane_floats(channels, tile_.columns)) +
         workspace_floats_of<WinogradTile>(cut.block);
}

std::int64_t WinogradWeights::scratch_floats() const {
  return scratch_floats({1, kSumTiles, winograd_pairs(size_)}, panels());
}

void WinogradWeights::add(const float* src, const float* d_dst, const Cut& cut, std::int64_t first, std::int64_t end,
                          std::int64_t first_panel, std::int64_t end_panel, float* d_wei, Workspace scratch) const {
  const ConvShape& s = shape_;
  const std::int64_t src_row = winograd_tile_floats(channels_.size(0)), positions = cut.positions(size_);
  auto* const tiles = scratch.take_array<WinogradTile>(cut.block);
  WinogradArgs pixels{.size = size_,
                      .tiles = tiles,
                      .pixel_stride = s.ic,
                      .row_stride = s.iw * s.ic,
                      .plane = winograd_plane_floats(cut.block, src_row),
                      .tile_stride = src_row};
  WinogradArgs gradients{.size = size_,
                         .tiles = tiles,
                         .pixel_stride = s.oc,
                         .row_stride = s.ow() * s.oc,
                         .plane = winograd_plane_floats(cut.block, tile_.columns),
                         .tile_stride = tile_.columns};
  WinogradSums back{.size = size_,
                    .plane = winograd_plane_floats(channels_.size(0), tile_.columns),
                    .row_stride = tile_.columns,
                    .tap_stride = s.ic * s.oc,
                    .wei_row_stride = s.oc};
  TileArgs product{.a_offsets = &kNoOffset,
                   .b_offsets = &kNoOffset,
                   .pairs = 1,
                   .a_row_stride = 1,
                   .a_k_stride = src_row,
                   .ldb = tile_.columns,
                   .ldc = tile_.columns};
  const EvenSplit blocks(end - first, cut.block), parts(winograd_pairs(size_), cut.pairs);
  float* const transformed = scratch.take(positions * pixels.plane);
  float* const d_transformed = scratch.take(positions * gradients.plane);
  float* const all_sums = scratch.take((end_panel - first_panel) * positions * back.plane);
  const auto sums = [&](std::int64_t panel) {
    return all_sums + (blocks.pieces == 1 ? 0 : panel - first_panel) * positions * back.plane;
  };
  const auto columns = [&](std::int64_t panel) { return std::min(tile_.columns, s.oc - panel * tile_.columns); };
  for (std::int64_t i = 0; i < parts.pieces * channels_.pieces; ++i) {
    const std::int64_t part = i / channels_.pieces, ic = channels_.begin(i % channels_.pieces);
    pixels.pairs = gradients.pairs = back.pairs = {parts.begin(part), parts.begin(part) + parts.size(part)};
    pixels.channels = back.rows = channels_.size(i % channels_.pieces);
    for (std::int64_t b = 0; b < blocks.pieces; ++b) {
      pixels.count = gradients.count = product.k = blocks.size(b);
      product.epilogue = b == 0 ? Epilogue::store : Epilogue::add;
      tiles_.list(first + blocks.begin(b), blocks.size(b), tiles);
      kernels_.winograd_src(pixels, src + ic, transformed);
      for (std::int64_t panel = first_panel; panel < end_panel; ++panel) {
        gradients.channels = columns(panel);
        kernels_.winograd_d_dst(gradients, d_dst + panel * tile_.columns, d_transformed);
        product.columns = round_up(columns(panel), kernels_.vector_floats);
        for (std::int64_t p = 0; p < positions; ++p) {
          product.a = transformed + p * pixels.plane;
          product.b = d_transformed + p * gradients.plane;
          product.c = sums(panel) + p * back.plane;
          multiply_panel(kernels_, EvenSplit(back.rows, tile_.rows), product);
        }
        if (b < blocks.pieces - 1) continue;
        back.columns = columns(panel);
        kernels_.winograd_d_filters(back, sums(panel), d_wei + ic * s.oc + panel * tile_.columns);
      }
    }
  }
}

void WinogradWeights::images(std::int64_t images, const float* src, const float* d_dst, float* d_wei,
                             Workspace scratch) const {
  if (images == 0) return;
  const Cut whole{1, kSumTiles, winograd_pairs(size_)};
  add(src, d_dst, whole, 0, tiles_.count(images), 0, panels(), d_wei, scratch);
}

// Partial sums of two blocks each, or four of small tiles, but together no larger than half of what is read. One more,
// of half a block at least, where two threads would have an odd number of tasks, for panels are odd as well. Smaller
// blocks or fewer sums where two threads' workspace would else be larger than the operands; unless nothing fits, for the
// operands are then small.
WinogradWeights::Cut WinogradWeights::cut(std::int64_t images) const {
  const std::int64_t pixels = images * (shape_.src_size() + shape_.dst_size()), tiles = tiles_.count(images);
  const std::int64_t few = size_ == WinogradSize::four ? 2 : 4;
  std::int64_t slots = ceil_div(tiles, few * kSumTiles);
  slots = std::min(slots + slots * panels() % 2, tiles / (kSumTiles / 2));
  slots = std::clamp<std::int64_t>(std::min(slots, pixels / (2 * shape_.wei_size())), 1, kMostPartialSums);
  const std::int64_t pairs = shape_.ic * shape_.oc < kManyFilters ? winograd_pairs(size_) : 1;
  for (const std::int64_t block : {kSumTiles, kSumTiles / 2}) {
    for (std::int64_t fewer = slots; fewer > 0; --fewer) {
      const Cut c{fewer, std::min(block, tiles), pairs};
      if (workspace_floats(c, 2) <= pixels + shape_.wei_size()) return c;
    }
  }
  return {slots, std::min(kSumTiles, tiles), pairs};
}

// Few tasks for a partial sum: each transforms its pixels.
std::int64_t WinogradWeights::task_panels(const Cut& cut, int threads) const {
  return threads == 1 ? panels() : ceil_div(panels(), ceil_div(2 * threads, cut.slots));
}

std::int64_t WinogradWeights::workspace_floats(const Cut& cut, int threads) const {
  return threads * scratch_floats(cut, task_panels(cut, threads)) +
         PartialSums::workspace_floats(cut.slots, shape_.wei_size());
}

std::int64_t WinogradWeights::workspace_floats(std::int64_t images, int threads) const {
  return images == 0 ? 0 : workspace_floats(cut(images), threads);
}

void WinogradWeights::batch(Executor& executor, std::int64_t images, const float* src, const float* d_dst, float* d_wei,
                            Workspace workspace) const {
  if (images == 0) {
    std::fill_n(d_wei, shape_.wei_size(), 0.0F);
    return;
  }
  const Cut c = cut(images);
  const PartialSums sums(c.slots, shape_.wei_size(), d_wei, workspace);
  const MixedSplit parts{tiles_.count(images), c.slots};
  const EvenSplit runs(panels(), task_panels(c, executor.threads()));
  const std::int64_t scratch = scratch_floats(c, runs.size(0));
  float* const memory = workspace.take(executor.threads() * scratch);
  const double work = kMultiplyAddNanoseconds * multiply_adds() * static_cast<double>(images);
  executor.parallel_for(c.slots * runs.pieces, work, [&](std::int64_t i, int worker) {
    const std::int64_t slot = i / runs.pieces, run = i % runs.pieces;
    const std::int64_t first = runs.begin(run), end = first + runs.size(run);
    sums.clear(slot, first * tile_.columns, std::min(end * tile_.columns, shape_.oc), shape_.oc);
    add(src, d_dst, c, parts.begin(slot), parts.begin(slot) + parts.size(slot), first, end, sums[slot],
        Workspace(memory + worker * scratch, scratch));
  });
  sums.add_up(executor, kernels_);
}

}  // namespace tilewise::simd
