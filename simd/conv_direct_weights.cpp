#include "tilewise/simd/conv_direct_weights.hpp"

#include <algorithm>

#include "tilewise/simd/conv_sampling.hpp"
#include "tilewise/simd/panels.hpp"
#include "tilewise/simd/partial_sums.hpp"

namespace tilewise::simd {
namespace {

/// Rows of few pixels are short sums. They cost wide vectors less than copying would.
bool wants_samples_copied(const KernelTable& kernels, const ConvShape& s) {
  return !has_wide_vectors(kernels) && wants_samples(kernels, s);
}

/// Whether pixels next to each other in the sum are so far apart that the processor does not see what comes.
bool are_far(const ConvShape& s) {
  constexpr std::int64_t kFarFloats = 256;
  return s.stride_w * s.ic >= kFarFloats;
}

/// Transposing the pixels costs about as much as multiplying them by one vector, with a stride once for every filter
/// column. It pays where in place they would be far apart, or read again for every filter column of a stride of 1. Wide
/// vectors fetch the pixels of a 1x1 filter in place, which is faster.
bool wants_channels_first(const KernelTable& kernels, const ConvShape& s) {
  if (s.kh * s.kw == 1 && has_wide_vectors(kernels)) return false;
  const bool repays = s.ic >= 16 && s.oc * s.kh * s.kw >= 512;
  return repays && (are_far(s) || (s.stride_w == 1 && s.kw > 1));
}

/// A panel of d_dst is used once for every tile of channels of a filter row. Read in place it comes from L2 each time,
/// which few tiles hide behind their multiply-adds; packing pays if they are many. More may be, where filter rows share
/// what they see of src, but not low ones. A single panel is left: packed it would be the same again.
bool wants_packed_d_dst(const KernelTable& kernels, const ConvShape& s, const TileShape& tile) {
  constexpr std::int64_t kFewTiles = 16, kFewSharedTiles = 36, kLowTile = 4;
  const std::int64_t few = s.kh > 1 && tile.rows > kLowTile ? kFewSharedTiles : kFewTiles;
  return s.oc > tile.columns && s.kh * ceil_div(s.kw * s.ic, kernels.max_rows[1]) > few;
}

/// Channels whose pixels fill a quarter of a 512 KB L2: they are read again for every panel of d_dst. In
/// whole tiles; all of them where they are not laid out (plane = 0).
std::int64_t channel_block(std::int64_t channels, std::int64_t tile_rows, std::int64_t plane) {
  constexpr std::int64_t kBlockFloats = 32 * 1024;
  if (plane == 0) return channels;
  const std::int64_t most = std::max<std::int64_t>(1, kBlockFloats / (plane * tile_rows));
  return EvenSplit(ceil_div(channels, tile_rows), most).size(0) * tile_rows;
}

}  // namespace

// Few terms make tiles of few sums, and d_dst is read for each of them. With fewer taps than that all together are too
// few to hide the latency of a multiply-add, either way.
bool ConvDirectWeights::is_short(const ConvShape& s) {
  constexpr std::int64_t kFewestTaps = 4;
  return s.dilation_w == 1 && s.kw * s.ic <= kMostShortTerms && s.kh * s.kw * s.ic >= kFewestTaps;
}

ConvDirectWeights::ConvDirectWeights(const KernelTable& kernels, const ConvShape& shape)
    : source_(shape.checked()),
      shape_(wants_samples_copied(kernels, source_) ? of_samples(source_) : source_.joined()),
      short_(is_short(shape_)),
      kernels_(kernels_for_columns(kernels, shape.oc, short_ ? kShortVectors : 1)),
      channels_first_(!short_ && wants_channels_first(kernels_, shape_)),
      taps_(!channels_first_ && shape_.dilation_w == 1 ? shape_.kw : 1),
      // How many pixels a sum has depends on packing, and that on the tile: of the fewer that it may be.
      tile_(choose_conv_tile(kernels_, taps_ * shape_.ic, shape_.oc, backward_weights_pixels(shape_, DDstUse::packed))),
      packs_d_dst_(wants_packed_d_dst(kernels_, shape_, tile_)),
      bands_(backward_weights_bands(shape_, d_dst_use())),
      pixels_(kernels_, source_, shape_, channels_first_, bands_) {
  const std::int64_t group = backward_weights_pixels(shape_, d_dst_use()) / (shape_.oh() * shape_.ow());
  max_group_ = bands_.pieces() == 1 ? std::max<std::int64_t>(1, group) : 1;
  const std::int64_t plane = channels_first_ ? pixels_.plane_floats(max_group_) : 0;
  channel_block_ = channel_block(taps_ * shape_.ic, tile_.rows, plane);
}

bool ConvDirectWeights::packs(std::int64_t images_behind) const {
  const std::int64_t width = kernels_.vector_floats;
  if (short_) return false;
  return packs_d_dst_ || (shape_.oc % width != 0 && images_behind * shape_.dst_size() < width);
}

// By eight tiles or more. Those of wide vectors have so many rows, or sums, that L2 is fast enough.
DDstUse ConvDirectWeights::d_dst_use() const {
  constexpr std::int64_t kOften = 8;
  if (may_pack()) return DDstUse::packed;
  if (short_ || has_wide_vectors(kernels_)) return DDstUse::seldom;
  return shape_.kh * ceil_div(taps_ * shape_.ic, tile_.rows) >= kOften ? DDstUse::often : DDstUse::seldom;
}

std::int64_t ConvDirectWeights::image_panels_floats() const {
  return packed_floats(tile_, bands_.rows.size(0) * bands_.columns.size(0), shape_.oc);
}

std::string ConvDirectWeights::kernel() const {
  return short_ ? "conv_short_weights" : "tile " + tile_.to_string();
}

std::int64_t ConvDirectWeights::scratch_floats() const { return group_scratch_floats(1); }

std::int64_t ConvDirectWeights::group_scratch_floats(std::int64_t group) const {
  const std::int64_t panels = may_pack() ? round_up_to_line(group * image_panels_floats()) : 0;
  const std::int64_t offsets = short_ ? 0 : 2 * workspace_floats_of<std::int64_t>(group * bands_.rows.size(0));
  return pixels_.scratch_floats(group) + panels + offsets;
}

std::int64_t ConvDirectWeights::list_pairs(const Segment& segment, std::int64_t kh,
                                           const WeightsPixels::Source& source, std::int64_t* src_offsets,
                                           std::int64_t* d_dst_offsets) const {
  const ConvShape& s = shape_;
  const PixelBand band = bands_[segment.band];
  const std::int64_t image = segment.packs ? image_panels_floats() : s.dst_size();
  const std::int64_t row_floats = segment.packs ? band.columns() * tile_.columns : s.ow() * s.oc;
  const std::int64_t offset = kh * s.dilation_h - s.pad_top;
  OutputRange rows{band.first_row, band.end_row};
  if (channels_first_) rows = outputs_inside(rows, s.stride_h, offset, s.ih);
  std::int64_t pairs = 0;
  for (std::int64_t i = 0; i < segment.images; ++i) {
    for (std::int64_t row = rows.first; row < rows.end; ++row, ++pairs) {
      const std::int64_t src_row = row * s.stride_h + offset - source.first_row;
      src_offsets[pairs] = i * source.image_floats + src_row * pixels_.row_floats();
      d_dst_offsets[pairs] = i * image + (row - band.first_row) * row_floats;
    }
  }
  return pairs;
}

void ConvDirectWeights::accumulate(const float* src, const float* d_dst, const Segment& segment,
                                   std::int64_t first_oc, std::int64_t end_oc, Epilogue epilogue,
                                   float* d_wei, Workspace scratch) const {
  if (short_) return accumulate_short(src, d_dst, segment, first_oc, end_oc, epilogue, d_wei, scratch);
  const ConvShape& s = shape_;
  const PixelBand band = bands_[segment.band];
  const std::int64_t pixels = band.rows() * band.columns();
  src += segment.first_image * source_.src_size();
  auto* const src_offsets = scratch.take_array<std::int64_t>(segment.images * band.rows());
  auto* const d_dst_offsets = scratch.take_array<std::int64_t>(segment.images * band.rows());
  d_dst += segment.first_image * s.dst_size() + (band.first_row * s.ow() + band.first_column) * s.oc +
           first_oc;
  if (segment.packs) {
    float* const panels = scratch.take(segment.images * image_panels_floats());
    for (std::int64_t i = 0; i < segment.images; ++i) {
      pack_panels(kernels_, tile_, pixels, end_oc - first_oc, Transpose::no, d_dst + i * s.dst_size(), s.oc,
                  panels + i * image_panels_floats());
    }
    d_dst = panels;
  }
  TileArgs args{.a_offsets = src_offsets,
                .b_offsets = d_dst_offsets,
                .a_row_stride = channels_first_ ? pixels_.plane_floats(segment.images) : 1,
                .a_k_stride = channels_first_ ? 1 : s.stride_w * s.ic,
                .ldb = segment.packs ? tile_.columns : s.oc,
                .ldc = s.oc,
                .fetches_a = !channels_first_ && are_far(s),
                .epilogue = epilogue};
  const std::int64_t pixel = channels_first_ ? 1 : s.ic;  // from one to the next in what is laid out
  for (std::int64_t layout = 0; layout < pixels_.layouts(); ++layout) {
    Workspace rest = scratch;
    const WeightsPixels::Source source = pixels_.lay_out(src, segment.images, band, layout, rest);
    // With several layouts each serves one filter column, whose pixels come first.
    const std::int64_t first_kw = pixels_.layouts() == 1 ? 0 : layout;
    const std::int64_t end_kw = pixels_.layouts() == 1 ? s.kw : layout + 1;
    for (std::int64_t ic = 0; ic < taps_ * s.ic; ic += channel_block_) {
      const EvenSplit tiles(std::min(channel_block_, taps_ * s.ic - ic), tile_.rows);
      for (std::int64_t oc = first_oc; oc < end_oc; oc += tile_.columns) {
        const float* const panel = d_dst + (oc - first_oc) * (segment.packs ? pixels : 1);
        args.columns = std::min(tile_.columns, end_oc - oc);
        bool unread = layout == 0 && ic == 0 && !segment.packs;  // the panel, in place
        for (std::int64_t kh = 0; kh < s.kh; ++kh) {
          const std::int64_t pairs = list_pairs(segment, kh, source, src_offsets, d_dst_offsets);
          for (std::int64_t kw = first_kw; kw < end_kw; kw += taps_) {
            const OutputRange columns = channels_first_ ? columns_inside(s, band, kw)
                                                        : OutputRange{band.first_column, band.end_column};
            const std::int64_t column = columns.first * s.stride_w + kw * s.dilation_w - s.pad_left;
            args.pairs = columns.count() > 0 ? pairs : 0;
            args.k = columns.count();
            args.a = source.pixels + ic * args.a_row_stride + (column - source.first_column) * pixel;
            args.b = panel + (columns.first - band.first_column) * args.ldb;
            args.c = d_wei + ((kh * s.kw + kw) * s.ic + ic) * s.oc + oc;
            if (unread && args.pairs > 0) {
              args.b_rows = BRows::far;
              unread = false;
            }
            multiply_panel(kernels_, tiles, args);
          }
        }
      }
    }
  }
}

void ConvDirectWeights::accumulate_short(const float* src, const float* d_dst, const Segment& segment,
                                         std::int64_t first_oc, std::int64_t end_oc, Epilogue epilogue, float* d_wei,
                                         Workspace scratch) const {
  const ConvShape& s = shape_;
  const PixelBand band = bands_[segment.band];
  src += segment.first_image * source_.src_size();
  const ConvShortArgs shared{.run = {static_cast<int>(s.kw * s.ic), static_cast<int>(s.stride_w * s.ic)},
                             .filter_rows = s.kh,
                             .filter_row_step = s.dilation_h * pixels_.row_floats(),
                             .rows = band.rows(),
                             .src_row_step = s.stride_h * pixels_.row_floats(),
                             .dst_row_step = s.ow() * s.oc,
                             .pixels = band.columns(),
                             .dst_step = s.oc,
                             .channels = end_oc - first_oc};
  if (epilogue == Epilogue::store) {
    for (std::int64_t tap = 0; tap < s.kh * s.kw * s.ic; ++tap) {
      std::fill(d_wei + tap * s.oc + first_oc, d_wei + tap * s.oc + end_oc, 0.0F);
    }
  }
  const WeightsPixels::Source source = pixels_.lay_out(src, segment.images, band, 0, scratch);
  d_dst += segment.first_image * s.dst_size() + (band.first_row * s.ow() + band.first_column) * s.oc + first_oc;
  for (std::int64_t i = 0; i < segment.images; ++i) {
    ConvShortArgs args = shared;
    args.src = source.pixels + i * source.image_floats;
    kernels_.conv_short_weights(args, d_dst + i * s.dst_size(), d_wei + first_oc);
  }
}

void ConvDirectWeights::images(std::int64_t images, const float* src, const float* d_dst, float* d_wei,
                               Workspace scratch) const {
  for (std::int64_t image = 0; image < images; ++image) {
    for (std::int64_t band = 0; band < bands_.pieces(); ++band) {
      accumulate(src, d_dst, {image, 1, band, packs(images - image - 1)}, 0, shape_.oc, Epilogue::add, d_wei, scratch);
    }
  }
}

ConvDirectWeights::Cut ConvDirectWeights::cut(std::int64_t images) const {
  // Partial sums enough to share the work out, but no larger together than half of what is read and written, nor, if
  // there are more than a few, than 1.25 MB: measured on Zen 4, whose L2 has 1 MB. Where there is one, threads divide
  // the output channels. Smaller groups of images, then fewer sums, where two threads' scratch would not fit beside
  // them in what the operands take.
  constexpr std::int64_t kFewSums = 4, kSumsFloats = 320 * 1024;
  const std::int64_t wei = shape_.wei_size();
  const std::int64_t pixels = images * (source_.src_size() + shape_.dst_size());
  const std::int64_t most = std::clamp(kSumsFloats / wei, kFewSums, kMostPartialSums);
  std::int64_t slots = std::clamp<std::int64_t>(pixels / (2 * wei), 1, most);
  // Groups enough for eight threads, but of 256 pixels or more: each reads and writes a sum.
  constexpr std::int64_t kShares = 8, kLeastPixels = 256;
  const std::int64_t least = ceil_div(kLeastPixels, shape_.oh() * shape_.ow());
  std::int64_t group = std::min({max_group_, images, std::max(ceil_div(images, kShares), least)});
  const auto fits = [&] { return 2 * group_scratch_floats(group) + (slots - 1) * wei <= pixels + wei; };
  while (group > 1 && !fits()) --group;
  while (slots > 1 && !fits()) --slots;
  const std::int64_t segments = ceil_div(images, group) * bands_.pieces();
  // As few as have no more segments each, but an even number, for two threads.
  const std::int64_t fewest = ceil_div(segments, ceil_div(segments, slots));
  return {images, group, segments, std::min({round_up(fewest, 2), slots, segments})};
}

ConvDirectWeights::Segment ConvDirectWeights::segment(const Cut& cut, std::int64_t i) const {
  const std::int64_t first = i / bands_.pieces() * cut.group;
  const std::int64_t images = std::min(cut.group, cut.images - first);
  return {first, images, i % bands_.pieces(), packs(cut.images - first - images)};
}

std::int64_t ConvDirectWeights::workspace_floats(std::int64_t images, int threads) const {
  if (images == 0) return 0;
  const Cut c = cut(images);
  return threads * group_scratch_floats(c.group) + PartialSums::workspace_floats(c.slots, shape_.wei_size());
}

void ConvDirectWeights::batch(Executor& executor, std::int64_t images, const float* src,
                              const float* d_dst, float* d_wei, Workspace workspace) const {
  if (images == 0) {
    std::fill_n(d_wei, shape_.wei_size(), 0.0F);
    return;
  }
  const Cut c = cut(images);
  const MixedSplit parts{c.segments, c.slots};
  const PartialSums sums(c.slots, shape_.wei_size(), d_wei, workspace);
  const std::int64_t scratch = group_scratch_floats(c.group);
  float* const memory = workspace.take(executor.threads() * scratch);

  // Of few panels, half ones: sums do not depend on the cutting.
  const bool few = parts.pieces * ceil_div(shape_.oc, tile_.columns) < executor.threads();
  const std::int64_t columns = few && tile_.vectors == kMaxTileVectors ? tile_.columns / 2 : tile_.columns;
  const ConvTasks tasks(executor.threads(), 1, parts.pieces, ceil_div(shape_.oc, columns),
                        shape_.multiply_adds() * static_cast<double>(images), BandTasks::prepare);
  executor.parallel_for(tasks.count(), tasks.nanoseconds(), [&](std::int64_t i, int worker) {
    const ConvTasks::Task task = tasks[i];
    for (std::int64_t slot = task.first_band; slot < task.end_band; ++slot) {
      for (std::int64_t j = 0; j < parts.size(slot); ++j) {
        accumulate(src, d_dst, segment(c, parts.begin(slot) + j), task.first_panel * columns,
                   std::min(shape_.oc, task.end_panel * columns),
                   j == 0 ? Epilogue::store : Epilogue::add, sums[slot],
                   Workspace(memory + worker * scratch, scratch));
      }
    }
  });
  sums.add_up(executor, kernels_);
}

}  // namespace tilewise::simd
