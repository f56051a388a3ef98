#pragma once

#include <gmock/gmock.h>

#include <string>

namespace tilewise::testing {

/// Matches a callable that throws an E whose message is one line and contains all of `parts`:
///   EXPECT_THAT([&] { read_idx(path); }, throws_line<FileError>(path.string(), "truncated"));
template <class E, class... Parts>
auto throws_line(const Parts&... parts) {
  using ::testing::HasSubstr;
  return ::testing::ThrowsMessage<E>(
      ::testing::AllOf(::testing::Not(HasSubstr("\n")), HasSubstr(std::string(parts))...));
}

}  // namespace tilewise::testing
