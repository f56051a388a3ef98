#include "tilewise/core/aligned_buffer.hpp"

#include <cstdlib>
#include <cstring>
#include <new>

namespace tilewise::detail {

void* allocate_zeroed(std::int64_t bytes) {
  if (bytes == 0) return nullptr;
  // std::aligned_alloc wants a multiple of the alignment; the spare tail is never handed out.
  const std::size_t rounded =
      (static_cast<std::size_t>(bytes) + kAlignment - 1) / kAlignment * kAlignment;
  void* memory = std::aligned_alloc(kAlignment, rounded);
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, rounded);
  return memory;
}

void release(void* memory) noexcept { std::free(memory); }

}  // namespace tilewise::detail
