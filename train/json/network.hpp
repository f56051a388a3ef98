#pragma once

#include <string>

#include "tilewise/layers/sequential.hpp"
#include "tilewise/train/json/document.hpp"

namespace tilewise::json {

/// The object of a network, as to_json() writes it. Throws ArgumentError for a layer that has no format.
nlohmann::ordered_json write_network(const Sequential& network);

/// Whether write_network() can write it.
bool has_format(const Sequential& network);

/// The network that an object describes, read and checked as model_from_json() says. `source` begins all
/// messages. Throws FileError.
Sequential read_network(const std::string& source, const Json& root);

}  // namespace tilewise::json
