#pragma once

#include <string>

#include "tilewise/train/json/document.hpp"

namespace tilewise::json {

/// Throws FileError unless the "config" of a functional model, in the spelling of Keras 2 or 3, is a chain:
/// an InputLayer, and each layer called once, on what the one before it in the list returned; the last one
/// is the only output.
void check_plain_chain(const std::string& source, const Json& config);

}  // namespace tilewise::json
