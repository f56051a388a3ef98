#include "bench/shape_list.hpp"

#include <cctype>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "tilewise/core/error.hpp"

namespace tilewise::bench {
namespace {

/// Calls parse(line) for each line that says something; what it throws is made to name the line.
void for_each_line(const std::string& path, const std::function<void(const std::string&)>& parse) {
  std::ifstream file(path);
  if (!file) throw FileError(path + ": cannot be read");
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    line.resize(std::min(line.size(), line.find('#')));
    std::istringstream words(line);
    std::string word, text;
    while (words >> word) text += (text.empty() ? "" : " ") + word;
    if (text.empty()) continue;
    try {
      parse(text);
    } catch (const std::exception& error) {
      throw FileError(path + ", line " + std::to_string(number) + ": '" + text + "': " + error.what());
    }
  }
}

ConvCase parse_conv(const std::string& text) {
  ConvCase result;
  result.name = text;
  simd::ConvShape& s = result.shape;
  const std::map<std::string, std::vector<std::int64_t*>> fields = {
      {"n", {&result.batch}},
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
      {"pr", {&s.pad_right}},
  };
  for (std::size_t i = 0; i < text.size();) {
    std::string name;
    while (i < text.size() && std::isalpha(static_cast<unsigned char>(text[i])) != 0) name += text[i++];
    const auto field = fields.find(name);
    if (field == fields.end()) throw ArgumentError("unknown field '" + name + "'");
    std::size_t length = 0;
    const std::int64_t value = std::stoll(text.substr(i), &length);
    i += length;
    for (std::int64_t* target : field->second) *target = value;
  }
  if (result.batch < 1) throw ArgumentError("the batch must be positive");
  s.check();
  return result;
}

GemmCase parse_gemm(const std::string& text) {
  GemmCase result;
  std::istringstream words(text);
  std::string transposes;
  char x1 = 0, x2 = 0;
  words >> transposes >> result.m >> x1 >> result.n >> x2 >> result.k;
  const bool known = transposes == "NN" || transposes == "NT" || transposes == "TN";
  if (!words || !known || x1 != 'x' || x2 != 'x' || result.m < 1 || result.n < 1 || result.k < 1) {
    throw ArgumentError("expected <NN|NT|TN> <m>x<n>x<k>");
  }
  if (transposes[0] == 'T') result.transpose_a = simd::Transpose::yes;
  if (transposes[1] == 'T') result.transpose_b = simd::Transpose::yes;
  result.name = transposes + "/" + std::to_string(result.m) + "x" + std::to_string(result.n) + "x" +
                std::to_string(result.k);
  return result;
}

template <class Case>
std::vector<Case> read(const std::string& path, Case (*parse)(const std::string&)) {
  std::vector<Case> cases;
  for_each_line(path, [&](const std::string& text) { cases.push_back(parse(text)); });
  return cases;
}

}  // namespace

std::vector<ConvCase> read_conv_cases(const std::string& path) { return read(path, parse_conv); }

std::vector<GemmCase> read_gemm_cases(const std::string& path) { return read(path, parse_gemm); }

}  // namespace tilewise::bench
