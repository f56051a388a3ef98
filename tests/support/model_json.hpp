#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tilewise/layers/sequential.hpp"
#include "tilewise/train/model_json.hpp"

namespace tilewise::testing {

/// A network as JSON; errors name it model.json.
inline Sequential parsed(const std::string& text) { return model_from_json(text, "model.json"); }
inline Sequential parsed(const nlohmann::json& json) { return parsed(json.dump()); }

/// A network of one layer, after (8, 6, 4).
inline nlohmann::json with_layer(const char* class_name, const nlohmann::json& config) {
  auto model = nlohmann::json::parse(R"({"class_name": "Sequential", "config": {"layers": [
    {"class_name": "InputLayer", "config": {"batch_shape": [null, 8, 6, 4]}}]}})");
  model["config"]["layers"].push_back({{"class_name", class_name}, {"config", config}});
  return model;
}

}  // namespace tilewise::testing
