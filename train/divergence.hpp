#pragma once

#include <string>

#include "tilewise/layers/model.hpp"

namespace tilewise {

/// Throws DivergedError "training diverged: WHAT is not a number WHERE", or "infinite", and names the first
/// weights, in the order of the layers, that are not finite any more, if there are any.
[[noreturn]] void throw_diverged(const std::string& what, double value, const std::string& where,
                                 const Model& model);

/// Throws DivergedError that names the first parameter with a value that is not finite, if there is one.
void check_finite(const Model& model, const std::string& where);

}  // namespace tilewise
