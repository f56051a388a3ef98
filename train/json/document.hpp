#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace tilewise::json {

/// JSON that was read; what is written keeps its order (nlohmann::ordered_json).
using Json = nlohmann::json;

/// `text` in double quotes, fit for a message: one line of ASCII, and not too long.
std::string quoted(const std::string& text);

/// A name as messages and tables show it: as it is if it is plain ASCII and not too long, else quoted().
std::string printable(const std::string& name);

/// A value as a message shows it: as JSON, like quoted().
std::string shown(const Json& value);

/// The member `key` of `object`; null if that has none or is no object.
const Json& member(const Json& object, const char* key);

/// Parses a document. `source` is what messages name, a file as a rule.
/// Throws FileError, with line and column, when `text` is not JSON (which knows no NaN), holds a number
/// that is too large, is nested more than 64 deep, or has an object with the same key twice.
Json parse(const std::string& source, std::string_view text);

}  // namespace tilewise::json
