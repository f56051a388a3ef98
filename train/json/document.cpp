#include "tilewise/train/json/document.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <set>
#include <vector>

#include "tilewise/core/error.hpp"

namespace tilewise::json {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMostShown = 60;

std::string cut(std::string_view text) {
  return std::string(text.substr(0, kMostShown)) + (text.size() > kMostShown ? "..." : "");
}

std::string dump_ascii(const Json& value) {
  return value.dump(-1, ' ', true, Json::error_handler_t::replace);
}

/// Looks at a document while it is parsed, for what cannot be seen afterwards.
class Guard {
 public:
  explicit Guard(const std::string& source) : source_(source) {}

  /// A callback of the parser's: `depth` is the number of containers around the event.
  bool operator()(int depth, Json::parse_event_t event, const Json& value) {
    if (event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start) {
      if (depth >= kMaxDepth) throw FileError(source_ + ": JSON is nested too deeply");
      keys_.resize(static_cast<std::size_t>(depth) + 1);
      keys_.back().clear();
    }
    if (event == Json::parse_event_t::key) {
      const auto& key = value.get_ref<const std::string&>();
      if (!keys_[static_cast<std::size_t>(depth) - 1].insert(key).second) {
        throw FileError(source_ + ": key " + quoted(key) + " is there twice in the same object");
      }
    }
    return true;
  }

 private:
  const std::string& source_;
  std::vector<std::set<std::string>> keys_;  ///< of the objects around, outermost first
};

std::string line_and_column(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, std::min(text.size(), byte == 0 ? 0 : byte - 1));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t start = before.rfind('\n');
  const std::size_t column = before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

}  // namespace

std::string quoted(const std::string& text) { return dump_ascii(Json(cut(text))); }

std::string printable(const std::string& name) {
  const bool plain = std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~'; });
  return plain && !name.empty() && name.size() <= kMostShown ? std::string(name) : quoted(name);
}

std::string shown(const Json& value) {
  return value.is_string() ? quoted(value.get_ref<const std::string&>()) : cut(dump_ascii(value));
}

const Json& member(const Json& object, const char* key) {
  static const Json null;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found == object.end() ? null : *found;
}

Json parse(const std::string& source, std::string_view text) {
  try {
    Guard guard(source);
    // By reference, for the parser copies its callback.
    return Json::parse(text, std::ref(guard));
  } catch (const Json::parse_error& error) {
    throw FileError(source + ": not valid JSON at " + line_and_column(text, error.byte));
  } catch (const Json::exception&) {
    throw FileError(source + ": not valid JSON: a number is too large");
  }
}

}  // namespace tilewise::json
