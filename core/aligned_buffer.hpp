#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

#include "tilewise/core/shape.hpp"

namespace tilewise {

/// Alignment of every buffer, in bytes: one cache line and one AVX-512 vector.
inline constexpr std::size_t kAlignment = 64;

namespace detail {
/// `bytes` of zeroed memory at a multiple of kAlignment. Throws std::bad_alloc.
void* allocate_zeroed(std::int64_t bytes);
void release(void* memory) noexcept;
}  // namespace detail

/// A zero-initialised array of trivially copyable elements, aligned to kAlignment; moves, never copies.
template <class T>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  AlignedBuffer() = default;
  /// Throws ShapeError for a negative or overflowing size, std::bad_alloc when memory runs out.
  explicit AlignedBuffer(std::int64_t size)
      : data_(static_cast<T*>(detail::allocate_zeroed(checked_product(size, sizeof(T))))),
        size_(size) {}

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  std::int64_t size() const { return size_; }

  T& operator[](std::int64_t i) { return data_.get()[i]; }
  const T& operator[](std::int64_t i) const { return data_.get()[i]; }

  std::span<T> span() { return {data_.get(), static_cast<std::size_t>(size_)}; }
  std::span<const T> span() const { return {data_.get(), static_cast<std::size_t>(size_)}; }

 private:
  struct Release {
    void operator()(T* memory) const noexcept { detail::release(memory); }
  };
  std::unique_ptr<T, Release> data_;
  std::int64_t size_ = 0;
};

}  // namespace tilewise
