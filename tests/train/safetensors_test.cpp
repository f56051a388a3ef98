#include "tilewise/train/safetensors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/file_size_limit.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

using ::testing::ElementsAre;
using testing::FileSizeLimit;
using ::testing::IsEmpty;
using ::testing::Pair;
using testing::read_bytes;
using testing::TempDir;
using testing::throws_line;
using testing::write_bytes;

std::string little_endian(std::uint64_t value) {
  std::string bytes;
  for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(value >> shift & 255);
  return bytes;
}

/// A file with this header and `data_bytes` bytes of zeros.
std::string file_of(const std::string& header, std::size_t data_bytes = 0) {
  return little_endian(header.size()) + header + std::string(data_bytes, '\0');
}

/// The header of a file with one tensor "a".
std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"a":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets +
         "}}";
}

class SafetensorsTest : public ::testing::Test {
 protected:
  void expect_error(const std::string& bytes, const std::string& part) {
    write_bytes(path_, bytes);
    EXPECT_THAT([&] { read_safetensors(path_); },
                throws_line<FileError>(path_.string() + ": ", part));
  }

  /// Whether the file is read; false if it is refused with a FileError; other exceptions pass.
  bool is_read(const std::string& bytes) {
    write_bytes(path_, bytes);
    try {
      read_safetensors(path_);
      return true;
    } catch (const FileError&) {
      return false;
    }
  }

  TempDir folder_;
  std::filesystem::path path_ = folder_ / "model.safetensors";
};

// Byte for byte, so that it does not take our own reader to know that the format is right.
TEST_F(SafetensorsTest, WritesTheFormat) {
  const std::array<float, 2> b{1.0F, -2.0F};
  const std::array<float, 1> a{0.5F};
  const std::array tensors{NamedTensor{"b", Shape{1, 2}, b}, NamedTensor{"a", Shape{}, a}};
  write_safetensors(path_, tensors, {{"format", "tilewise"}});

  const std::string header = R"({"__metadata__":{"format":"tilewise"},)"
                             R"("b":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
                             R"("a":{"dtype":"F32","shape":[],"data_offsets":[8,12]}})";
  const std::string padding(7 - (header.size() + 7) % 8, ' ');
  const std::string data("\0\0\x80\x3f\0\0\0\xc0\0\0\0\x3f", 12);
  EXPECT_EQ(read_bytes(path_), file_of(header + padding) + data);
  EXPECT_EQ((8 + header.size() + padding.size()) % 8, 0U);
}

TEST_F(SafetensorsTest, ReadsWhatItWrote) {
  std::vector<float> many(1000);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<float>(i) / 7;
  const std::array<float, 4> odd{std::numeric_limits<float>::quiet_NaN(), -0.0F, 1e-45F,
                                 std::numeric_limits<float>::infinity()};
  const std::array tensors{
      NamedTensor{"conv2d/kernel", Shape{10, 100}, many}, NamedTensor{"odd", Shape{2, 1, 2}, odd},
      NamedTensor{"nothing", Shape{3, 0}, {}}, NamedTensor{"six", Shape{1, 1, 2, 1, 1, 2}, odd},
      NamedTensor{"n\xc3\xa4me \"quoted\"\n", Shape{4}, odd}};
  const std::map<std::string, std::string> metadata{{"epoch", "3"}, {"", "line\nline"}};
  write_safetensors(path_, tensors, metadata);

  const SafetensorsFile file = read_safetensors(path_);
  EXPECT_EQ(file.metadata, metadata);
  ASSERT_EQ(file.tensors.size(), tensors.size());
  for (const NamedTensor& written : tensors) {
    const Tensor& read = file.tensors.at(written.name);
    EXPECT_EQ(read.shape(), written.shape);
    ASSERT_EQ(read.size(), written.shape.elements());
    for (std::size_t i = 0; i < written.values.size(); ++i) {
      EXPECT_EQ(std::bit_cast<std::uint32_t>(read.span()[i]),
                std::bit_cast<std::uint32_t>(written.values[i]));
    }
  }
}

TEST_F(SafetensorsTest, FileWithoutTensors) {
  write_safetensors(path_, {});
  EXPECT_EQ(read_bytes(path_), file_of("{}      "));
  EXPECT_THAT(read_safetensors(path_).tensors, IsEmpty());
  EXPECT_THAT(read_safetensors(path_).metadata, IsEmpty());
}

// Other writers order, space and pad the header in their own ways, and may add keys.
TEST_F(SafetensorsTest, ReadsOtherWritersHeaders) {
  write_bytes(path_, file_of(R"( {"z": {"data_offsets": [4, 12], "shape": [2], "dtype": "F32"},
      "a": {"shape": [1], "dtype": "F32", "data_offsets": [0, 4], "note": ["x"]},
      "__metadata__": {"format": "pt"}} )") +
                         std::string("\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40", 12));
  const SafetensorsFile file = read_safetensors(path_);
  EXPECT_EQ(file.tensors.at("a")[0], 1.0F);
  EXPECT_EQ(file.tensors.at("z")[0], 2.0F);
  EXPECT_EQ(file.tensors.at("z")[1], 3.0F);
  EXPECT_THAT(file.metadata, ElementsAre(Pair("format", "pt")));
}

TEST_F(SafetensorsTest, NoSuchFileOrADirectory) {
  EXPECT_THAT([&] { read_safetensors(path_); },
              throws_line<FileError>(path_.string(), "No such file or directory"));
  EXPECT_THAT([&] { read_safetensors(folder_.path()); },
              throws_line<FileError>(folder_.path().string(), "is a directory"));
}

TEST_F(SafetensorsTest, HeaderLengthIsNotBelieved) {
  expect_error("", "holds 0 bytes, too few");
  expect_error("1234567", "holds 7 bytes, too few");
  expect_error(little_endian(3) + "{}", "announces a header of 3 bytes, but only 2 follow");
  expect_error(little_endian(100'000'001) + "{}", "expected at most 100000000");
  expect_error(little_endian(~std::uint64_t{0}) + "{}", "18446744073709551615 bytes, expected");
  expect_error("PK\x03\x04 a zip file", "not a safetensors file");
  expect_error(file_of(""), "not valid JSON");
}

TEST_F(SafetensorsTest, HeaderThatIsNotJson) {
  for (const char* header : {"{", "{}{}", "{\"a\"}", "[1,]", "\xff", "{\"a\xff\":1}", "nul", "\n",
                             R"({"a":{"shape":[1e999]}})", "{\"\n\":{}}"}) {
    expect_error(file_of(header), "not valid JSON");
  }
}

TEST_F(SafetensorsTest, HeaderOfAnotherStructure) {
  expect_error(file_of("[]"), "header is not a JSON object");
  expect_error(file_of("7"), "header is not a JSON object");
  expect_error(file_of(R"({"a":7})"), R"("a" has no valid "dtype")");
  expect_error(file_of(R"({"a":{}})"), R"("a" has no valid "dtype")");
  expect_error(file_of(R"({"a":{"dtype":"F32"}})"), R"("a" has no valid "shape")");
  expect_error(file_of(R"({"a":{"dtype":"F32","shape":[0]}})"), R"(no valid "data_offsets")");
  expect_error(file_of(R"({"__metadata__":[]})"), "\"__metadata__\" is not a map of strings");
  expect_error(file_of(R"({"__metadata__":{"a":1}})"), "\"__metadata__\" is not a map of strings");
}

TEST_F(SafetensorsTest, NestedTooDeeply) {
  expect_error(file_of(R"({"a":{"shape":[[1]]}})"), "nested too deeply");
  expect_error(file_of(R"({"a":{"b":{"c":{}}}})"), "nested too deeply");
  expect_error(file_of(std::string(1'000'000, '[')), "nested too deeply");
}

TEST_F(SafetensorsTest, NameThatComesTwice) {
  const std::string tensor = R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  expect_error(file_of("{\"a\":" + tensor + ",\"a\":" + tensor + "}", 4), "\"a\" is there twice");
  expect_error(file_of(R"({"__metadata__":{},"__metadata__":{}})"), "is there twice");
  expect_error(
      file_of(R"({"a":{"dtype":"F16","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4),
      "\"dtype\" is there twice");
  expect_error(file_of(R"({"__metadata__":{"k":"1","k":"2"}})"), "\"k\" is there twice");
  // The same key in two tensors is what every file has.
  EXPECT_TRUE(is_read(file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                              R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                              8)));
}

TEST_F(SafetensorsTest, WrongType) {
  expect_error(file_of(entry("\"F16\"", "[1]", "[0,2]"), 2),
               R"(tensor "a" has values of type "F16", expected "F32")");
  expect_error(file_of(entry("7", "[1]", "[0,4]"), 4), R"(no valid "dtype")");
}

TEST_F(SafetensorsTest, WrongShape) {
  for (const char* shape : {"7", "\"1\"", "[-1]", "[1.0]", "[1e0]", "[null]", "[\"1\"]", "{}",
                            "[18446744073709551615]", "[9223372036854775808]"}) {
    expect_error(file_of(entry("\"F32\"", shape, "[0,4]"), 4), R"("a" has no valid "shape")");
  }
  expect_error(file_of(entry("\"F32\"", "[1,1,1,1,1,1,1]", "[0,4]"), 4), "more than 6");
  expect_error(file_of(entry("\"F32\"", "[4294967296,4294967296]", "[0,4]"), 4), "size overflow");
  expect_error(file_of(entry("\"F32\"", "[4611686018427387904]", "[0,0]")), "size overflow");
}

TEST_F(SafetensorsTest, WrongOffsets) {
  for (const char* offsets :
       {"[]", "[0]", "[0,4,8]", "[4,0]", "[-4,0]", "[0,4.0]", "7", "[0,18446744073709551615]"}) {
    expect_error(file_of(entry("\"F32\"", "[1]", offsets), 4),
                 R"("a" has no valid "data_offsets")");
  }
  expect_error(file_of(entry("\"F32\"", "[3]", "[0,8]"), 8),
               R"(tensor "a" has 8 bytes, expected 12 for its shape (3))");
  expect_error(file_of(entry("\"F32\"", "[2]", "[0,8]"), 7),
               "truncated: tensor \"a\" ends at byte 8 of the data, but there are only 7");
  expect_error(file_of(entry("\"F32\"", "[1]", "[9223372036854775800,9223372036854775804]"), 4),
               "begins at byte 9223372036854775800 of the data, expected 0");
  // A petabyte: if it were allocated, this would end in std::bad_alloc.
  expect_error(file_of(entry("\"F32\"", "[281474976710656]", "[0,1125899906842624]"), 4),
               "truncated");
}

TEST_F(SafetensorsTest, TensorsHaveToFillTheData) {
  const auto two = [](const std::string& a, const std::string& b) {
    return R"({"a":{"dtype":"F32","shape":[1],"data_offsets":)" + a +
           R"(},"b":{"dtype":"F32","shape":[1],"data_offsets":)" + b + "}}";
  };
  EXPECT_TRUE(is_read(file_of(two("[4,8]", "[0,4]"), 8)));
  expect_error(file_of(two("[0,4]", "[0,4]"), 4), "\"b\" begins at byte 0 of the data, expected 4");
  expect_error(file_of(two("[0,4]", "[2,6]"), 6), "\"b\" begins at byte 2 of the data, expected 4");
  expect_error(file_of(two("[0,4]", "[8,12]"), 12), "begins at byte 8 of the data, expected 4");
  expect_error(file_of(two("[4,8]", "[8,12]"), 12), "begins at byte 4 of the data, expected 0");
  expect_error(file_of(two("[0,4]", "[4,8]"), 9), "has 9 bytes of data, expected 8");
  expect_error(file_of("{}", 1), "has 1 bytes of data, expected 0");
}

TEST_F(SafetensorsTest, NamesInMessagesAreShortAndOnOneLine) {
  const std::string name = "line\\nline" + std::string(1000, 'x');
  write_bytes(path_, file_of("{\"" + name + "\":{}}"));
  try {
    read_safetensors(path_);
    FAIL();
  } catch (const FileError& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos);
    EXPECT_LT(message.size(), path_.string().size() + 120);
  }
}

TEST_F(SafetensorsTest, RefusesEveryTruncation) {
  const std::array<float, 3> values{1, 2, 3};
  const std::array tensors{NamedTensor{"a", Shape{3}, values}, NamedTensor{"b", Shape{3}, values}};
  write_safetensors(path_, tensors, {{"key", "value"}});
  const std::string whole = read_bytes(path_);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(is_read(whole.substr(0, size))) << size;
  }
  EXPECT_TRUE(is_read(whole));
}

TEST_F(SafetensorsTest, DamageEndsInNothingButFileError) {
  const std::array<float, 3> values{1, 2, 3};
  const std::array tensors{NamedTensor{"a", Shape{3}, values}};
  write_safetensors(path_, tensors, {{"key", "value"}});
  const std::string whole = read_bytes(path_);
  for (std::size_t i = 0; i < whole.size() - sizeof(values); ++i) {
    for (const char byte : {'\0', '\xff', '"', '{', '}', '[', ']', ',', ':', '-', '9', 'e', '\\'}) {
      std::string damaged = whole;
      damaged[i] = byte;
      EXPECT_NO_THROW(is_read(damaged)) << i << ' ' << byte;
    }
  }
}

TEST_F(SafetensorsTest, WriteChecksItsArguments) {
  const std::array<float, 2> values{};
  const auto write = [&](std::initializer_list<NamedTensor> tensors,
                         const std::map<std::string, std::string>& metadata = {}) {
    write_safetensors(path_, std::vector<NamedTensor>(tensors), metadata);
  };
  const NamedTensor good{"a", Shape{2}, values};
  EXPECT_THAT([&] { write({good, good}); }, throws_line<ArgumentError>("\"a\" is there twice"));
  EXPECT_THAT([&] { write({{"__metadata__", Shape{2}, values}}); },
              throws_line<ArgumentError>("\"__metadata__\" is reserved"));
  EXPECT_THAT([&] { write({{"a", Shape{3}, values}}); },
              throws_line<ShapeError>("tensor \"a\": 2 values, expected (3)"));
  EXPECT_THAT([&] { write({{"\xff", Shape{2}, values}}); }, throws_line<ArgumentError>("UTF-8"));
  EXPECT_THAT([&] { write({good}, {{"key", "\xff"}}); }, throws_line<ArgumentError>("UTF-8"));
  EXPECT_THAT(folder_.names(), IsEmpty());
}

TEST_F(SafetensorsTest, FailedWriteLeavesTheOldFile) {
  const std::vector<float> values(1000, 1.0F);
  const std::array small{NamedTensor{"a", Shape{1}, std::span(values).first(1)}};
  const std::array large{NamedTensor{"a", Shape{1000}, values}};
  write_safetensors(path_, small);
  {
    const FileSizeLimit limit(1000);
    EXPECT_THAT([&] { write_safetensors(path_, large); },
                throws_line<FileError>(path_.string() + ": cannot write: "));
  }
  EXPECT_EQ(read_safetensors(path_).tensors.at("a").size(), 1);
  EXPECT_THAT(folder_.names(), ElementsAre("model.safetensors"));
}

}  // namespace
}  // namespace tilewise
