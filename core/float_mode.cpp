#include "tilewise/core/float_mode.hpp"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace tilewise {
namespace {

#if defined(__x86_64__)
constexpr std::uint64_t kFlush = 0x8040;  // MXCSR: flush-to-zero | denormals-are-zero
std::uint64_t read_control() { return _mm_getcsr(); }
void write_control(std::uint64_t value) { _mm_setcsr(static_cast<unsigned>(value)); }
#elif defined(__aarch64__)
constexpr std::uint64_t kFlush = std::uint64_t{1} << 24;  // FPCR: FZ
std::uint64_t read_control() {
  std::uint64_t value = 0;
  asm volatile("mrs %0, fpcr" : "=r"(value));
  return value;
}
void write_control(std::uint64_t value) { asm volatile("msr fpcr, %0" : : "r"(value)); }
#else
#error "Tilewise supports x86-64 and aarch64"
#endif

}  // namespace

// Not written where nothing changes: what comes next waits for it.
FlushDenormals::FlushDenormals() noexcept : saved_(read_control()) {
  if ((saved_ & kFlush) != kFlush) write_control(saved_ | kFlush);
}

FlushDenormals::~FlushDenormals() {
  if ((saved_ & kFlush) != kFlush) write_control(saved_);
}

}  // namespace tilewise
