#pragma once

#include <string>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/thread_count.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::app {

/// The threads and kernels that a command runs on.
class Runtime {
 public:
  /// `threads` as the user gave it, 0 when not. Throws ArgumentError for a bad --threads or a bad
  /// environment.
  explicit Runtime(int threads);

  Executor& executor() { return executor_; }
  int threads() const { return executor_.threads(); }
  const simd::KernelTable& kernels() const { return kernels_; }

  /// "tilewise 0.1.0 | avx512 | 2 threads (CPU affinity) | Release build"
  std::string description() const;

 private:
  ThreadCount threads_;
  Executor executor_;
  const simd::KernelTable& kernels_;
};

}  // namespace tilewise::app
