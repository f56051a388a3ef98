#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tilewise/core/error.hpp"

namespace tilewise {

/// A value and what it is called in files and on the command line. Of several names the first is the value's.
template <class T>
struct Named {
  std::string_view name;
  T value;
};

/// `value` has to be in the table.
template <class T>
std::string_view name_of(T value, std::span<const Named<T>> table) {
  for (const auto& entry : table) {
    if (entry.value == value) return entry.name;
  }
  return {};
}

/// Throws ArgumentError that says `what`, `name` and all names there are.
template <class T>
T value_of(std::string_view name, std::string_view what, std::span<const Named<T>> table) {
  std::string known;
  for (const auto& entry : table) {
    if (entry.name == name) return entry.value;
    known.append(known.empty() ? "" : ", ").append(entry.name);
  }
  throw ArgumentError(std::string(what) + " '" + std::string(name) + "' is not one of " + known);
}

}  // namespace tilewise
