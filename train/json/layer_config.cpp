#include "tilewise/train/json/layer_config.hpp"

#include <iterator>
#include <string_view>

#include "tilewise/core/error.hpp"

namespace tilewise::json {
namespace {

// What the values of an enumeration are called.
template <class T>
struct Name {
  std::string_view name;
  T value;
};

constexpr Name<Activation> kActivations[] = {
    {"linear", Activation::linear},   {"relu", Activation::relu}, {"leaky_relu", Activation::leaky_relu},
    {"elu", Activation::elu},         {"gelu", Activation::gelu}, {"silu", Activation::silu},
    {"sigmoid", Activation::sigmoid}, {"tanh", Activation::tanh}, {"softmax", Activation::softmax},
    {"swish", Activation::silu}};

constexpr Name<Padding> kPaddings[] = {{"valid", Padding::valid}, {"same", Padding::same}};

constexpr Name<Initializer> kInitializers[] = {{"Zeros", Initializer::zeros},
                                               {"GlorotUniform", Initializer::glorot_uniform}};

template <class T, std::size_t n>
std::string_view name_of(const Name<T> (&names)[n], T value) {
  for (const auto& [name, candidate] : names) {
    if (candidate == value) return name;
  }
  throw ArgumentError("an option has a value without a name in JSON");
}

/// "linear", "relu" or "softmax", each in quotes.
template <class T, std::size_t n>
std::string listed(const Name<T> (&names)[n]) {
  std::string text;
  for (std::size_t i = 0; i < n; ++i) {
    if (i > 0) text += i + 1 == n ? " or " : ", ";
    text += quoted(std::string(names[i].name));
  }
  return text;
}

template <class T, std::size_t n>
T named(const ConfigReader& reader, const char* key, const Json& found, const Name<T> (&names)[n]) {
  for (const auto& [name, value] : names) {
    if (found == name) return value;
  }
  reader.refuse(key, found, listed(names));
}

/// "glorot_uniform" as "GlorotUniform".
std::string class_name(std::string_view name) {
  std::string text;
  bool capital = true;
  for (const char c : name) {
    if (c != '_') text += capital && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    capital = c == '_';
  }
  return text;
}

/// Before TensorFlow 2, Keras wrote glorot_uniform as what it is a case of.
bool is_old_glorot_uniform(const Json& object) {
  const Json& config = member(object, "config");
  return member(object, "class_name") == "VarianceScaling" && member(config, "scale") == 1.0 &&
         member(config, "mode") == "fan_avg" && member(config, "distribution") == "uniform";
}

/// Whether `found` is `initializer`: a name, or an object with a class name. Its seed is of no matter:
/// all random numbers come from the model's.
bool is_initializer(const Json& found, Initializer initializer) {
  const std::string_view name = name_of(kInitializers, initializer);
  if (found.is_string()) return class_name(found.get_ref<const std::string&>()) == name;
  if (initializer == Initializer::glorot_uniform && is_old_glorot_uniform(found)) return true;
  return member(found, "class_name") == name;
}

}  // namespace

std::int64_t read_extent(const std::string& what, const Json& found) {
  constexpr std::int64_t kMost = INT32_MAX;
  if (found.is_number_unsigned()) {
    const auto value = found.get<std::uint64_t>();
    if (value >= 1 && value <= static_cast<std::uint64_t>(kMost)) {
      return static_cast<std::int64_t>(value);
    }
  }
  throw FileError(what + " is " + shown(found) + ", expected a whole number from 1 to " +
                  std::to_string(kMost));
}

// --- ConfigReader -------------------------------------------------------------------------------

ConfigReader::ConfigReader(std::string place, const Json& config)
    : place_(std::move(place)), config_(config) {
  if (!config.is_object()) {
    throw FileError(place_ + ": config is " + shown(config) + ", expected an object");
  }
}

const Json* ConfigReader::find(const char* key, Presence presence) {
  known_.insert(key);
  const auto found = config_.find(key);
  if (found != config_.end()) return &*found;
  if (presence == Presence::required) throw FileError(place_ + ": has no " + quoted(key));
  return nullptr;
}

void ConfigReader::refuse(const char* key, const Json& found, const std::string& expected) const {
  throw FileError(place_ + ": " + key + " " + shown(found) + " is not supported, expected " + expected);
}

void ConfigReader::only(const char* key, const Json& supported) {
  const Json* found = find(key, Presence::optional);
  if (found != nullptr && *found != supported) refuse(key, *found, shown(supported));
}

void ConfigReader::only(const char* key, Initializer supported) {
  const Json* found = find(key, Presence::optional);
  if (found != nullptr && !is_initializer(*found, supported)) {
    refuse(key, *found, quoted(std::string(name_of(kInitializers, supported))));
  }
}

void ConfigReader::check_all_known() const {
  for (const auto& [key, value] : config_.items()) {
    if (!known_.contains(key) && !value.is_null()) {
      throw FileError(place_ + ": option " + quoted(key) + " (" + shown(value) + ") is not supported");
    }
  }
}

void ConfigReader::read(const char* key, const Json& found, std::int64_t& value) const {
  value = read_extent(place_ + ": " + key, found);
}

void ConfigReader::read(const char* key, const Json& found, double& value) const {
  if (!found.is_number()) {
    throw FileError(place_ + ": " + key + " is " + shown(found) + ", expected a number");
  }
  value = found.get<double>();
}

void ConfigReader::read(const char* key, const Json& found, Extent2D& value) const {
  const std::string what = place_ + ": " + key;
  if (!found.is_array()) {
    value = read_extent(what, found);
  } else if (found.size() == 2) {
    value = {read_extent(what + "[0]", found[0]), read_extent(what + "[1]", found[1])};
  } else {
    throw FileError(what + " is " + shown(found) + ", expected one whole number or two");
  }
}

void ConfigReader::read(const char* key, const Json& found, Activation& value) const {
  value = named(*this, key, found, kActivations);
}

void ConfigReader::read(const char* key, const Json& found, Padding& value) const {
  value = named(*this, key, found, kPaddings);
}

// --- ConfigWriter -------------------------------------------------------------------------------

void ConfigWriter::option(const char* key, Activation value, Presence) {
  config_[key] = name_of(kActivations, value);
}

void ConfigWriter::option(const char* key, Padding value, Presence) {
  config_[key] = name_of(kPaddings, value);
}

void ConfigWriter::only(const char* key, Initializer supported) {
  nlohmann::ordered_json config = nlohmann::ordered_json::object();
  if (supported != Initializer::zeros) config["seed"] = nullptr;
  config_[key] = {{"module", "keras.initializers"},
                  {"class_name", name_of(kInitializers, supported)},
                  {"config", std::move(config)},
                  {"registered_name", nullptr}};
}

}  // namespace tilewise::json
