#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <type_traits>
#include <vector>

namespace tilewise::testing {

/// An array that shows when somebody strays from it, with or without a sanitizer. It ends where an
/// inaccessible page begins, so that touching anything past the end is a segmentation fault. What
/// lies in front is all ones: NaN to whoever reads it as floats, and checked by intact(). So is the
/// array to begin with, so that a result that was not written shows too.
///
/// The start is as aligned as T and the size allow, no more.
template <class T>
class GuardedArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit GuardedArray(std::int64_t size) : size_(static_cast<std::size_t>(size)) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t used = kFront + size_ * sizeof(T);
    const std::size_t accessible = (used + page - 1) / page * page;
    mapped_bytes_ = accessible + page;
    void* memory = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    mapped_ = static_cast<std::byte*>(memory);
    if (mprotect(mapped_ + accessible, page, PROT_NONE) != 0) throw std::bad_alloc();
    std::byte* const start = mapped_ + accessible - size_ * sizeof(T);
    std::memset(mapped_, 0xFF, accessible);
    data_ = reinterpret_cast<T*>(start);
  }

  explicit GuardedArray(std::span<const T> values)
      : GuardedArray(static_cast<std::int64_t>(values.size())) {
    std::copy(values.begin(), values.end(), data_);
  }
  explicit GuardedArray(const std::vector<T>& values) : GuardedArray(std::span<const T>(values)) {}

  ~GuardedArray() { munmap(mapped_, mapped_bytes_); }
  GuardedArray(const GuardedArray&) = delete;
  GuardedArray& operator=(const GuardedArray&) = delete;

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::span<T> span() { return {data_, size_}; }
  std::span<const T> span() const { return {data_, size_}; }
  T& operator[](std::int64_t i) { return data_[i]; }

  /// Whether nothing was written in front of the array.
  bool intact() const {
    const std::span front(mapped_, reinterpret_cast<const std::byte*>(data_));
    return std::ranges::all_of(front, [](std::byte value) { return value == std::byte{0xFF}; });
  }

 private:
  static constexpr std::size_t kFront = 256;

  std::byte* mapped_ = nullptr;
  std::size_t mapped_bytes_ = 0;
  T* data_ = nullptr;
  std::size_t size_;
};

}  // namespace tilewise::testing
