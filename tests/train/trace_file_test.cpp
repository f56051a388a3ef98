#include "tilewise/train/trace_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

using testing::throws_line;
using Clock = Profiler::Clock;

TEST(TraceFileTest, IsAChromeTrace) {
  Profiler profiler({.trace_events = 4});
  profiler.attach(2, {{"conv \"a\\b\"", "forward", "tile"}});
  profiler.start();
  const auto begin = Clock::now();
  profiler.add_time(0, Profiler::kFirstOfModel, 3, 8, begin, begin + std::chrono::nanoseconds(1'234'007));
  profiler.add_time(1, Profiler::kAssemble, -1, 0, begin, begin + std::chrono::nanoseconds(5));
  for (int i = 0; i < 4; ++i) profiler.add_time(1, Profiler::kPack, i, 0, begin, begin);
  profiler.stop();

  const nlohmann::json trace = nlohmann::json::parse(trace_json(profiler));
  EXPECT_EQ(trace.at("otherData").at("dropped_events"), 3);
  std::vector<nlohmann::json> events;
  std::map<int, std::string> threads;
  for (const auto& event : trace.at("traceEvents")) {
    EXPECT_EQ(event.at("pid"), 1);
    if (event.at("ph") == "X") events.push_back(event);
    if (event.at("name") == "thread_name") threads[event.at("tid")] = event.at("args").at("name");
  }
  EXPECT_EQ(threads, (std::map<int, std::string>{{0, "worker 0"}, {1, "worker 1"}}));
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].at("name"), "conv \"a\\b\" forward");
  EXPECT_EQ(events[0].at("cat"), "forward");
  EXPECT_EQ(events[0].at("tid"), 0);
  EXPECT_GE(events[0].at("ts"), 0);
  EXPECT_DOUBLE_EQ(events[0].at("dur"), 1234.007);
  EXPECT_EQ(events[0].at("args"), (nlohmann::json{{"chunk", 3}, {"images", 8}}));
  EXPECT_EQ(events[1].at("name"), "data assemble");
  EXPECT_EQ(events[1].at("tid"), 1);
  EXPECT_DOUBLE_EQ(events[1].at("dur"), 0.005);
  EXPECT_TRUE(events[1].at("args").empty());
  EXPECT_EQ(events[2].at("args"), (nlohmann::json{{"chunk", 0}}));
}

TEST(TraceFileTest, OfNothingIsValid) {
  EXPECT_TRUE(nlohmann::json::parse(trace_json(Profiler())).contains("traceEvents"));
}

TEST(TraceFileTest, IsWrittenWholeOrNotAtAll) {
  const testing::TempDir folder;
  const Profiler profiler;
  write_trace(folder / "trace.json", profiler);
  EXPECT_EQ(testing::read_bytes(folder / "trace.json"), trace_json(profiler));
  EXPECT_THAT([&] { write_trace(folder / "none" / "trace.json", profiler); },
              throws_line<FileError>("none/trace.json", "No such file"));
}

}  // namespace
}  // namespace tilewise
