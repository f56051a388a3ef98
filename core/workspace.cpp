#include "tilewise/core/workspace.hpp"

#include <string>

#include "tilewise/core/error.hpp"

namespace tilewise {

void Workspace::fail(std::int64_t wanted) const {
  throw ArgumentError("workspace: " + std::to_string(wanted) + " floats are needed where " + std::to_string(left_) +
                      " are left");
}

}  // namespace tilewise
