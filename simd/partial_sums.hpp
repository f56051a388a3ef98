#pragma once

#include <cstdint>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/workspace.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

/// Partial sums of the gradient of filters that a batch is cut into, at most: work for as many threads.
inline constexpr std::int64_t kMostPartialSums = 16;

/// Such sums, each as large as the filters. The first is the gradient itself.
class PartialSums {
 public:
  static std::int64_t workspace_floats(std::int64_t count, std::int64_t size) {
    return (count - 1) * round_up_to_line(size);
  }
  PartialSums(std::int64_t count, std::int64_t size, float* d_wei, Workspace& workspace)
      : count_(count), size_(size), d_wei_(d_wei), others_(workspace.take(workspace_floats(count, size))) {}

  float* operator[](std::int64_t i) const { return i == 0 ? d_wei_ : others_ + (i - 1) * round_up_to_line(size_); }
  /// Sets columns [first, end) of the i-th, a matrix of so many columns, to zero.
  void clear(std::int64_t i, std::int64_t first, std::int64_t end, std::int64_t columns) const;
  /// Adds the others to the first, in order, on all threads.
  void add_up(Executor& executor, const KernelTable& kernels) const;

 private:
  std::int64_t count_, size_;
  float *d_wei_, *others_;
};

}  // namespace tilewise::simd
