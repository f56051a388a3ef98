#include "tilewise/simd/conv_winograd.hpp"

#include <algorithm>

#include "tilewise/core/error.hpp"
#include "tilewise/simd/panels.hpp"

namespace tilewise::simd {
namespace {

constexpr std::int64_t kNoOffset = 0;

/// Tiles of a block: two of the micro-kernel's tallest. Filters are read from L2 once for every block, and its
/// transforms stay there; larger blocks are no faster.
constexpr std::int64_t kBlockTiles = 2 * kMaxTileRows;

}  // namespace

bool ConvWinograd::possible(const ConvShape& s) { return has_winograd_tiles(s); }

bool ConvWinograd::pays(const KernelTable& kernels, const ConvShape& s) {
  if (!possible(s)) return false;
  const WinogradCost cost = winograd_cost(kernels, s);
  return cost.winograd < cost.direct;
}

ConvWinograd::ConvWinograd(const KernelTable& kernels, const ConvShape& shape)
    : shape_(shape.checked()),
      kernels_(winograd_kernels(kernels, shape)),
      tiles_(shape),
      tile_(choose_tile(kernels_, kBlockTiles, shape.oc, shape.ic)),
      src_row_(winograd_tile_floats(shape.ic)) {
  if (!possible(shape)) {
    throw ArgumentError("ConvWinograd: " + shape.to_string() + " is not 3 x 3 with a stride and dilation of 1");
  }
}

std::int64_t ConvWinograd::src_plane() const { return winograd_plane_floats(kBlockTiles, src_row_); }

std::int64_t ConvWinograd::sums_plane() const {
  return winograd_plane_floats(kBlockTiles, tile_.columns);
}

std::int64_t ConvWinograd::packed_floats() const {
  return kWinogradPositions * simd::packed_floats(tile_, shape_.ic, shape_.oc);
}

std::int64_t ConvWinograd::scratch_floats() const {
  return round_up_to_line(kWinogradPositions * src_plane()) +
         round_up_to_line(kWinogradPositions * sums_plane()) + workspace_floats_of<WinogradTile>(kBlockTiles);
}

// packed(panel, position, ic, j), of column panel * tile.columns + j: pack_tap(tap, first, count, to) leaves a tap
// of a panel's filters at to, ic x tile.columns.
template <class PackTap>
void ConvWinograd::pack_panels(float* packed, PackTap pack_tap) const {
  const std::int64_t plane = shape_.ic * tile_.columns;
  for (std::int64_t oc = 0; oc < shape_.oc; oc += tile_.columns, packed += kWinogradPositions * plane) {
    for (std::int64_t tap = 0; tap < kWinogradTaps; ++tap) {
      pack_tap(tap, oc, std::min(tile_.columns, shape_.oc - oc), packed + (kFirstWinogradTap + tap) * plane);
    }
    kernels_.winograd_filters(plane, packed);
  }
}

void ConvWinograd::pack(const float* wei, float* packed) const {
  const ConvShape& s = shape_;
  pack_panels(packed, [&](std::int64_t tap, std::int64_t first, std::int64_t count, float* to) {
    kernels_.copy_matrix(s.ic, count, wei + tap * s.ic * s.oc + first, s.oc, to, tile_.columns, tile_.columns);
  });
}

void ConvWinograd::pack_transposed(const float* wei, float* packed) const {
  const ConvShape& s = shape_;
  pack_panels(packed, [&](std::int64_t tap, std::int64_t first, std::int64_t count, float* to) {
    const float* const turned = wei + (kWinogradTaps - 1 - tap) * s.ic * s.oc;
    kernels_.transpose(count, s.ic, turned + first * s.ic, s.ic, to, tile_.columns, tile_.columns);
  });
}

void ConvWinograd::block(const Operands& operands, std::int64_t first, std::int64_t count, Workspace scratch) const {
  const ConvShape& s = shape_;
  auto* const tiles = scratch.take_array<WinogradTile>(kBlockTiles);
  float* const transformed = scratch.take(kWinogradPositions * src_plane());
  float* const sums = scratch.take(kWinogradPositions * sums_plane());
  tiles_.list(first, count, tiles);
  WinogradArgs args{.tiles = tiles,
                    .count = count,
                    .channels = s.ic,
                    .pixel_stride = s.ic,
                    .row_stride = s.iw * s.ic,
                    .plane = src_plane(),
                    .tile_stride = src_row_};
  kernels_.winograd_src(args, operands.src, transformed);

  args.pixel_stride = s.oc;
  args.row_stride = s.ow() * s.oc;
  args.plane = sums_plane();
  args.tile_stride = tile_.columns;
  TileArgs product{.a_offsets = &kNoOffset,
                   .b_offsets = &kNoOffset,
                   .pairs = 1,
                   .k = s.ic,
                   .a_row_stride = src_row_,
                   .a_k_stride = 1,
                   .ldb = tile_.columns,
                   .ldc = tile_.columns,
                   .epilogue = Epilogue::store};
  const EvenSplit rows(count, tile_.rows);
  const float* filters = operands.packed_wei;
  for (std::int64_t oc = 0; oc < s.oc; oc += tile_.columns) {
    // Whole vectors: what is beyond the last channel is zero and read by nobody.
    product.columns = std::min(tile_.columns, round_up(s.oc - oc, kernels_.vector_floats));
    for (std::int64_t p = 0; p < kWinogradPositions; ++p, filters += s.ic * tile_.columns) {
      product.a = transformed + p * src_plane();
      product.b = filters;
      product.c = sums + p * sums_plane();
      multiply_panel(kernels_, rows, product);
    }
    args.channels = std::min(tile_.columns, s.oc - oc);
    kernels_.winograd_dst(args, sums, operands.bias == nullptr ? nullptr : operands.bias + oc, operands.floor,
                          operands.dst + oc);
  }
}

void ConvWinograd::blocks(const Operands& operands, std::int64_t first, std::int64_t count, Workspace scratch) const {
  const EvenSplit split(count, kBlockTiles);
  for (std::int64_t i = 0; i < split.pieces; ++i) block(operands, first + split.begin(i), split.size(i), scratch);
}

void ConvWinograd::images(std::int64_t images, const float* src, const float* packed_wei, const float* bias,
                          float floor, float* dst, Workspace scratch) const {
  if (images == 0) return;
  blocks({src, packed_wei, bias, floor, dst}, 0, tiles_.count(images), scratch);
}

void ConvWinograd::batch(Executor& executor, std::int64_t images, const float* src, const float* packed_wei,
                         const float* bias, float floor, float* dst, Workspace workspace) const {
  if (images == 0) return;
  constexpr double kTaskNanoseconds = 20'000;
  constexpr std::int64_t kTasksPerThread = 8;
  const std::int64_t scratch = scratch_floats();
  float* const memory = workspace.take(executor.threads() * scratch);
  // A few tasks a thread, for balance, but none of less than some microseconds or a tile of the micro-kernel.
  const double nanoseconds = kMultiplyAddNanoseconds * multiply_adds() * static_cast<double>(images);
  const std::int64_t threads = executor.threads(), total = tiles_.count(images);
  const auto worth = std::max(threads, static_cast<std::int64_t>(nanoseconds / kTaskNanoseconds));
  const std::int64_t tasks = threads == 1 ? 1 : std::min(kTasksPerThread * threads, worth);
  const EvenSplit split(total, std::max<std::int64_t>(kMaxTileRows, ceil_div(total, tasks)));
  executor.parallel_for(split.pieces, nanoseconds, [&](std::int64_t i, int worker) {
    blocks({src, packed_wei, bias, floor, dst}, split.begin(i), split.size(i),
           Workspace(memory + worker * scratch, scratch));
  });
}

}  // namespace tilewise::simd
