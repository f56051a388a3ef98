#include "tilewise/train/training.hpp"

#include "tilewise/core/error.hpp"

namespace tilewise {

void Training::scale_learning_rate(double factor) {
  optimizer.set_learning_rate(factor * optimizer.learning_rate());
  progress.learning_rate_scale *= factor;
}

TrainingState Training::state() const {
  TrainingState state{.progress = progress, .callbacks = {}};
  for (const auto& [name, callback] : named_callbacks(options.callbacks)) {
    state.callbacks.emplace(name, callback->state());
  }
  return state;
}

void Training::restore(const TrainingState& state) {
  const std::map<std::string, Callback*> named = named_callbacks(options.callbacks);
  for (const auto& [name, callback] : named) {
    if (!state.callbacks.contains(name)) {
      throw ArgumentError("the training to resume had no callback \"" + name + "\", this one has");
    }
  }
  for (const auto& [name, remembered] : state.callbacks) {
    if (!named.contains(name)) {
      throw ArgumentError("the training to resume had a callback \"" + name + "\", this one has not");
    }
  }
  progress = state.progress;
  for (const auto& [name, callback] : named) callback->restore(state.callbacks.at(name));
}

std::map<std::string, Callback*> named_callbacks(std::span<Callback* const> callbacks) {
  std::map<std::string, Callback*> named;
  for (Callback* callback : callbacks) {
    const std::string stem(callback->name());
    if (stem.empty()) continue;
    std::string name = stem;
    for (int same = 1; !named.emplace(name, callback).second; ++same) {
      name = stem + "_" + std::to_string(same);
    }
  }
  return named;
}

}  // namespace tilewise
