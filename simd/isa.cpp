#include "tilewise/simd/isa.hpp"

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tilewise/core/error.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::simd {

#if defined(TILEWISE_HAS_sse2)
extern const KernelTable sse2_kernels;
#endif
#if defined(TILEWISE_HAS_avx2)
extern const KernelTable avx2_kernels;
#endif
#if defined(TILEWISE_HAS_avx512)
extern const KernelTable avx512_kernels;
#endif
#if defined(TILEWISE_HAS_neon)
extern const KernelTable neon_kernels;
#endif

namespace {

struct Implementation {
  Isa isa;
  const KernelTable* kernels;
  bool (*cpu_has_it)();
};

#if defined(__x86_64__)
// These look at what the operating system saves and restores (XCR0) as well as at what the CPU has. A build may
// leave instruction sets out.
[[maybe_unused]] bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
[[maybe_unused]] bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
/// Zen 4 multiplies, adds and loads 512 bits in two steps of 256. Its family's other cores lack AVX-512.
[[maybe_unused]] bool halves_avx512() {
  const char* const forced = std::getenv("TILEWISE_AVX512_HALVES");
  if (forced == nullptr || *forced == '\0') return __builtin_cpu_is("amd") && __builtin_cpu_is("amdfam19h");
  const std::string_view text(forced);
  if (text == "0" || text == "1") return text == "1";
  throw ArgumentError("TILEWISE_AVX512_HALVES='" + std::string(text) + "': expected 0 or 1");
}
#endif
[[maybe_unused]] bool always() { return true; }

// Best first. docs/architecture.md tells what else an instruction set takes.
constexpr Implementation kImplementations[] = {
#if defined(TILEWISE_HAS_avx512)
    {Isa::avx512, &avx512_kernels, has_avx512},
#endif
#if defined(TILEWISE_HAS_avx2)
    {Isa::avx2, &avx2_kernels, has_avx2},
#endif
#if defined(TILEWISE_HAS_sse2)
    {Isa::sse2, &sse2_kernels, always},
#endif
#if defined(TILEWISE_HAS_neon)
    {Isa::neon, &neon_kernels, always},
#endif
};

std::string supported_names() {
  std::string names;
  for (const Isa isa : supported_isas()) {
    names += names.empty() ? "" : ", ";
    names += isa_name(isa);
  }
  return names;
}

}  // namespace

std::string_view isa_name(Isa isa) {
  switch (isa) {
    case Isa::sse2: return "sse2";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
    case Isa::neon: return "neon";
  }
  return "unknown";
}

std::span<const Isa> supported_isas() {
  static const std::vector<Isa> supported = [] {
    std::vector<Isa> isas;
    for (const Implementation& candidate : kImplementations) {
      if (candidate.cpu_has_it()) isas.push_back(candidate.isa);
    }
    return isas;
  }();
  return supported;
}

Isa default_isa() {
  const char* forced = std::getenv("TILEWISE_ISA");
  if (forced == nullptr || *forced == '\0') return supported_isas().front();
  for (const Isa isa : supported_isas()) {
    if (isa_name(isa) == forced) return isa;
  }
  throw ArgumentError("TILEWISE_ISA='" + std::string(forced) +
                      "': unknown here; this build and CPU have " + supported_names());
}

const KernelTable& kernel_table(Isa isa) {
  for (const Implementation& candidate : kImplementations) {
    if (candidate.isa == isa && candidate.cpu_has_it()) return *candidate.kernels;
  }
  throw ArgumentError("instruction set " + std::string(isa_name(isa)) +
                      " is not available; this build and CPU have " + supported_names());
}

const KernelTable& kernels_for_columns([[maybe_unused]] const KernelTable& kernels,
                                       [[maybe_unused]] std::int64_t columns, [[maybe_unused]] int least) {
#if defined(TILEWISE_HAS_avx512) && defined(TILEWISE_HAS_avx2)
  static const bool halves = halves_avx512();
  if (halves && &kernels == &avx512_kernels) {
    // Up to three vectors, the last at most half full. Beyond, a half counts for little.
    const std::int64_t width = kernels.vector_floats, half = width / 2;
    const bool leaves_half = (columns + half - 1) / half % 2 == 1;
    if (columns <= (least - 1) * width || (columns < 3 * width && leaves_half)) return avx2_kernels;
  }
#endif
  return kernels;
}

const KernelTable& default_kernels() {
  static const KernelTable& kernels = kernel_table(default_isa());
  return kernels;
}

}  // namespace tilewise::simd
