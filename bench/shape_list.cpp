#include "bench/shape_list.hpp"

#include <cctype>
#include <fstream>
#include <map>
#include <sstream>

#include "tilewise/core/error.hpp"
#include "tilewise/core/shape.hpp"

namespace tilewise::bench {
namespace {

constexpr std::int64_t kMaxExtent = INT32_MAX;

/// The number at text[i], which is moved behind it.
std::int64_t parse_number(const std::string& text, std::size_t& i, std::int64_t least) {
  std::int64_t value = 0;
  const std::size_t start = i;
  for (; i < text.size() && std::isdigit(static_cast<unsigned char>(text[i])) != 0; ++i) {
    value = value * 10 + (text[i] - '0');
    if (value > kMaxExtent) throw ArgumentError("a number is larger than 2^31 - 1");
  }
  if (i == start) throw ArgumentError("expected a number after '" + text.substr(0, start) + "'");
  if (value < least) throw ArgumentError("a number is smaller than " + std::to_string(least));
  return value;
}

/// "64x128x256"
std::vector<std::int64_t> parse_extents(const std::string& text, std::size_t count) {
  std::vector<std::int64_t> extents;
  std::size_t i = 0;
  while (true) {
    extents.push_back(parse_number(text, i, 1));
    if (i == text.size()) break;
    if (text[i++] != 'x') throw ArgumentError("expected numbers with 'x' between them");
  }
  if (extents.size() != count) {
    throw ArgumentError("expected " + std::to_string(count) + " numbers, found " +
                        std::to_string(extents.size()));
  }
  std::int64_t product = 1;
  for (const std::int64_t extent : extents) product = checked_product(product, extent);
  return extents;
}

/// "n32ic64ih16": names and numbers in turn. A name sets all numbers that `fields` has for it.
using Fields = std::map<std::string, std::vector<std::int64_t*>>;
void parse_fields(const std::string& text, const Fields& fields) {
  for (std::size_t i = 0; i < text.size();) {
    std::string name;
    while (i < text.size() && std::isalpha(static_cast<unsigned char>(text[i])) != 0) name += text[i++];
    const auto field = fields.find(name);
    if (field == fields.end()) throw ArgumentError("unknown field '" + name + "'");
    const bool padding = name[0] == 'p';
    const std::int64_t value = parse_number(text, i, padding ? 0 : 1);
    for (std::int64_t* target : field->second) *target = value;
  }
}

Problem parse_gemm(const std::string& text) {
  const std::string transposes = text.substr(0, text.find(' '));
  if (transposes != "NN" && transposes != "NT" && transposes != "TN") {
    throw ArgumentError("expected NN, NT or TN, then <m>x<n>x<k>");
  }
  const auto extents = parse_extents(text.substr(std::min(text.size(), transposes.size() + 1)), 3);
  GemmProblem result{.m = extents[0], .n = extents[1], .k = extents[2]};
  if (transposes[0] == 'T') result.transpose_a = simd::Transpose::yes;
  if (transposes[1] == 'T') result.transpose_b = simd::Transpose::yes;
  return result;
}

ConvProblem conv_problem(const std::string& text) {
  ConvProblem result;
  simd::ConvShape& s = result.shape;
  parse_fields(text, {{"n", {&result.batch}},
                      {"ic", {&s.ic}},
                      {"ih", {&s.ih}},
                      {"iw", {&s.iw}},
                      {"oc", {&s.oc}},
                      {"kh", {&s.kh}},
                      {"kw", {&s.kw}},
                      {"s", {&s.stride_h, &s.stride_w}},
                      {"sh", {&s.stride_h}},
                      {"sw", {&s.stride_w}},
                      {"d", {&s.dilation_h, &s.dilation_w}},
                      {"dh", {&s.dilation_h}},
                      {"dw", {&s.dilation_w}},
                      {"p", {&s.pad_top, &s.pad_left, &s.pad_bottom, &s.pad_right}},
                      {"pt", {&s.pad_top}},
                      {"pl", {&s.pad_left}},
                      {"pb", {&s.pad_bottom}},
                      {"pr", {&s.pad_right}}});
  s.check();
  checked_product(result.batch, std::max(s.src_size(), s.dst_size()));
  return result;
}

Problem parse_conv(const std::string& text) { return conv_problem(text); }

Problem parse_depthwise(const std::string& text) {
  DepthwiseProblem result{conv_problem(text)};
  result.shape.oc = result.shape.ic;
  result.shape.check();
  checked_product(result.batch, result.shape.dst_size());
  return result;
}

Problem parse_pooled_conv(const std::string& text) {
  const PooledConvProblem result{conv_problem(text)};
  if (result.pooled_size() == 0) throw ArgumentError("expected an output of 2x2 or more");
  return result;
}

Problem parse_max_pool(const std::string& text) {
  MaxPoolProblem result;
  simd::PoolGeometry& g = result.geometry;
  g.stride_h = g.stride_w = 0;
  std::int64_t pad_bottom = 0, pad_right = 0;
  parse_fields(text, {{"n", {&result.batch}},
                      {"c", {&g.channels}},
                      {"ih", {&g.ih}},
                      {"iw", {&g.iw}},
                      {"kh", {&g.kh}},
                      {"kw", {&g.kw}},
                      {"s", {&g.stride_h, &g.stride_w}},
                      {"sh", {&g.stride_h}},
                      {"sw", {&g.stride_w}},
                      {"p", {&g.pad_top, &g.pad_left, &pad_bottom, &pad_right}},
                      {"pt", {&g.pad_top}},
                      {"pl", {&g.pad_left}},
                      {"pb", {&pad_bottom}},
                      {"pr", {&pad_right}}});
  if (g.stride_h == 0) g.stride_h = g.kh;
  if (g.stride_w == 0) g.stride_w = g.kw;
  const std::int64_t h = g.ih + g.pad_top + pad_bottom, w = g.iw + g.pad_left + pad_right;
  if (g.channels < 1 || g.kh > h || g.kw > w || std::max(g.pad_top, pad_bottom) >= g.kh ||
      std::max(g.pad_left, pad_right) >= g.kw) {
    throw ArgumentError("expected channels, an image as large as the window, and less padding than that");
  }
  if (g.kh > simd::kMaxPoolTaps / g.kw) throw ArgumentError("expected a window of at most 2^16 elements");
  g.oh = (h - g.kh) / g.stride_h + 1;
  g.ow = (w - g.kw) / g.stride_w + 1;
  checked_product(checked_product(result.batch, g.channels), checked_product(h, w));
  return result;
}

Problem parse_vector(const std::string& text) { return VectorProblem{parse_extents(text, 1)[0]}; }

Problem parse_matrix(const std::string& text) {
  const auto extents = parse_extents(text, 2);
  return MatrixProblem{.rows = extents[0], .columns = extents[1]};
}

Problem parse_batch(const std::string& text) {
  const auto extents = parse_extents(text, 2);
  checked_product(BatchProblem::kDatasetImages, extents[1]);
  return BatchProblem{.images = extents[0], .pixels = extents[1]};
}

Problem parse_images(const std::string& text) {
  constexpr std::int64_t kMostWarpPixels = 1 << 15;  // along a side: see simd::WarpArgs
  WarpProblem result;
  parse_fields(text, {{"n", {&result.batch}},
                      {"h", {&result.height}},
                      {"w", {&result.width}},
                      {"c", {&result.channels}}});
  if (std::max(result.height, result.width) >= kMostWarpPixels) {
    throw ArgumentError("expected fewer than 2^15 rows and columns");
  }
  checked_product(result.batch, result.frame_size());
  if (result.frame_size() > INT32_MAX) throw ArgumentError("expected an image of fewer than 2^31 values");
  return result;
}

Shape parse_line(const std::string& line) {
  const std::map<std::string, Problem (*)(const std::string&)> parsers = {
      {"gemm", parse_gemm},     {"conv", parse_conv},     {"max_pool", parse_max_pool},
      {"pooled_conv", parse_pooled_conv}, {"depthwise", parse_depthwise},
      {"vector", parse_vector}, {"matrix", parse_matrix}, {"batch", parse_batch},
      {"images", parse_images}};
  const std::size_t space = line.find(' ');
  const auto parser = parsers.find(line.substr(0, space));
  if (parser == parsers.end() || space == std::string::npos) {
    throw ArgumentError(
        "expected gemm, conv, depthwise, pooled_conv, max_pool, vector, matrix, batch or images, and a shape");
  }
  Shape shape;
  shape.text = line.substr(space + 1);
  shape.problem = parser->second(shape.text);
  // A benchmark's name has no spaces: "NN/64x64x64".
  for (char& c : shape.text) c = c == ' ' ? '/' : c;
  return shape;
}

}  // namespace

std::vector<Shape> read_shapes(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw FileError(path + ": cannot be read");
  std::vector<Shape> shapes;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    line.resize(std::min(line.size(), line.find('#')));
    std::istringstream words(line);
    std::string word, text;
    while (words >> word) text += (text.empty() ? "" : " ") + word;
    if (text.empty()) continue;
    try {
      shapes.push_back(parse_line(text));
    } catch (const Error& error) {
      throw FileError(path + ", line " + std::to_string(number) + ": '" + text + "': " + error.what());
    }
  }
  if (file.bad()) throw FileError(path + ": cannot be read");
  return shapes;
}

}  // namespace tilewise::bench
