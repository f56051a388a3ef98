// Against numbers by the formulas of Keras and PyTorch.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error_matchers.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/constant_rate.hpp"
#include "tilewise/layers/cosine_decay.hpp"
#include "tilewise/layers/exponential_decay.hpp"
#include "tilewise/layers/one_cycle.hpp"
#include "tilewise/layers/step_decay.hpp"

namespace tilewise {
namespace {

using testing::throws_line;

void expect_rate(const Schedule& schedule, std::int64_t step, double expected) {
  // A handful of operations in double.
  EXPECT_NEAR(schedule.learning_rate(step), expected, 1e-14 * expected + 1e-18) << "at step " << step;
}

TEST(ScheduleTest, ConstantRate) {
  for (const std::int64_t step : {0, 1, 1'000'000}) expect_rate(ConstantRate(0.25), step, 0.25);
}

// PyTorch's StepLR: initial * gamma^(epoch // step_size), here of 2 epochs of 50 steps.
TEST(ScheduleTest, StepDecay) {
  const StepDecay schedule({.initial_learning_rate = 0.05, .decay_steps = 100, .gamma = 0.5});
  expect_rate(schedule, 0, 0.05);
  expect_rate(schedule, 99, 0.05);
  expect_rate(schedule, 100, 0.025);
  expect_rate(schedule, 199, 0.025);
  expect_rate(schedule, 350, 0.00625);
  expect_rate(StepDecay({.initial_learning_rate = 1, .decay_steps = 1}), 3, 0.001);
}

// Keras: initial * decay_rate^(step / decay_steps): 0.1 * 0.96^1.5, and 0.1 * 0.96.
TEST(ScheduleTest, ExponentialDecay) {
  ExponentialDecayOptions options{.initial_learning_rate = 0.1, .decay_steps = 100, .decay_rate = 0.96};
  expect_rate(ExponentialDecay(options), 0, 0.1);
  expect_rate(ExponentialDecay(options), 100, 0.096);
  expect_rate(ExponentialDecay(options), 150, 0.09406040612287403);
  options.staircase = true;
  expect_rate(ExponentialDecay(options), 99, 0.1);
  expect_rate(ExponentialDecay(options), 150, 0.096);
}

// Keras: initial * ((1 - alpha) * (1 + cos(pi * step / decay_steps)) / 2 + alpha).
TEST(ScheduleTest, CosineDecay) {
  const CosineDecay schedule({.initial_learning_rate = 0.5, .decay_steps = 100});
  expect_rate(schedule, 0, 0.5);
  expect_rate(schedule, 25, 0.42677669529663687);
  expect_rate(schedule, 50, 0.25);
  expect_rate(schedule, 100, 0);
  expect_rate(schedule, 1000, 0);
}

// Keras: 0.001 + 0.009 * step / 10, then 0.01 * (0.9 * (1 + cos(pi * (step - 10) / 100)) / 2 + 0.1).
TEST(ScheduleTest, CosineDecayWithWarmUp) {
  CosineDecayOptions options{.initial_learning_rate = 0.001,
                             .decay_steps = 100,
                             .alpha = 0.1,
                             .warmup_target = 0.01,
                             .warmup_steps = 10};
  const CosineDecay schedule(options);
  expect_rate(schedule, 0, 0.001);
  expect_rate(schedule, 5, 0.0055);
  expect_rate(schedule, 10, 0.01);
  expect_rate(schedule, 35, 0.008681980515339464);
  expect_rate(schedule, 60, 0.0055);
  expect_rate(schedule, 85, 0.0023180194846605367);
  expect_rate(schedule, 110, 0.001);
  expect_rate(schedule, 200, 0.001);
  // Without a target there is no warm-up, whatever its steps.
  options.warmup_target.reset();
  expect_rate(CosineDecay(options), 0, 0.001);
  expect_rate(CosineDecay(options), 100, 0.0001);
}

// PyTorch's OneCycleLR(max_lr=0.1, total_steps=10): 0.004 to 0.1 over steps 0 to 2, and to 4e-7 at step 9, each
// as end + (start - end) / 2 * (1 + cos(pi * share)).
TEST(ScheduleTest, OneCycle) {
  const OneCycle schedule({.max_learning_rate = 0.1, .total_steps = 10});
  constexpr double kExpected[] = {0.004,
                                  0.052,
                                  0.1,
                                  0.09504846320134738,
                                  0.0811745653949763,
                                  0.06112620219362893,
                                  0.03887419780637107,
                                  0.0188258346050237,
                                  0.004951936798652629,
                                  4e-7,
                                  4e-7};
  for (std::int64_t step = 0; step < 11; ++step) expect_rate(schedule, step, kExpected[step]);
}

TEST(ScheduleTest, OneCycleWithoutARiseOrAFall) {
  // A rise of one step, whose length is 0, and of none: PyTorch's second phase then begins at step -1.
  expect_rate(OneCycle({.max_learning_rate = 1, .total_steps = 10, .pct_start = 0.1}), 0, 1);
  const OneCycle falling({.max_learning_rate = 1, .total_steps = 4, .pct_start = 0, .final_div_factor = 1});
  expect_rate(falling, 1, 0.04 + 0.96 / 2);
  expect_rate(falling, 3, 0.04);
  const OneCycle rising({.max_learning_rate = 1, .total_steps = 5, .pct_start = 1});
  expect_rate(rising, 2, 1 + (0.04 - 1) / 2);
  expect_rate(rising, 4, 1);
  expect_rate(OneCycle({.max_learning_rate = 1, .total_steps = 1, .final_div_factor = 1}), 0, 0.04);
}

TEST(ScheduleTest, RefusesBadOptions) {
  EXPECT_THAT([] { ConstantRate(-1); }, throws_line<ArgumentError>("learning_rate -1"));
  EXPECT_THAT([] { StepDecay({.initial_learning_rate = 1}); }, throws_line<ArgumentError>("decay_steps 0"));
  EXPECT_THAT([] { StepDecay({.initial_learning_rate = -1, .decay_steps = 1}); },
              throws_line<ArgumentError>("initial_learning_rate -1"));
  EXPECT_THAT([] { ExponentialDecay({.initial_learning_rate = 1, .decay_steps = 1}); },
              throws_line<ArgumentError>("ExponentialDecay", "decay_rate 0"));
  EXPECT_THAT([] { CosineDecay({.initial_learning_rate = 1, .decay_steps = 1, .alpha = 1.5}); },
              throws_line<ArgumentError>("alpha 1.5", "[0, 1]"));
  EXPECT_THAT([] { CosineDecay({.initial_learning_rate = 1, .decay_steps = 1, .warmup_target = -1}); },
              throws_line<ArgumentError>("warmup_target -1"));
  EXPECT_THAT([] { CosineDecay({.initial_learning_rate = 1, .decay_steps = 1, .warmup_steps = -1}); },
              throws_line<ArgumentError>("warmup_steps -1"));
  EXPECT_THAT([] { OneCycle({.max_learning_rate = 1}); }, throws_line<ArgumentError>("total_steps 0"));
  EXPECT_THAT([] { OneCycle({.max_learning_rate = 1, .total_steps = 9, .pct_start = 2}); },
              throws_line<ArgumentError>("pct_start 2"));
  EXPECT_THAT([] { OneCycle({.max_learning_rate = 1, .total_steps = 9, .div_factor = 0}); },
              throws_line<ArgumentError>("div_factor 0"));
}

}  // namespace
}  // namespace tilewise
