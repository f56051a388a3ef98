#pragma once

#include <cstdint>

#include "tilewise/core/parallel.hpp"

namespace tilewise::bench {

/// Arrays are cut in pieces of this many floats, 64 KB, to be worked on by several threads.
inline constexpr std::int64_t kPiece = 16 * 1024;

/// Memory reads a line, too, before it is written. So much more than its bytes the triad makes memory move: 16 a float.
inline constexpr double kTriadTraffic = 16.0 / 12.0;

/// Bytes a second that a plain loop a = b + 3 c reads and writes (J. McCalpin's STREAM triad, counted
/// as there: 12 bytes a float) on three arrays that take `bytes` together.
double measure_triad(Executor& executor, double bytes);

}  // namespace tilewise::bench
