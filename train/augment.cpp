#include "tilewise/train/augment.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <string>

#include "tilewise/core/error.hpp"
#include "tilewise/core/random.hpp"

namespace tilewise {
namespace {

constexpr double kUnit = 65536;  ///< places are in parts of a pixel as small as this (simd::WarpArgs)
constexpr double kMaxMove = 1 << 14;
constexpr double kMaxScale = 0.9;
constexpr double kMaxShear = 60;

/// Streams of random numbers, by RandomStream::index.
enum : std::uint32_t { kAffineStream, kElasticStream };

double radians(double degrees) { return degrees * (std::numbers::pi / 180); }

/// Cosine of degrees, exact at multiples of 90.
double cosine(double degrees) {
  const double turned = std::remainder(degrees, 360);  // exact, in [-180, 180]
  const double folded = std::abs(turned);
  return folded <= 45    ? std::cos(radians(folded))
         : folded <= 135 ? std::sin(radians(90 - folded))
                         : -std::cos(radians(180 - folded));
}
double sine(double degrees) { return cosine(degrees - 90); }

void check_range(const char* name, double value, double most) {
  if (!(value >= 0 && value <= most)) {
    throw ArgumentError(std::string("augmentation: ") + name + " " + std::to_string(value) +
                        ", expected 0 to " + std::to_string(most));
  }
}

std::vector<float> gaussian(double sigma) {
  const auto radius = static_cast<int>(std::ceil(3 * sigma));
  std::vector<double> weights;
  double sum = 0;
  for (int i = -radius; i <= radius; ++i) {
    weights.push_back(std::exp(-0.5 * i * i / (sigma * sigma)));
    sum += weights.back();
  }
  std::vector<float> result;
  for (const double weight : weights) result.push_back(static_cast<float>(weight / sum));
  return result;
}

RandomStream stream_of(const AugmentKey& key, std::uint32_t index) {
  return {.seed = key.seed, .purpose = RandomPurpose::augment, .index = index, .step = key.epoch};
}

std::int32_t to_units(double pixels) { return static_cast<std::int32_t>(std::lround(pixels * kUnit)); }

}  // namespace

Augmenter::Augmenter(const AugmentOptions& options, const Shape& image_shape)
    : options_(options),
      height_(image_shape[0]),
      width_(image_shape[1]),
      channels_(image_shape[2]) {
  const auto longer = static_cast<double>(std::max(height_, width_));
  check_range("shift", options.shift, kMaxMove);
  check_range("rotate", options.rotate, 360);
  check_range("scale", options.scale, kMaxScale);
  check_range("shear", options.shear, kMaxShear);
  check_range("elastic alpha", options.elastic_alpha, kMaxMove);
  const double shift = options.shift < 1 ? options.shift * longer : options.shift;
  // A place is at most as far from the centre as the corners, stretched; displacements are at most alpha.
  const double stretch = (1 + std::tan(radians(options.shear))) / (1 - options.scale);
  const double move = 2 * (longer + shift) * stretch + options.elastic_alpha;
  if (move > kMaxMove) {
    throw ArgumentError("augmentation moves pixels of images " + image_shape.to_string() + " by up to " +
                        std::to_string(move) + ", expected at most " + std::to_string(kMaxMove));
  }
  if (options.elastic_alpha != 0) {
    check_range("elastic sigma", options.elastic_sigma, longer);
    if (options.elastic_sigma == 0) throw ArgumentError("augmentation: elastic sigma is 0, expected more");
    gaussian_ = gaussian(options.elastic_sigma);
  }
}

std::int64_t Augmenter::scratch_floats() const {
  std::int64_t floats = round_up_to_line(frame_floats());
  if (!gaussian_.empty()) {
    floats += 2 * (round_up_to_line(noise_floats()) + round_up_to_line(height_ * pitch())) +
              round_up_to_line(rows_floats());
  }
  return floats;
}

AffineChange Augmenter::draw(const AugmentKey& key) const {
  const RandomStream stream = stream_of(key, kAffineStream);
  constexpr std::uint64_t kNumbers = 8;  // of each sample: two blocks, some to spare
  std::uint64_t next = static_cast<std::uint64_t>(key.sample) * kNumbers;
  const auto uniform = [&] { return 2 * double{stream.uniform(next++)} - 1; };
  const auto pixels = [&](std::int64_t extent) {
    return options_.shift < 1 ? options_.shift * static_cast<double>(extent) : options_.shift;
  };
  AffineChange change;
  change.down = pixels(height_) * uniform();
  change.across = pixels(width_) * uniform();
  change.rotate = options_.rotate * uniform();
  change.scale = 1 + options_.scale * uniform();
  change.shear = options_.shear * uniform();
  change.flip = options_.horizontal_flip && uniform() < 0;
  return change;
}

void Augmenter::apply(const simd::KernelTable& kernels, const AugmentKey& key, const std::uint8_t* src,
                      Workspace scratch, float* dst) const {
  const Field field = gaussian_.empty() ? Field{} : elastic_field(kernels, key, scratch);
  warp(kernels, draw(key), field, src, scratch, dst);
}

/// A pixel of the result at p from the centre, after the shift, comes from
///   F H(-shear) R(-rotate) p / scale
/// with x across and y down: R(-a) = (cos a, -sin a; sin a, cos a), H(-b) = (1, -tan b; 0, 1) and
/// F = (-1, 0; 0, 1) for a flip.
void Augmenter::warp(const simd::KernelTable& kernels, const AffineChange& change, const Field& field,
                     const std::uint8_t* src, Workspace scratch, float* dst) const {
  float* const frame = scratch.take(frame_floats());
  std::fill_n(frame, frame_floats(), 0.0F);
  const std::int64_t row_bytes = width_ * channels_;
  for (std::int64_t y = 0; y < height_; ++y) {
    kernels.scale_bytes(row_bytes, src + y * row_bytes, 1.0F,
                        frame + ((y + 1) * (width_ + 3) + 1) * channels_);
  }
  const double cos = cosine(change.rotate) / change.scale;
  const double sin = sine(change.rotate) / change.scale;
  const double tan = std::tan(radians(change.shear));
  const double mirror = change.flip ? -1 : 1;
  const double down_of_down = cos, down_of_across = sin;
  const double across_of_across = mirror * (cos - tan * sin);
  const double across_of_down = mirror * (-sin - tan * cos);
  const double middle_row = static_cast<double>(height_ - 1) / 2;
  const double middle_column = static_cast<double>(width_ - 1) / 2;
  const double y = -middle_row - change.down, x = -middle_column - change.across;
  kernels.warp({.rows = height_,
                .columns = width_,
                .channels = channels_,
                .src = frame,
                .origin = {to_units(middle_row + down_of_down * y + down_of_across * x),
                           to_units(middle_column + across_of_down * y + across_of_across * x)},
                .down = {to_units(down_of_down), to_units(across_of_down)},
                .across = {to_units(down_of_across), to_units(across_of_across)},
                .shifts = {field.down, field.across},
                .shift_pitch = field.pitch,
                .scale = 1.0F / 255.0F,
                .dst = dst});
}

/// Noise times alpha in the middle of zeros, two numbers from each random word: x 2^-15 - 1 + 2^-16 for x in
/// [0, 2^16), whose mean is 0.
void Augmenter::fill_noise(const AugmentKey& key, float* down, float* across) const {
  const auto alpha = static_cast<float>(options_.elastic_alpha);
  const auto noise = [=](std::uint32_t x) {
    return alpha * (0x1p-15F * static_cast<float>(x) - (1 - 0x1p-16F));
  };
  const RandomStream stream = stream_of(key, kElasticStream);
  const std::int64_t blocks = (height_ * width_ + 3) / 4;  // of four words
  std::array<std::uint32_t, 4> words{};
  std::int64_t word = 0;
  std::fill_n(down, noise_floats(), 0.0F);
  std::fill_n(across, noise_floats(), 0.0F);
  for (std::int64_t y = radius(); y < radius() + height_; ++y) {
    for (std::int64_t x = 0; x < width_; ++x, ++word) {
      if (word % 4 == 0) {
        const auto block = static_cast<std::uint64_t>(key.sample * blocks + word / 4);
        words = philox4x32(stream.counter(block), stream.key());
      }
      const std::uint32_t bits = words[static_cast<std::size_t>(word % 4)];
      down[y * pitch() + x] = noise(bits >> 16);
      across[y * pitch() + x] = noise(bits & 0xFFFF);
    }
  }
}

/// Columns first, then rows: a Gaussian in two directions is the product of two.
Augmenter::Field Augmenter::elastic_field(const simd::KernelTable& kernels, const AugmentKey& key,
                                          Workspace& scratch) const {
  const std::int64_t floats = height_ * pitch();
  const Field field{.down = scratch.take(floats), .across = scratch.take(floats), .pitch = pitch()};
  Workspace inner = scratch;  // given back on return
  float* const down = inner.take(noise_floats());
  float* const across = inner.take(noise_floats());
  float* const rows = inner.take(rows_floats());
  fill_noise(key, down, across);
  std::fill_n(rows, rows_floats(), 0.0F);
  const auto smooth = [&](const float* noise, float* dst) {
    const auto taps = static_cast<std::int64_t>(gaussian_.size());
    kernels.fir(floats, taps, gaussian_.data(), noise, pitch(), rows + radius());
    kernels.fir(floats, taps, gaussian_.data(), rows, 1, dst);
  };
  smooth(down, field.down);
  smooth(across, field.across);
  return field;
}

}  // namespace tilewise
