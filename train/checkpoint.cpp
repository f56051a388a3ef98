#include "tilewise/train/checkpoint.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tilewise/train/model_json.hpp"
#include "tilewise/train/posix_file.hpp"
#include "tilewise/train/safetensors.hpp"
#include "tilewise/train/weights_file.hpp"

namespace tilewise {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kMetadataKey = "checkpoint";
constexpr std::int64_t kVersion = 1;
constexpr std::size_t kMaxTextBytes = 4'000'000;  // a thousand layers take a twentieth
constexpr int kMaxDepth = 3;
const std::string kOptimizerPrefix = "optimizer/";
const std::string kCallbackPrefix = "callbacks/";

// --- Writing ------------------------------------------------------------------------------------

std::string exact(double value) {
  std::array<char, 32> digits;  // "-1.fffffffffffffp+1023"
  const auto [end, error] =
      std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::hex);
  return {digits.data(), end};
}

std::string optimizer_tensor(std::string_view array, const Parameter& parameter) {
  return kOptimizerPrefix + std::string(array) + "/" + parameter.name();
}

Json to_json(const Training& training, const TrainingState& state, const Fingerprint& fingerprint) {
  const Progress& at = state.progress;
  Json json = {{"version", kVersion},
               {"library", TILEWISE_VERSION},
               {"epoch", at.epoch},
               {"step", at.step},
               {"seconds", exact(at.seconds)},
               {"metrics",
                {{"loss_sum", exact(at.sum.loss)},
                 {"correct", at.sum.correct},
                 {"images", at.sum.images}}},
               {"optimizer_steps", training.optimizer.steps()},
               {"learning_rate", exact(training.optimizer.learning_rate())},
               {"learning_rate_scale", exact(at.learning_rate_scale)},
               {"callbacks", Json::object()},
               {"fingerprint", Json::array()}};
  for (const auto& [name, callback] : state.callbacks) {
    Json& numbers = json["callbacks"][name] = Json::object();
    for (const auto& [key, number] : callback.numbers) numbers[key] = exact(number);
  }
  for (const auto& [what, how] : fingerprint) json["fingerprint"].push_back({what, how});
  return json;
}

// --- Reading ------------------------------------------------------------------------------------

/// Takes typed values out of the JSON, each checked. Throws FileError.
class Reader {
 public:
  Reader(const std::filesystem::path& path, const Json& json) : path_(path), json_(json) {}

  Reader object(const std::string& key) const {
    const Json& value = at(key);
    if (!value.is_object()) fail(key);
    return {path_, value};
  }

  std::int64_t integer(const char* key, std::int64_t least, std::int64_t most) const {
    const Json& value = at(key);
    if (!value.is_number_integer() || (value.is_number_unsigned() && !std::in_range<std::int64_t>(
                                                                         value.get<std::uint64_t>()))) {
      fail(key);
    }
    const auto number = value.get<std::int64_t>();
    if (number < least || number > most) fail(key);
    return number;
  }

  double number(const std::string& key) const {
    const Json& value = at(key);
    if (!value.is_string()) fail(key);
    const auto& text = value.get_ref<const std::string&>();
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number,
                                              std::chars_format::hex);
    if (error != std::errc() || end != text.data() + text.size()) fail(key);
    return number;
  }

  /// A number that is finite and not negative.
  double amount(const char* key) const {
    const double value = number(key);
    if (!(value >= 0 && std::isfinite(value))) fail(key);
    return value;
  }

  Fingerprint fingerprint() const {
    Fingerprint result;
    const Json& list = at("fingerprint");
    if (!list.is_array()) fail("fingerprint");
    for (const Json& pair : list) {
      if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
        fail("fingerprint");
      }
      result.emplace_back(pair[0].get<std::string>(), pair[1].get<std::string>());
    }
    return result;
  }

  auto items() const { return json_.items(); }

 private:
  const Json& at(const std::string& key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) fail(key);
    return *found;
  }
  [[noreturn]] void fail(const std::string& key) const {
    throw_file_error(path_, "damaged checkpoint: no valid " + Json(key).dump(-1, ' ', true));
  }

  const std::filesystem::path& path_;
  const Json& json_;
};

Json parse(const std::filesystem::path& path, const SafetensorsFile& file) {
  const auto found = file.metadata.find(kMetadataKey);
  if (found == file.metadata.end()) throw_file_error(path, "is no checkpoint, only tensors");
  if (found->second.size() > kMaxTextBytes) {
    throw_file_error(path, "damaged checkpoint: " + std::to_string(found->second.size()) +
                               " bytes of JSON, expected at most " + std::to_string(kMaxTextBytes));
  }
  Json json;
  try {
    json = Json::parse(found->second, [&](int depth, Json::parse_event_t, Json&) {
      if (depth > kMaxDepth) throw_file_error(path, "damaged checkpoint: nested too deeply");
      return true;
    });
  } catch (const Json::exception&) {
  }
  if (!json.is_object()) throw_file_error(path, "damaged checkpoint: not a JSON object");
  return json;
}

TrainingState read_state(const Reader& reader) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  TrainingState state;
  Progress& at = state.progress;
  at.epoch = static_cast<int>(reader.integer("epoch", 1, std::numeric_limits<int>::max()));
  at.step = reader.integer("step", 0, kMost);
  at.seconds = reader.amount("seconds");
  at.learning_rate_scale = reader.amount("learning_rate_scale");
  const Reader metrics = reader.object("metrics");
  at.sum.loss = metrics.number("loss_sum");
  at.sum.images = metrics.integer("images", 0, kMost);
  at.sum.correct = metrics.integer("correct", 0, at.sum.images);
  const Reader callbacks = reader.object("callbacks");
  for (const auto& item : callbacks.items()) {
    CallbackState& callback = state.callbacks[item.key()];
    const Reader numbers = callbacks.object(item.key());
    for (const auto& number : numbers.items()) {
      callback.numbers[number.key()] = numbers.number(number.key());
    }
  }
  return state;
}

/// The tensors of a checkpoint, each to be taken once.
class Tensors {
 public:
  Tensors(const std::filesystem::path& path, SafetensorsFile& file)
      : path_(path), tensors_(file.tensors) {}

  Tensor take(const std::string& name, const Shape& shape) {
    const auto node = tensors_.extract(name);
    if (node.empty()) throw_file_error(path_, "damaged checkpoint: has no tensor " + name);
    if (node.mapped().shape() != shape) {
      throw_file_error(path_, "damaged checkpoint: tensor " + name + " has shape " +
                                  node.mapped().shape().to_string() + ", expected " +
                                  shape.to_string());
    }
    return std::move(node.mapped());
  }

  /// What is left belongs to callbacks.
  void give_to(std::map<std::string, CallbackState>& callbacks) {
    for (auto& [name, tensor] : tensors_) {
      const std::size_t slash = name.find('/', kCallbackPrefix.size());
      const auto callback =
          name.starts_with(kCallbackPrefix) && slash != std::string::npos
              ? callbacks.find(name.substr(kCallbackPrefix.size(), slash - kCallbackPrefix.size()))
              : callbacks.end();
      if (callback == callbacks.end()) {
        throw_file_error(path_, "damaged checkpoint: tensor " + Json(name).dump(-1, ' ', true) +
                                    " belongs to nothing");
      }
      callback->second.tensors.emplace(name.substr(slash + 1), std::move(tensor));
    }
  }

 private:
  const std::filesystem::path& path_;
  std::map<std::string, Tensor>& tensors_;
};

void copy(const Tensor& from, float* to) { std::copy_n(from.data(), from.size(), to); }

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const Training& training,
                     const Fingerprint& fingerprint) {
  const TrainingState state = training.state();
  const std::span<const Parameter> parameters = training.model.parameters();
  std::vector<NamedTensor> tensors;
  for (const Parameter& parameter : parameters) {
    tensors.push_back({parameter.name(), parameter.shape(),
                       {parameter.value(), static_cast<std::size_t>(parameter.size())}});
  }
  for (const auto& array : training.optimizer.state()) {
    for (std::size_t i = 0; i < array.tensors.size(); ++i) {
      if (!parameters[i].trainable()) continue;
      tensors.push_back({optimizer_tensor(array.name, parameters[i]), array.tensors[i].shape(),
                         array.tensors[i].span()});
    }
  }
  for (const auto& [name, callback] : state.callbacks) {
    for (const auto& [key, tensor] : callback.tensors) {
      tensors.push_back({kCallbackPrefix + name + "/" + key, tensor.shape(), tensor.span()});
    }
  }
  std::map<std::string, std::string> metadata = {
      {kMetadataKey, to_json(training, state, fingerprint).dump()}};
  const Sequential& network = training.model.network();
  if (has_json(network)) metadata.emplace(kModelConfigKey, to_json(network));
  write_safetensors(path, tensors, metadata);
}

TrainingState load_checkpoint(const std::filesystem::path& path, Model& model, Optimizer& optimizer,
                              const DatasetView& data, const FitOptions& options) {
  SafetensorsFile file = read_safetensors(path);
  const Json json = parse(path, file);
  const Reader reader(path, json);
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (const std::int64_t version = reader.integer("version", 0, kMost); version != kVersion) {
    throw_file_error(path, "checkpoint of format " + std::to_string(version) + ", expected " +
                               std::to_string(kVersion));
  }
  if (const auto difference = first_difference(reader.fingerprint(),
                                               fingerprint(model, optimizer, data, options))) {
    throw_file_error(path, "is of another training: " + *difference);
  }

  // Everything is read before anything is changed.
  TrainingState state = read_state(reader);
  const std::int64_t steps = reader.integer("optimizer_steps", 0, kMost);
  const double learning_rate = reader.amount("learning_rate");
  Tensors tensors(path, file);
  std::vector<Tensor> weights;
  for (const Parameter& parameter : model.parameters()) {
    weights.push_back(tensors.take(parameter.name(), parameter.shape()));
  }
  optimizer.attach(model.parameters());
  std::vector<Tensor> arrays;
  for (const auto& array : optimizer.state()) {
    for (std::size_t i = 0; i < array.tensors.size(); ++i) {
      if (!model.parameters()[i].trainable()) continue;
      arrays.push_back(tensors.take(optimizer_tensor(array.name, model.parameters()[i]),
                                    array.tensors[i].shape()));
    }
  }
  tensors.give_to(state.callbacks);

  model.edit_parameters([&](std::span<Parameter> parameters) {
    for (std::size_t i = 0; i < weights.size(); ++i) copy(weights[i], parameters[i].value());
  });
  auto next = arrays.begin();
  for (const auto& array : optimizer.state()) {
    for (std::size_t i = 0; i < array.tensors.size(); ++i) {
      if (model.parameters()[i].trainable()) copy(*next++, array.tensors[i].data());
    }
  }
  optimizer.resume(steps);
  optimizer.set_learning_rate(learning_rate);
  return state;
}

}  // namespace tilewise
