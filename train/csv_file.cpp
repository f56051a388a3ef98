#include "tilewise/train/csv_file.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>

#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

template <class T>
void append_digits(std::string& text, T value) {
  std::array<char, 32> digits;  // "-9223372036854775808", "-1.17549435e-38", "-2.2250738585072014e-308"
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  text.append(digits.data(), end);
}

/// The first line in `start`, fit to be quoted in a message.
std::string printable_line(std::string_view start) {
  std::string line(start.substr(0, start.find_first_of("\r\n")));
  std::replace_if(line.begin(), line.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return line;
}

/// The number that a line starts with, if it is one and a comma follows.
std::optional<std::int64_t> row_number(std::string_view line) {
  std::int64_t number = 0;
  const char* const end = line.data() + line.size();
  const auto [rest, error] = std::from_chars(line.data(), end, number);
  if (error != std::errc() || rest == end || *rest != ',') return std::nullopt;
  return number;
}

}  // namespace

void CsvRow::begin_field() {
  if (!text_.empty()) text_ += ',';
}

CsvRow& CsvRow::add(std::int64_t value) {
  begin_field();
  append_digits(text_, value);
  return *this;
}

CsvRow& CsvRow::add(double value) {
  begin_field();
  if (std::isnan(value)) {
    text_ += "nan";  // never "-nan", which not every reader knows
  } else if (std::isfinite(value) && std::abs(value) > std::numeric_limits<float>::max()) {
    append_digits(text_, value);
  } else {
    // Metrics are sums of floats: more digits would be noise.
    append_digits(text_, static_cast<float>(value));
  }
  return *this;
}

CsvRow& CsvRow::add(const std::optional<double>& value) {
  if (value) return add(*value);
  begin_field();
  text_ += "NA";
  return *this;
}

CsvFile::CsvFile(const std::filesystem::path& path, std::string_view header,
                 std::optional<std::int64_t> last_row)
    : file_(path, PosixFile::Mode::append) {
  // A device or a pipe has nothing to look at: "/dev/full" would read as zeros without end.
  if (!file_.is_regular() || file_.size() == 0) {
    write_whole(std::string(header) + "\n");
    return;
  }
  check_header(header);
  if (last_row) cut_after(*last_row);
  std::byte last{};
  file_.read_at(file_.size() - 1, {&last, 1});
  if (last != std::byte{'\n'}) write_whole("\n");
}

void CsvFile::check_header(std::string_view header) const {
  std::string start(header.size() + 1, '\0');
  start.resize(
      static_cast<std::size_t>(file_.read_at(0, std::as_writable_bytes(std::span(start)))));
  // A run killed at the right moment leaves the header without its newline.
  if (start != header && start != std::string(header) + "\n") {
    throw_file_error(file_.shown_as(), "starts with \"" + printable_line(start) + "\", expected \"" +
                                           std::string(header) + "\"");
  }
}

void CsvFile::cut_after(std::int64_t last_row) {
  std::string text(static_cast<std::size_t>(file_.size()), '\0');
  text.resize(static_cast<std::size_t>(file_.read_at(0, std::as_writable_bytes(std::span(text)))));
  std::size_t line = std::min(text.find('\n'), text.size() - 1) + 1;
  std::size_t kept = line;  // bytes
  for (std::size_t end = 0; (end = text.find('\n', line)) != std::string::npos; line = end + 1) {
    const auto number = row_number(std::string_view(text).substr(line, end - line));
    if (number && *number <= last_row) kept = end + 1;
  }
  file_.truncate(static_cast<std::int64_t>(kept));
}

void CsvFile::write_whole(std::string_view text) {
  const std::int64_t size = file_.is_regular() ? file_.size() : 0;
  try {
    file_.write(std::as_bytes(std::span(text)));
  } catch (const FileError&) {
    // On a full disk a part of the row may fit; the next one would continue that line.
    if (file_.is_regular()) file_.try_truncate(size);
    throw;
  }
}

}  // namespace tilewise
