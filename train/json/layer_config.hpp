#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "tilewise/layers/activation.hpp"
#include "tilewise/layers/initializer.hpp"
#include "tilewise/layers/sequential.hpp"
#include "tilewise/layers/window2d.hpp"
#include "tilewise/layers/zero_padding2d.hpp"
#include "tilewise/train/json/document.hpp"

namespace tilewise::json {

// The "config" object of a layer is described once, by a function that calls `option` and `only` for
// its keys (layer_keys.hpp); given a ConfigReader it fills the layer's options, given a ConfigWriter it
// writes them.

/// Whether a key has to be there.
enum class Presence : std::uint8_t { required, optional };

/// Reads a layer's config.
class ConfigReader {
 public:
  /// `place` begins all messages: "model.json: layer conv2d (Conv2D)". `input` is the shape of a sample that
  /// the layer is given. Throws FileError unless `config` is an object.
  ConfigReader(std::string place, const Json& config, const Shape& input);

  /// Sets `value` to what the key holds; leaves it as it is when the key is optional and missing or null.
  /// Throws FileError when the key is missing though required or does not hold such a value.
  template <class T>
  void option(const char* key, T& value, Presence presence = Presence::optional) {
    const Json* found = find(key, presence);
    const bool is_given = found != nullptr && (presence == Presence::required || !found->is_null());
    if (is_given) read(key, *found, value);
  }

  /// The only value that is supported for `key`, which may be missing. Throws FileError for another.
  void only(const char* key, const Json& supported);
  void only(const char* key, const Initializer& supported);

  /// The number of the last axis, counted from either end; Keras 2 has it in a list. Throws FileError for
  /// another.
  void last_axis(const char* key);

  /// Keys that not every Keras knows, and that are not written: one with the only value that is supported, an
  /// option, and one that does not change what the layer computes.
  void former(const char* key, const Json& supported) { only(key, supported); }
  template <class T>
  void former_option(const char* key, T& value) {
    option(key, value);
  }
  void former_ignore(const char* key) { ignore(key); }

  /// A key whose value does not change what the layer computes.
  void ignore(const char* key) { known_.insert(key); }

  /// To be called at the end. Throws FileError for a key that nobody asked for, unless it holds null: that
  /// is how Keras says that an option is not used.
  void check_all_known() const;

  /// Throws FileError "PLACE: KEY FOUND is not supported, expected EXPECTED".
  [[noreturn]] void refuse(const char* key, const Json& found, const std::string& expected) const;

 private:
  const Json* find(const char* key, Presence presence);
  void read(const char* key, const Json& found, std::int64_t& value) const;  ///< from 1 to 2^31 - 1
  void read(const char* key, const Json& found, double& value) const;
  void read(const char* key, const Json& found, Extent2D& value) const;      ///< one number or two
  void read(const char* key, const Json& found, Activation& value) const;
  void read(const char* key, const Json& found, Padding& value) const;
  void read(const char* key, const Json& found, bool& value) const;
  void read(const char* key, const Json& found, Initializer& value) const;
  void read(const char* key, const Json& found, ZeroPadding2DOptions& value) const;
  void read(const char* key, const Json& found, std::optional<Sequential>& value) const;

  std::string place_;
  const Json& config_;
  int rank_;  ///< of a batch
  std::set<std::string> known_;
};

/// Writes a layer's config, with the same calls.
class ConfigWriter {
 public:
  explicit ConfigWriter(nlohmann::ordered_json& config) : config_(config) {}

  void option(const char* key, std::int64_t value, Presence = {}) { config_[key] = value; }
  void option(const char* key, double value, Presence = {}) { config_[key] = value; }
  void option(const char* key, Extent2D value, Presence = {}) {
    config_[key] = {value.height, value.width};
  }
  void option(const char* key, Activation value, Presence = {});
  void option(const char* key, Padding value, Presence = {});
  void option(const char* key, bool value, Presence = {}) { config_[key] = value; }
  void option(const char* key, const Initializer& value, Presence = {});
  void option(const char* key, const ZeroPadding2DOptions& value, Presence = {});
  void option(const char* key, const std::optional<Sequential>& value, Presence = {});

  void last_axis(const char* key) { config_[key] = -1; }
  void former(const char*, const Json&) {}
  template <class T>
  void former_option(const char*, T&) {}
  void former_ignore(const char*) {}

  void only(const char* key, const nlohmann::ordered_json& supported) { config_[key] = supported; }
  void only(const char* key, const Initializer& supported) { option(key, supported); }

  void ignore(const char* key) { config_[key] = nullptr; }

 private:
  nlohmann::ordered_json& config_;
};

/// The whole number in `found`, from `least` to 2^31 - 1; throws FileError "WHAT is FOUND, expected ...".
std::int64_t read_extent(const std::string& what, const Json& found, std::int64_t least = 1);

}  // namespace tilewise::json
