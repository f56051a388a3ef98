#pragma once

#include <cstdint>

namespace tilewise {

/// While it lives, the current thread's floating-point unit treats denormals as zero, in operands
/// and in results. Arithmetic on denormals can be a hundred times slower, and a result must not
/// depend on which thread computed it, so every piece of work runs under one of these. Where they are flushed already
/// nothing is changed, and nothing put back.
class FlushDenormals {
 public:
  FlushDenormals() noexcept;
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  std::uint64_t saved_;
};

}  // namespace tilewise
