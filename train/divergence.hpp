#pragma once

#include <string>

#include "tilewise/layers/model.hpp"

namespace tilewise {

/// Throws DivergedError "training diverged WHERE: WHAT is not finite".
[[noreturn]] void throw_diverged(const std::string& where, const std::string& what);

/// Throws it for the first parameter that has a value that is not finite, if there is one.
void check_finite(const Model& model, const std::string& where);

}  // namespace tilewise
