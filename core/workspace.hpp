#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include "tilewise/core/aligned_buffer.hpp"

namespace tilewise {

/// Rounds a number of floats up to whole cache lines, so that pieces of a workspace stay aligned.
constexpr std::int64_t round_up_to_line(std::int64_t floats) {
  constexpr std::int64_t kLine = kAlignment / sizeof(float);
  return (floats + kLine - 1) / kLine * kLine;
}

/// Floats that `count` objects of a trivial type take in a workspace, whole cache lines.
template <class T>
constexpr std::int64_t workspace_floats_of(std::int64_t count) {
  static_assert(sizeof(T) % sizeof(float) == 0 && alignof(T) <= kAlignment && std::is_trivial_v<T>);
  return round_up_to_line(count * static_cast<std::int64_t>(sizeof(T) / sizeof(float)));
}

/// Scratch memory booked once, when a model is compiled, and handed out as a stack at run time.
/// Non-owning and cheap to copy: a callee that takes pieces from its own copy gives them back by
/// returning.
class Workspace {
 public:
  Workspace() = default;
  Workspace(float* data, std::int64_t size) : next_(data), left_(size) {}

  /// `count` floats, aligned to kAlignment, contents unspecified. The caller has booked
  /// round_up_to_line(count) floats for it: throws ArgumentError if not.
  float* take(std::int64_t count) {
    const std::int64_t rounded = round_up_to_line(count);
    if (rounded > left_) fail(rounded);
    float* piece = next_;
    next_ += rounded;
    left_ -= rounded;
    return piece;
  }

  /// `count` objects of a trivial type; workspace_floats_of<T>(count) floats are booked for them.
  template <class T>
  T* take_array(std::int64_t count) {
    return new (take(workspace_floats_of<T>(count))) T[static_cast<std::size_t>(count)];
  }

 private:
  [[noreturn]] void fail(std::int64_t wanted) const;

  float* next_ = nullptr;
  std::int64_t left_ = 0;
};

}  // namespace tilewise
