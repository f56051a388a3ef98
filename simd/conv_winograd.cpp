#include "tilewise/simd/conv_winograd.hpp"

#include <algorithm>

#include "tilewise/core/error.hpp"
#include "tilewise/simd/panels.hpp"

namespace tilewise::simd {
namespace {

/// Tiles of a block: two of the micro-kernel's tallest, or where there are more positions as many whole ones of two
/// vectors as are no taller than that. Filters are read from L2 once for every block, and its transforms stay there;
/// larger blocks are no faster.
std::int64_t block_tiles(const KernelTable& kernels, WinogradSize size) {
  if (size == WinogradSize::two) return 2 * kMaxTileRows;
  return kMaxTileRows / kernels.max_rows[1] * kernels.max_rows[1];
}

/// Transformed filters of more floats, 2 MB, are not packed: they would take up to 4 times the memory of the filters,
/// and soon be too large for any cache. Blocks transform them, for so many input channels at a time.
constexpr std::int64_t kMostTransformed = 512 * 1024;
constexpr std::int64_t kFilterChannels = 32;

/// Sums of more input channels are added up in parts, for which they are more exact.
constexpr std::int64_t kSumChannels = 128;

/// Sums of fewer channels are so exact when done directly that the transforms of 4 x 4 outputs would show: errors would
/// be up to three times as large.
constexpr std::int64_t kLeastChannels = 16;
/// Products of even fewer, which are stored for every position, take longer than the count expects.
constexpr std::int64_t kFewestChannels = 12;

/// The convolution that a pass of `s` is, where possible().
ConvShape convolution_of(const ConvShape& s, ConvPass pass) {
  if (pass == ConvPass::forward) return s;
  return {.ic = s.oc,
          .ih = s.oh(),
          .iw = s.ow(),
          .oc = s.ic,
          .kh = s.kh,
          .kw = s.kw,
          .pad_top = s.kh - 1 - s.pad_top,
          .pad_left = s.kw - 1 - s.pad_left,
          .pad_bottom = s.kh - 1 - s.pad_bottom,
          .pad_right = s.kw - 1 - s.pad_right};
}

ConvShape checked_convolution_of(const ConvShape& shape, ConvPass pass) {
  if (!ConvWinograd::possible(shape.checked(), pass)) {
    throw ArgumentError("ConvWinograd: " + shape.to_string() + " is not 3 x 3 with a stride and dilation of 1, or has "
                        "too much padding");
  }
  return convolution_of(shape, pass);
}

}  // namespace

bool ConvWinograd::possible(const ConvShape& s, ConvPass pass) {
  const bool reaches = pass == ConvPass::forward || (s.pad_top < s.kh && s.pad_left < s.kw);
  return has_winograd_tiles(s) && reaches;
}

std::optional<WinogradSize> ConvWinograd::choose(const KernelTable& kernels, const ConvShape& shape,
                                                 ConvAlgorithm algorithm, ConvPass pass) {
  if (!possible(shape, pass)) return std::nullopt;
  const ConvShape s = convolution_of(shape, pass);
  // Measured, with what products of few terms cost beside them.
  constexpr WinogradCosts kCosts{.transform_2x2 = 100, .transform_4x4 = 300, .once = 0};
  if (s.ic < kFewestChannels) return std::nullopt;
  const bool is_short = algorithm == ConvAlgorithm::automatic && s.ic < kLeastChannels;
  return choose_winograd_size(kernels, s, is_short ? ConvAlgorithm::winograd_2x2 : algorithm, kCosts);
}

ConvWinograd::ConvWinograd(const KernelTable& kernels, const ConvShape& shape, WinogradSize size, ConvPass pass)
    : pass_(pass),
      shape_(checked_convolution_of(shape, pass)),
      kernels_(winograd_kernels(kernels, shape_)),
      size_(size),
      tiles_(shape_, size),
      block_tiles_(block_tiles(kernels_, size)),
      packs_taps_(winograd_positions(size) * shape_.ic * shape_.oc > kMostTransformed),
      tile_(choose_tile(kernels_, block_tiles_, shape_.oc, shape_.ic)),
      src_row_(winograd_tile_floats(shape_.ic)) {}

std::int64_t ConvWinograd::packed_floats() const {
  return ceil_div(shape_.oc, tile_.columns) * packed_planes() * filters_plane(shape_.ic);
}

std::int64_t ConvWinograd::filters_floats() const {
  return packs_taps_ ? winograd_positions(size_) * filters_plane(std::min(kFilterChannels, shape_.ic)) : 0;
}

std::int64_t ConvWinograd::scratch_floats() const {
  return round_up_to_line(winograd_positions(size_) * src_plane()) +
         round_up_to_line(winograd_positions(size_) * sums_plane()) + round_up_to_line(filters_floats()) +
         workspace_floats_of<WinogradTile>(block_tiles_);
}

// packed(panel, position or tap, ic, j), of column panel * tile.columns + j
void ConvWinograd::pack(const float* wei, float* packed) const {
  const std::int64_t plane = filters_plane(shape_.ic);
  for (std::int64_t oc = 0; oc < shape_.oc; oc += tile_.columns, packed += packed_planes() * plane) {
    float* const taps = packed + (packed_planes() - kWinogradTaps) * plane;
    for (std::int64_t tap = 0; tap < kWinogradTaps; ++tap) pack_tap(wei, tap, oc, taps + tap * plane);
    if (packs_taps_) continue;
    kernels_.winograd_filters({size_, shape_.ic * tile_.columns, taps, plane, packed, plane});
  }
}

void ConvWinograd::pack_tap(const float* wei, std::int64_t tap, std::int64_t first, float* to) const {
  const ConvShape& s = shape_;
  const std::int64_t columns = std::min(tile_.columns, s.oc - first), tap_floats = s.ic * s.oc;
  if (pass_ == ConvPass::forward) {
    kernels_.copy_matrix(s.ic, columns, wei + tap * tap_floats + first, s.oc, to, tile_.columns, tile_.columns);
  } else {
    const float* const turned = wei + (kWinogradTaps - 1 - tap) * tap_floats;
    kernels_.transpose(columns, s.ic, turned + first * s.ic, s.ic, to, tile_.columns, tile_.columns);
  }
}

ConvWinograd::Filters ConvWinograd::filters(const float* panel, std::int64_t first, std::int64_t channels,
                                            float* scratch) const {
  const float* const packed = panel + first * tile_.columns;
  const std::int64_t packed_plane = filters_plane(shape_.ic), plane = filters_plane(channels);
  if (!packs_taps_) return {packed, packed_plane};
  kernels_.winograd_filters({size_, channels * tile_.columns, packed, packed_plane, scratch, plane});
  return {scratch, plane};
}

void ConvWinograd::block(const Operands& operands, std::int64_t first, std::int64_t count, Workspace scratch) const {
  const ConvShape& s = shape_;
  const std::int64_t positions = winograd_positions(size_);
  auto* const tiles = scratch.take_array<WinogradTile>(block_tiles_);
  float* const transformed = scratch.take(positions * src_plane());
  float* const sums = scratch.take(positions * sums_plane());
  float* const some_filters = scratch.take(filters_floats());
  tiles_.list(first, count, tiles);
  WinogradArgs args{.size = size_,
                    .tiles = tiles,
                    .count = count,
                    .channels = s.ic,
                    .pixel_stride = s.ic,
                    .row_stride = s.iw * s.ic,
                    .plane = src_plane(),
                    .tile_stride = src_row_};
  if (size_ == WinogradSize::four) kernels_.winograd_blank(args, operands.src, tiles);
  kernels_.winograd_src(args, operands.src, transformed);

  args.pixel_stride = s.oc;
  args.row_stride = s.ow() * s.oc;
  args.plane = sums_plane();
  args.tile_stride = tile_.columns;
  TileArgs product{.a_offsets = &kNoOffset,
                   .b_offsets = &kNoOffset,
                   .pairs = 1,
                   .a_row_stride = src_row_,
                   .a_k_stride = 1,
                   .ldb = tile_.columns,
                   .ldc = tile_.columns};
  const EvenSplit rows(count, tile_.rows), parts(s.ic, packs_taps_ ? kFilterChannels : kSumChannels);
  const float* panel = operands.packed_wei;
  for (std::int64_t oc = 0; oc < s.oc; oc += tile_.columns, panel += packed_planes() * filters_plane(s.ic)) {
    // Whole vectors: what is beyond the last channel is zero and read by nobody.
    product.columns = std::min(tile_.columns, round_up(s.oc - oc, kernels_.vector_floats));
    for (std::int64_t part = 0; part < parts.pieces; ++part) {
      const std::int64_t ic = parts.begin(part);
      const Filters filters = this->filters(panel, ic, parts.size(part), some_filters);
      product.k = parts.size(part);
      product.epilogue = part == 0 ? Epilogue::store : Epilogue::add;
      for (std::int64_t p = 0; p < positions; ++p) {
        product.a = transformed + p * src_plane() + ic;
        product.b = filters.data + p * filters.plane;
        product.c = sums + p * sums_plane();
        multiply_panel(kernels_, rows, product);
      }
    }
    args.channels = std::min(tile_.columns, s.oc - oc);
    kernels_.winograd_dst(args, sums, operands.bias == nullptr ? nullptr : operands.bias + oc, operands.floor,
                          operands.dst + oc);
  }
}

void ConvWinograd::blocks(const Operands& operands, std::int64_t first, std::int64_t count, Workspace scratch) const {
  const EvenSplit split(count, block_tiles_);
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
