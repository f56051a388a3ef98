#include "tilewise/core/thread_count.hpp"

#include <gmock/gmock.h>
#include <sched.h>

#include <optional>
#include <string>
#include <thread>

#include "support/scoped_env.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using testing::ScopedEnv;

class ThreadCountTest : public ::testing::Test {
 private:
  ScopedEnv ours_{"TILEWISE_NUM_THREADS", nullptr};
  ScopedEnv openmp_{"OMP_NUM_THREADS", nullptr};
};

/// Keeps the calling thread on one CPU until the end of the scope.
class OneCpu {
 public:
  OneCpu() {
    sched_getaffinity(0, sizeof(old_), &old_);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &old_)) ++cpu;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof(one), &one);
  }
  ~OneCpu() { sched_setaffinity(0, sizeof(old_), &old_); }
  OneCpu(const OneCpu&) = delete;
  OneCpu& operator=(const OneCpu&) = delete;

 private:
  cpu_set_t old_;
};

std::string error_with(const char* variable, const char* value) {
  const ScopedEnv env(variable, value);
  try {
    thread_count();
  } catch (const ArgumentError& error) {
    return error.what();
  }
  return "no ArgumentError";
}

TEST_F(ThreadCountTest, takes_the_argument_first) {
  const ScopedEnv ours("TILEWISE_NUM_THREADS", "5");
  const ScopedEnv openmp("OMP_NUM_THREADS", "3");
  const ThreadCount threads = thread_count(7);
  EXPECT_EQ(threads.count, 7);
  EXPECT_EQ(threads.source, "argument");
}

TEST_F(ThreadCountTest, takes_its_own_variable_before_openmp) {
  const ScopedEnv ours("TILEWISE_NUM_THREADS", "5");
  const ScopedEnv openmp("OMP_NUM_THREADS", "3");
  const ThreadCount threads = thread_count();
  EXPECT_EQ(threads.count, 5);
  EXPECT_EQ(threads.source, "TILEWISE_NUM_THREADS");
}

TEST_F(ThreadCountTest, takes_openmp_before_the_machine) {
  const ScopedEnv openmp("OMP_NUM_THREADS", "3");
  const ThreadCount threads = thread_count();
  EXPECT_EQ(threads.count, 3);
  EXPECT_EQ(threads.source, "OMP_NUM_THREADS");
}

TEST_F(ThreadCountTest, takes_the_first_of_a_list) {
  const ScopedEnv openmp("OMP_NUM_THREADS", "4,2");
  EXPECT_EQ(thread_count().count, 4);
}

TEST_F(ThreadCountTest, ignores_empty_variables) {
  const ScopedEnv ours("TILEWISE_NUM_THREADS", "");
  const ScopedEnv openmp("OMP_NUM_THREADS", "3");
  EXPECT_EQ(thread_count().count, 3);
}

TEST_F(ThreadCountTest, defaults_to_what_the_machine_grants) {
  const ThreadCount threads = thread_count();
  EXPECT_GE(threads.count, 1);
  EXPECT_LE(threads.count, static_cast<int>(std::thread::hardware_concurrency()));
  EXPECT_THAT(threads.source, AnyOf("hardware", "CPU affinity", "cgroup CPU quota"));
}

TEST_F(ThreadCountTest, obeys_the_affinity) {
  const OneCpu one;
  EXPECT_EQ(thread_count().count, 1);
}

TEST_F(ThreadCountTest, prefers_an_explicit_number_to_the_affinity) {
  const OneCpu one;
  const ScopedEnv ours("TILEWISE_NUM_THREADS", "6");
  EXPECT_EQ(thread_count().count, 6);
  EXPECT_EQ(thread_count(9).count, 9);
}

TEST_F(ThreadCountTest, rejects_arguments_out_of_range) {
  EXPECT_THROW(thread_count(-1), ArgumentError);
  EXPECT_THROW(thread_count(1025), ArgumentError);
  EXPECT_EQ(thread_count(1024).count, 1024);
}

TEST_F(ThreadCountTest, rejects_variables_that_are_no_number) {
  for (const char* variable : {"TILEWISE_NUM_THREADS", "OMP_NUM_THREADS"}) {
    for (const char* value : {"0", "-1", "four", "4x", "4 ", " 4", "1.5", "1025", "99999999999999",
                              ",4", "0x4", "+4"}) {
      EXPECT_EQ(error_with(variable, value),
                std::string(variable) + "='" + value + "': expected a number from 1 to 1024");
    }
  }
}

TEST_F(ThreadCountTest, does_not_look_at_a_bad_variable_that_it_does_not_need) {
  const ScopedEnv openmp("OMP_NUM_THREADS", "many");
  const ScopedEnv ours("TILEWISE_NUM_THREADS", "2");
  EXPECT_EQ(thread_count().count, 2);
  EXPECT_EQ(thread_count(3).count, 3);
}

}  // namespace
}  // namespace tilewise
