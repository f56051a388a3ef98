#include "tilewise/train/json/layer_config.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "tilewise/core/error.hpp"
#include "tilewise/train/json/network.hpp"

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

constexpr Name<Initializer::Kind> kInitializers[] = {{"Zeros", Initializer::zeros},
                                                     {"Ones", Initializer::ones},
                                                     {"RandomUniform", Initializer::random_uniform},
                                                     {"RandomNormal", Initializer::random_normal},
                                                     {"GlorotUniform", Initializer::glorot_uniform},
                                                     {"GlorotNormal", Initializer::glorot_normal},
                                                     {"HeUniform", Initializer::he_uniform},
                                                     {"HeNormal", Initializer::he_normal},
                                                     {"LecunUniform", Initializer::lecun_uniform},
                                                     {"LecunNormal", Initializer::lecun_normal}};

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

}  // namespace

std::int64_t read_extent(const std::string& what, const Json& found, std::int64_t least) {
  constexpr std::int64_t kMost = INT32_MAX;
  if (found.is_number_unsigned()) {
    const auto value = found.get<std::uint64_t>();
    if (value >= static_cast<std::uint64_t>(least) && value <= static_cast<std::uint64_t>(kMost)) {
      return static_cast<std::int64_t>(value);
    }
  }
  throw FileError(what + " is " + shown(found) + ", expected a whole number from " +
                  std::to_string(least) + " to " + std::to_string(kMost));
}

// --- ConfigReader -------------------------------------------------------------------------------

ConfigReader::ConfigReader(std::string place, const Json& config, const Shape& input)
    : place_(std::move(place)), config_(config), rank_(input.rank() + 1) {
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

void ConfigReader::only(const char* key, const Initializer& supported) {
  const Json* found = find(key, Presence::optional);
  if (found == nullptr) return;
  Initializer value;
  read(key, *found, value);
  if (value != supported) refuse(key, *found, quoted(std::string(name_of(kInitializers, supported.kind))));
}

void ConfigReader::last_axis(const char* key) {
  const Json* found = find(key, Presence::optional);
  if (found == nullptr) return;
  const Json& axis = found->is_array() && found->size() == 1 ? (*found)[0] : *found;
  if (axis != -1 && axis != rank_ - 1) refuse(key, *found, "-1, the last");
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

void ConfigReader::read(const char* key, const Json& found, bool& value) const {
  if (!found.is_boolean()) {
    throw FileError(place_ + ": " + key + " is " + shown(found) + ", expected true or false");
  }
  value = found.get<bool>();
}

/// Initializers are names, or objects with a class name. Their seed is of no matter: all random numbers come
/// from the model's.
void ConfigReader::read(const char* key, const Json& found, Initializer& value) const {
  if (is_old_glorot_uniform(found)) {
    value = Initializer::glorot_uniform;
    return;
  }
  const Json& name = found.is_string() ? found : member(found, "class_name");
  const std::string wanted = name.is_string() ? class_name(name.get_ref<const std::string&>()) : "";
  const auto* const known = std::ranges::find(kInitializers, wanted, &Name<Initializer::Kind>::name);
  if (known == std::end(kInitializers)) refuse(key, found, listed(kInitializers));
  value = known->value;
  const auto number = [&](const char* of, double& into) {
    const Json& given = member(member(found, "config"), of);
    if (!given.is_null()) read((std::string(key) + ": " + of).c_str(), given, into);
  };
  if (value.kind == Initializer::random_uniform) {
    number("minval", value.minval);
    number("maxval", value.maxval);
    value = Initializer::uniform(value.minval, value.maxval);
  } else if (value.kind == Initializer::random_normal) {
    number("mean", value.mean);
    number("stddev", value.stddev);
    value = Initializer::normal(value.mean, value.stddev);
  }
}

/// [[top, bottom], [left, right]], or one number for two that are the same.
void ConfigReader::read(const char* key, const Json& found, ZeroPadding2DOptions& value) const {
  const std::string what = place_ + ": " + key;
  const auto halves = [&](const Json& list) {
    if (!list.is_array()) return std::pair<const Json&, const Json&>(list, list);
    if (list.size() == 2) return std::pair<const Json&, const Json&>(list[0], list[1]);
    throw FileError(what + " is " + shown(found) + ", expected [[top, bottom], [left, right]]");
  };
  const auto margin = [&](const Json& list) {
    const auto [before, after] = halves(list);
    return Margin{.before = read_extent(what, before, 0), .after = read_extent(what, after, 0)};
  };
  const auto [rows, columns] = halves(found);
  value = {.rows = margin(rows), .columns = margin(columns)};
}

void ConfigReader::read(const char* key, const Json& found, std::optional<Sequential>& value) const {
  value = read_network(place_ + ": " + key, found);
}

// --- ConfigWriter -------------------------------------------------------------------------------

void ConfigWriter::option(const char* key, Activation value, Presence) {
  config_[key] = name_of(kActivations, value);
}

void ConfigWriter::option(const char* key, Padding value, Presence) {
  config_[key] = name_of(kPaddings, value);
}

void ConfigWriter::option(const char* key, const Initializer& value, Presence) {
  nlohmann::ordered_json config = nlohmann::ordered_json::object();
  if (value.kind != Initializer::zeros && value.kind != Initializer::ones) config["seed"] = nullptr;
  if (value.kind == Initializer::random_uniform) {
    config["minval"] = value.minval;
    config["maxval"] = value.maxval;
  } else if (value.kind == Initializer::random_normal) {
    config["mean"] = value.mean;
    config["stddev"] = value.stddev;
  }
  config_[key] = {{"module", "keras.initializers"},
                  {"class_name", name_of(kInitializers, value.kind)},
                  {"config", std::move(config)},
                  {"registered_name", nullptr}};
}

void ConfigWriter::option(const char* key, const ZeroPadding2DOptions& value, Presence) {
  config_[key] = {{value.rows.before, value.rows.after}, {value.columns.before, value.columns.after}};
}

void ConfigWriter::option(const char* key, const std::optional<Sequential>& value, Presence) {
  config_[key] = nullptr;
  if (value) config_[key] = write_network(*value);
}

}  // namespace tilewise::json
