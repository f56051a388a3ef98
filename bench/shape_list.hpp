#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tilewise/simd/conv_shape.hpp"
#include "tilewise/simd/gemm.hpp"

namespace tilewise::bench {

struct ConvCase {
  std::string name;  ///< the line it was read from
  std::int64_t batch = 1;
  simd::ConvShape shape;
};

struct GemmCase {
  std::string name;  ///< "NN/128x10x1600"
  simd::Transpose transpose_a = simd::Transpose::no;
  simd::Transpose transpose_b = simd::Transpose::no;
  std::int64_t m = 0, n = 0, k = 0;
};

/// Read shape lists in the grammar that the files in bench/shapes explain: one case a line, '#'
/// starts a comment. Throw FileError, naming file and line, for anything else.
std::vector<ConvCase> read_conv_cases(const std::string& path);
std::vector<GemmCase> read_gemm_cases(const std::string& path);

}  // namespace tilewise::bench
