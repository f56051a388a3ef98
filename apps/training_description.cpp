#include "apps/training_description.hpp"

#include <nlohmann/json.hpp>

#include "tilewise/train/model_json.hpp"

namespace tilewise::app {

std::vector<std::pair<std::string, std::string>> describe(const TrainOptions& options,
                                                          const Sequential& network,
                                                          const TrainingLength& length) {
  std::vector<std::pair<std::string, std::string>> description;
  const auto json = nlohmann::ordered_json::parse(to_json(network));
  for (const auto& layer : json.at("config").at("layers")) {
    const auto& config = layer.at("config");
    for (const auto& [key, value] : config.items()) {
      if (key == "name") continue;
      description.emplace_back(key + " of layer " + config.at("name").get<std::string>(), value.dump());
    }
  }
  description.emplace_back("the optimizer", describe_optimizer(options.optimizer));
  description.emplace_back("the loss", describe_loss(options.optimizer));
  description.emplace_back("the schedule", describe_schedule(options.schedule, length));
  for (auto& pair : describe(options.callbacks)) description.push_back(std::move(pair));
  return description;
}

}  // namespace tilewise::app
