// The owners of memory: aligned_buffer.hpp, tensor.hpp, workspace.hpp.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>

#include "tilewise/core/aligned_buffer.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/core/tensor.hpp"
#include "tilewise/core/workspace.hpp"

namespace tilewise {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

bool is_aligned(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % kAlignment == 0; }

TEST(AlignedBuffer, is_aligned_and_zero) {
  for (const std::int64_t size : {1, 2, 15, 16, 17, 1000, 100'000}) {
    // Dirty some memory first, so that fresh pages are not what makes the zeros.
    AlignedBuffer<float> dirty(size);
    std::ranges::fill(dirty.span(), 1.0F);
    dirty = AlignedBuffer<float>();

    const AlignedBuffer<float> buffer(size);
    EXPECT_EQ(buffer.size(), size);
    EXPECT_EQ(buffer.span().size(), static_cast<std::size_t>(size));
    EXPECT_TRUE(is_aligned(buffer.data()));
    EXPECT_TRUE(std::ranges::all_of(buffer.span(), [](float value) { return value == 0; }));
  }
}

TEST(AlignedBuffer, may_be_empty) {
  const AlignedBuffer<std::int32_t> made;
  EXPECT_EQ(made.size(), 0);
  EXPECT_TRUE(made.span().empty());
  const AlignedBuffer<std::int32_t> sized(0);
  EXPECT_EQ(sized.size(), 0);
  EXPECT_TRUE(sized.span().empty());
}

TEST(AlignedBuffer, moves_and_does_not_copy) {
  static_assert(!std::is_copy_constructible_v<AlignedBuffer<float>>);
  static_assert(!std::is_copy_assignable_v<AlignedBuffer<float>>);
  AlignedBuffer<std::uint16_t> from(3);
  from[1] = 7;
  const std::uint16_t* data = from.data();
  const AlignedBuffer<std::uint16_t> to = std::move(from);
  EXPECT_EQ(to.data(), data);
  EXPECT_EQ(to.size(), 3);
  EXPECT_EQ(to[1], 7);
}

TEST(AlignedBuffer, rejects_sizes_that_overflow) {
  EXPECT_THROW(AlignedBuffer<float>(-1), ShapeError);
  EXPECT_THROW(AlignedBuffer<float>{kMost}, ShapeError);
  EXPECT_THROW(AlignedBuffer<double>{kMost / 8 + 1}, ShapeError);
}

TEST(AlignedBuffer, throws_bad_alloc_when_memory_runs_out) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer's allocator stops the program instead";
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "the sanitizer's allocator stops the program instead";
#endif
#endif
  EXPECT_THROW(AlignedBuffer<char>{kMost}, std::bad_alloc);
  EXPECT_THROW(AlignedBuffer<float>{std::int64_t{1} << 58}, std::bad_alloc);
}

TEST(Tensor, owns_zeros_of_its_shape) {
  Tensor tensor(Shape{2, 3, 4});
  EXPECT_EQ(tensor.shape(), (Shape{2, 3, 4}));
  EXPECT_EQ(tensor.size(), 24);
  EXPECT_TRUE(is_aligned(tensor.data()));
  EXPECT_TRUE(std::ranges::all_of(tensor.span(), [](float value) { return value == 0; }));
  tensor[23] = 5;
  EXPECT_EQ(tensor.span().back(), 5);
  EXPECT_EQ(std::as_const(tensor)[23], 5);
}

TEST(Tensor, starts_empty) {
  const Tensor tensor;
  EXPECT_EQ(tensor.size(), 0);
  EXPECT_EQ(tensor.shape(), (Shape{0}));
}

TEST(Tensor, of_rank_zero_has_one_element) { EXPECT_EQ(Tensor(Shape{}).size(), 1); }

TEST(Workspace, rounds_up_to_cache_lines) {
  EXPECT_EQ(round_up_to_line(0), 0);
  EXPECT_EQ(round_up_to_line(1), 16);
  EXPECT_EQ(round_up_to_line(16), 16);
  EXPECT_EQ(round_up_to_line(17), 32);
}

TEST(Workspace, hands_out_aligned_pieces_that_do_not_overlap) {
  AlignedBuffer<float> memory(64);
  Workspace workspace(memory.data(), memory.size());
  float* first = workspace.take(1);
  float* second = workspace.take(17);
  float* nothing = workspace.take(0);
  float* third = workspace.take(16);
  EXPECT_EQ(first, memory.data());
  EXPECT_EQ(second, memory.data() + 16);
  EXPECT_EQ(nothing, memory.data() + 48);
  EXPECT_EQ(third, memory.data() + 48);
}

TEST(Workspace, gets_pieces_back_from_a_copy) {
  AlignedBuffer<float> memory(32);
  Workspace workspace(memory.data(), memory.size());
  const auto callee = [](Workspace copy) { return copy.take(32); };
  EXPECT_EQ(callee(workspace), memory.data());
  EXPECT_EQ(callee(workspace), memory.data());
  EXPECT_EQ(workspace.take(32), memory.data());
}

TEST(Workspace, refuses_more_than_was_booked) {
  AlignedBuffer<float> memory(32);
  Workspace workspace(memory.data(), memory.size());
  workspace.take(16);
  EXPECT_THROW(workspace.take(17), ArgumentError);
  EXPECT_EQ(workspace.take(16), memory.data() + 16);
  EXPECT_THROW(workspace.take(1), ArgumentError);
}

}  // namespace
}  // namespace tilewise
