#include "tilewise/train/csv_log.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

template <class T>
void append_digits(std::string& text, T value) {
  std::array<char, 32> digits;  // "-2147483648", "-1.17549435e-38", "-2.2250738585072014e-308"
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  text.append(digits.data(), end);
}

void append_value(std::string& text, double value) {
  if (std::isnan(value)) {
    text += "nan";  // never "-nan", which not every reader knows
  } else if (std::isfinite(value) && std::abs(value) > std::numeric_limits<float>::max()) {
    append_digits(text, value);
  } else {
    // Metrics are sums of floats: more digits would be noise.
    append_digits(text, static_cast<float>(value));
  }
}

void append_value(std::string& text, const std::optional<double>& value) {
  if (value) {
    append_value(text, *value);
  } else {
    text += "NA";
  }
}

/// The first line in `start`, fit to be quoted in a message.
std::string printable_line(std::string_view start) {
  std::string line(start.substr(0, start.find_first_of("\r\n")));
  std::replace_if(line.begin(), line.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return line;
}

}  // namespace

CsvLog::CsvLog(const std::filesystem::path& path) : file_(path, PosixFile::Mode::append) {
  // A device or a pipe has nothing to look at: "/dev/full" would read as zeros without end.
  const std::int64_t size = file_.is_regular() ? file_.size() : 0;
  if (size == 0) {
    write_whole(std::string(kHeader) + "\n");
    return;
  }

  std::string start(kHeader.size() + 1, '\0');
  start.resize(
      static_cast<std::size_t>(file_.read_at(0, std::as_writable_bytes(std::span(start)))));
  // A run killed at the right moment leaves the header without its newline.
  if (start != kHeader && start != std::string(kHeader) + "\n") {
    throw_file_error(path, "starts with \"" + printable_line(start) + "\", expected \"" +
                               std::string(kHeader) + "\"");
  }
  std::byte last{};
  file_.read_at(size - 1, {&last, 1});
  if (last != std::byte{'\n'}) write_whole("\n");
}

void CsvLog::append(const EpochRecord& record) {
  std::string row;
  append_digits(row, record.epoch);
  for (const std::optional<double>& value :
       {std::optional(record.accuracy), std::optional(record.loss), record.val_accuracy,
        record.val_loss, std::optional(record.learning_rate), std::optional(record.seconds),
        std::optional(record.images_per_second)}) {
    row += ',';
    append_value(row, value);
  }
  write_whole(row + "\n");
}

void CsvLog::write_whole(std::string_view text) {
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
