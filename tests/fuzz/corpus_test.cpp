// tests/corpus has small files of every format that Tilewise reads, most of them damaged or made to harm, and in
// messages.txt what has to be said of each. They are the fuzzers' first inputs, too.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "fuzz/readers.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

namespace fs = std::filesystem;

const fs::path kCorpus = fs::path(TILEWISE_TESTS_DIR) / "corpus";

/// "FORMAT/FILE: MESSAGE" of each line of messages.txt, by file. Of what other libraries say, which may change with
/// their version, it has the part that is ours.
std::map<std::string, std::string> messages() {
  std::map<std::string, std::string> result;
  std::ifstream file(kCorpus / "messages.txt");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    EXPECT_NE(colon, line.npos) << line;
    EXPECT_TRUE(result.emplace(line.substr(0, colon), line.substr(colon + 2)).second) << line;
  }
  return result;
}

/// "ok", or what the reader says after the file's name.
std::string outcome(const fuzz::Reader& reader, const fs::path& path) {
  try {
    reader.read(path);
    return "ok";
  } catch (const FileError& error) {
    const std::string text = error.what(), place = path.string() + ": ";
    return text.starts_with(place) ? text.substr(place.size()) : "no file is named: " + text;
  } catch (const std::exception& error) {
    return std::string("another exception: ") + error.what();
  }
}

TEST(CorpusTest, EveryFileGivesItsMessage) {
  std::map<std::string, std::string> expected = messages();
  for (const fuzz::Reader& reader : fuzz::readers()) {
    for (const fs::directory_entry& entry : fs::directory_iterator(kCorpus / reader.format)) {
      const std::string name = (fs::path(reader.format) / entry.path().filename()).string();
      ASSERT_TRUE(expected.contains(name)) << name << " has no line in messages.txt";
      EXPECT_THAT(outcome(reader, entry.path()), ::testing::HasSubstr(expected[name])) << name;
      expected.erase(name);
    }
  }
  for (const auto& [name, message] : expected) ADD_FAILURE() << "there is no file " << name;
}

}  // namespace
}  // namespace tilewise
