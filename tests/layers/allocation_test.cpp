// A training step in steady state allocates nothing: every malloc of this program is counted.

#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "support/random_data.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/layers/adamw.hpp"
#include "tilewise/layers/batch_normalization.hpp"
#include "tilewise/layers/conv2d.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/depthwise_conv2d.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/mean_squared_error.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/layers/relu.hpp"
#include "tilewise/layers/residual.hpp"
#include "tilewise/train/batch_reader.hpp"
#include "tilewise/train/networks.hpp"

#if !defined(__has_feature)
#define __has_feature(feature) 0  // clang's way to say it
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TILEWISE_COUNTS_ALLOCATIONS 0  // sanitizers bring an allocator of their own
#else
#define TILEWISE_COUNTS_ALLOCATIONS 1
#endif

namespace {
std::atomic<std::int64_t> allocations{0};
}  // namespace

#if TILEWISE_COUNTS_ALLOCATIONS
// glibc's own names for its allocator; defining these functions, visibly, replaces them for all
// libraries.
#pragma GCC visibility push(default)
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
  ++allocations;
  return __libc_realloc(memory, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  ++allocations;
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
}
#pragma GCC visibility pop
#endif

namespace tilewise {
namespace {

class Training {
 public:
  explicit Training(int threads, Profiler* profiler = nullptr,
                    const Sequential& network = mnist_convnet())
      : executor_(threads),
        model_(network, executor_, {.max_batch = 32, .profiler = profiler}),
        labels_(32, 3) {
    testing::fill_random(model_.input(), 1);
  }

  void steps(int count) {
    for (int i = 0; i < count; ++i) model_.train_batch(labels_, adam_);
    model_.evaluate_batch(labels_);
    model_.predict_batch(32);
  }

 private:
  Executor executor_;
  Model model_;
  Adam adam_;
  std::vector<std::int32_t> labels_;
};

TEST(AllocationTest, TheCounterCounts) {
  if (!TILEWISE_COUNTS_ALLOCATIONS) GTEST_SKIP() << "not with sanitizers";
  const std::int64_t before = allocations;
  // Allocations whose address goes nowhere may be optimised away.
  const AlignedBuffer<float> buffer(100);
  const volatile void* volatile address = buffer.data();
  void* const memory = ::operator new(1);
  address = memory;
  ::operator delete(memory);
  EXPECT_NE(address, nullptr);
  EXPECT_GE(allocations - before, 2);
}

TEST(AllocationTest, SteadyStateStepAllocatesNothing) {
  if (!TILEWISE_COUNTS_ALLOCATIONS) GTEST_SKIP() << "not with sanitizers";
  Training training(1);
  training.steps(2);
  const std::int64_t before = allocations;
  training.steps(5);
  EXPECT_EQ(allocations - before, 0);
}

TEST(AllocationTest, ClippedStepAllocatesNothing) {
  if (!TILEWISE_COUNTS_ALLOCATIONS) GTEST_SKIP() << "not with sanitizers";
  Executor executor(1);
  Model model(mnist_convnet(), executor,
              {.max_batch = 32, .loss = std::make_shared<MeanSquaredError>(), .regularizer = {.l2 = 1e-4}});
  AdamW adamw({.clipping = {.global_norm = 0.1}});
  const std::vector<float> targets = testing::random_values(320, 1);
  for (int step = 0; step < 2; ++step) model.train_batch(targets, adamw);
  const std::int64_t before = allocations;
  for (int step = 0; step < 5; ++step) {
    model.train_batch(targets, adamw);
    EXPECT_FALSE(model.first_non_finite());
  }
  EXPECT_EQ(allocations - before, 0);
}

TEST(AllocationTest, AugmentedBatchAllocatesNothing) {
  if (!TILEWISE_COUNTS_ALLOCATIONS) GTEST_SKIP() << "not with sanitizers";
  const Dataset data({28, 28, 1}, 10, AlignedBuffer<std::uint8_t>(100 * 28 * 28),
                     std::vector<std::int32_t>(100, 3));
  BatchReader reader(data, 32, {.shift = 2, .rotate = 10, .elastic_alpha = 34}, 1);
  Executor executor(1);
  Model model(mnist_convnet(), executor, {.max_batch = 32});
  reader.load(model, 0);
  const std::int64_t before = allocations;
  for (std::uint32_t epoch = 2; epoch < 4; ++epoch) {
    reader.set_epoch(epoch);
    for (std::int64_t batch = 0; batch < reader.batches(); ++batch) reader.load(model, batch);
  }
  EXPECT_EQ(allocations - before, 0);
}

TEST(AllocationTest, StepOfOtherLayersAllocatesNothing) {
  if (!TILEWISE_COUNTS_ALLOCATIONS) GTEST_SKIP() << "not with sanitizers";
  Sequential network({28, 28, 1});
  network.add(Conv2D({.filters = 8, .strides = 2}))
      .add(BatchNormalization())
      .add(ReLU());
  Sequential main(network.output_shape()), shortcut(network.output_shape());
  main.add(Conv2D({.filters = 8, .strides = 2})).add(BatchNormalization());
  shortcut.add(DepthwiseConv2D({.padding = Padding::same}))
      .add(Conv2D({.filters = 8, .kernel_size = 2, .strides = 2, .groups = 4}))
      .add(BatchNormalization());
  network.add(Residual(main, shortcut))
      .add(Flatten())
      .add(Dense({.units = 10}));
  Training training(1, nullptr, network);
  training.steps(2);
  const std::int64_t before = allocations;
  training.steps(5);
  EXPECT_EQ(allocations - before, 0);
}

TEST(AllocationTest, ProfiledStepAllocatesNothing) {
  if (!TILEWISE_COUNTS_ALLOCATIONS) GTEST_SKIP() << "not with sanitizers";
  Profiler profiler({.trace_events = 500});  // full before the steps are over
  Training training(1, &profiler);
  profiler.start();
  training.steps(2);
  const std::int64_t before = allocations;
  training.steps(5);
  EXPECT_EQ(allocations - before, 0);
  profiler.stop();
  EXPECT_GT(profiler.dropped_events(), 0);
}

TEST(AllocationTest, MemoryStaysFlatOnManyThreads) {
  if (!TILEWISE_COUNTS_ALLOCATIONS) GTEST_SKIP() << "not with sanitizers";
  // oneTBB may still grow its pools of tasks a little; a step that kept anything would show.
  Training training(3);
  training.steps(10);
  const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  training.steps(40);
  const std::size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
  EXPECT_LT(after, before + 64 * 1024);
}

}  // namespace
}  // namespace tilewise
