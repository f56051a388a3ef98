#include "apps/progress_bar.hpp"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace tilewise::app {
namespace {

constexpr std::int64_t kBarWidth = 20;
constexpr double kRedrawSeconds = 0.1;

bool terminal_speaks_utf8() {
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(variable);
    if (value == nullptr || *value == '\0') continue;
    const std::string locale = value;
    return locale.find("UTF-8") != std::string::npos || locale.find("utf8") != std::string::npos;
  }
  return false;
}

std::size_t terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

/// 7 -> "7s", 95 -> "1:35".
std::string duration(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string step_time(double seconds) {
  if (seconds >= 1) return fmt::format("{:.1f}s/step", seconds);
  if (seconds >= 0.01) return fmt::format("{:.0f}ms/step", seconds * 1e3);
  if (seconds >= 1e-3) return fmt::format("{:.1f}ms/step", seconds * 1e3);
  return fmt::format("{:.0f}us/step", seconds * 1e6);
}

std::string metrics_text(double accuracy, double loss) {
  return fmt::format("accuracy: {:.4f} - loss: {:.4f}", accuracy, loss);
}

/// The first `width` characters of UTF-8 text: a line that wrapped could not be redrawn.
std::string clip(const std::string& text, std::size_t width) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool starts_character = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (starts_character && characters++ == width) return text.substr(0, i);
  }
  return text;
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Verbosity default_verbosity() {
  return isatty(STDOUT_FILENO) != 0 ? Verbosity::bar : Verbosity::line;
}

ProgressBar::ProgressBar(Verbosity verbosity, int epochs)
    : verbosity_(verbosity), epochs_(epochs), utf8_(terminal_speaks_utf8()) {}

ProgressBar::~ProgressBar() { finish_line(); }

void ProgressBar::finish_line() {
  if (line_open_) fmt::print("\n");
  line_open_ = false;
  std::fflush(stdout);
}

void ProgressBar::on_epoch_begin(int epoch) {
  if (verbosity_ == Verbosity::bar) fmt::print("Epoch {}/{}\n", epoch, epochs_);
  last_drawn_ = 0;
}

void ProgressBar::on_step_end(const StepRecord& record) {
  last_ = record;
  if (verbosity_ != Verbosity::bar) return;
  const double time = now();
  if (time - last_drawn_ < kRedrawSeconds) return;
  last_drawn_ = time;
  const double left = record.step_seconds * static_cast<double>(record.steps - record.step);
  redraw(fmt::format("{}/{} {} {} {} - {}", record.step, record.steps,
                     bar(record.step, record.steps), duration(left), step_time(record.step_seconds),
                     metrics_text(record.metrics.accuracy, record.metrics.loss)));
}

void ProgressBar::on_epoch_end(const EpochRecord& record) {
  if (verbosity_ == Verbosity::silent) return;
  std::string text = fmt::format("{} {} - {}", duration(record.seconds),
                                 step_time(last_.step_seconds),
                                 metrics_text(record.accuracy, record.loss));
  if (record.val_accuracy && record.val_loss) {
    text += fmt::format(" - val_accuracy: {:.4f} - val_loss: {:.4f}", *record.val_accuracy,
                        *record.val_loss);
  }
  if (verbosity_ == Verbosity::bar) {
    // The last word on the epoch may wrap: it is not redrawn.
    fmt::print("\r\033[K{}/{} {} {}\n", last_.steps, last_.steps, bar(1, 1), text);
    line_open_ = false;
  } else {
    fmt::print("Epoch {}/{} - {}\n", record.epoch, epochs_, text);
  }
  std::fflush(stdout);
}

std::string ProgressBar::bar(std::int64_t step, std::int64_t steps) const {
  const std::int64_t filled = kBarWidth * step / steps;
  std::string text;
  for (std::int64_t i = 0; i < kBarWidth; ++i) {
    if (utf8_) {
      text += i < filled ? "━" : "─";
    } else {
      text += i < filled ? '=' : '.';
    }
  }
  return text;
}

void ProgressBar::redraw(const std::string& line) {
  fmt::print("\r\033[K{}", clip(line, terminal_width() - 1));
  line_open_ = true;
  std::fflush(stdout);
}

}  // namespace tilewise::app
