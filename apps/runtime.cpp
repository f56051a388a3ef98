#include "apps/runtime.hpp"

#include <fmt/core.h>

namespace tilewise::app {

Runtime::Runtime(int threads)
    : threads_(thread_count(threads)),
      executor_(threads_.count),
      kernels_(simd::default_kernels()) {}

std::string Runtime::description() const {
  const std::string source = threads_.source == "argument" ? "--threads" : threads_.source;
  return fmt::format("tilewise {} | {} | {} thread{} ({}) | {} build", TILEWISE_VERSION,
                     simd::isa_name(kernels_.isa), threads_.count, threads_.count == 1 ? "" : "s",
                     source, TILEWISE_BUILD_TYPE);
}

}  // namespace tilewise::app
