#pragma once

#include <string>

namespace tilewise {

/// A number of threads and, for people, where it came from.
struct ThreadCount {
  int count = 1;
  std::string source;
};

/// The number of threads to use: `requested` if positive, else the environment's
/// TILEWISE_NUM_THREADS, else OMP_NUM_THREADS, else the least of the hardware's threads, the
/// process's CPU affinity and its cgroup's CPU quota (rounded up).
/// Throws ArgumentError for a negative `requested` or a variable that is not a positive number.
ThreadCount thread_count(int requested = 0);

}  // namespace tilewise
