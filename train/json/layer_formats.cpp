#include "tilewise/train/json/layer_formats.hpp"

#include <algorithm>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tilewise/core/error.hpp"
#include "tilewise/layers/conv2d.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/dropout.hpp"
#include "tilewise/layers/elu.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/gelu.hpp"
#include "tilewise/layers/leaky_relu.hpp"
#include "tilewise/layers/max_pool2d.hpp"
#include "tilewise/layers/relu.hpp"
#include "tilewise/layers/sigmoid.hpp"
#include "tilewise/layers/silu.hpp"
#include "tilewise/layers/softmax.hpp"
#include "tilewise/layers/tanh.hpp"
#include "tilewise/train/json/layer_config.hpp"

namespace tilewise::json {
namespace {

// --- The keys of each layer's config, read and written alike, in the order in which Keras writes them --

constexpr auto conv2d = [](auto& config, Conv2DOptions& options) {
  config.option("filters", options.filters, Presence::required);
  config.option("kernel_size", options.kernel_size, Presence::required);
  config.option("strides", options.strides);
  config.option("padding", options.padding);
  config.only("data_format", "channels_last");
  config.option("dilation_rate", options.dilation_rate);
  config.only("groups", 1);
  config.option("activation", options.activation);
  config.only("use_bias", true);
  config.only("kernel_initializer", Initializer(Initializer::glorot_uniform));
  config.only("bias_initializer", Initializer(Initializer::zeros));
  config.only("kernel_regularizer", nullptr);
  config.only("bias_regularizer", nullptr);
  config.only("activity_regularizer", nullptr);
  config.only("kernel_constraint", nullptr);
  config.only("bias_constraint", nullptr);
};

constexpr auto max_pooling2d = [](auto& config, MaxPool2DOptions& options) {
  config.option("pool_size", options.pool_size);
  config.option("padding", options.padding);
  Extent2D strides = options.strides.value_or(options.pool_size);
  config.option("strides", strides);
  options.strides = strides;
  config.only("data_format", "channels_last");
};

constexpr auto dense = [](auto& config, DenseOptions& options) {
  config.option("units", options.units, Presence::required);
  config.option("activation", options.activation);
  config.only("use_bias", true);
  config.only("kernel_initializer", Initializer(Initializer::glorot_uniform));
  config.only("bias_initializer", Initializer(Initializer::zeros));
  config.only("kernel_regularizer", nullptr);
  config.only("bias_regularizer", nullptr);
  config.only("kernel_constraint", nullptr);
  config.only("bias_constraint", nullptr);
};

constexpr auto dropout = [](auto& config, double& rate) {
  config.option("rate", rate, Presence::required);
  config.ignore("seed");  // all random numbers come from the model's
  config.only("noise_shape", nullptr);
};

struct NoOptions {};

constexpr auto flatten = [](auto& config, NoOptions&) { config.only("data_format", "channels_last"); };

constexpr auto relu = [](auto& config, NoOptions&) {
  config.only("max_value", nullptr);
  config.only("negative_slope", 0.0);
  config.only("threshold", 0.0);
};

constexpr auto softmax = [](auto& config, NoOptions&) { config.only("axis", -1); };

/// Keras's Activation layer becomes a layer of its own kind; null for a linear one, which does nothing.
std::shared_ptr<const Layer> read_activation(ConfigReader& config) {
  Activation activation = Activation::linear;
  config.option("activation", activation, Presence::required);
  config.check_all_known();
  switch (activation) {
    case Activation::linear: break;
    case Activation::relu: return std::make_shared<const ReLU>();
    case Activation::leaky_relu: return std::make_shared<const LeakyReLU>(LeakyReLUOptions{.negative_slope = 0.2});
    case Activation::elu: return std::make_shared<const ELU>();
    case Activation::gelu: return std::make_shared<const GELU>();
    case Activation::silu: return std::make_shared<const SiLU>();
    case Activation::sigmoid: return std::make_shared<const Sigmoid>();
    case Activation::tanh: return std::make_shared<const Tanh>();
    case Activation::softmax: return std::make_shared<const Softmax>();
  }
  return nullptr;
}

// --- The table ----------------------------------------------------------------------------------

struct LayerFormat {
  std::string_view class_name;
  std::shared_ptr<const Layer> (*read)(ConfigReader& config);
  bool (*describes)(const Layer& layer);
  void (*write)(ConfigWriter& config, const Layer& layer);
};

template <class L>
auto options_of(const L& layer) {
  if constexpr (requires { layer.options(); }) {
    return layer.options();
  } else if constexpr (requires { layer.rate(); }) {
    return layer.rate();
  } else {
    return NoOptions();
  }
}

/// The format of layers of class L, whose config `keys(config, options)` describes.
template <class L, class Keys>
LayerFormat format(std::string_view class_name, Keys) {
  using Options = decltype(options_of(std::declval<const L&>()));
  return {.class_name = class_name,
          .read = [](ConfigReader& config) -> std::shared_ptr<const Layer> {
            Options options{};
            Keys{}(config, options);
            config.check_all_known();
            if constexpr (std::is_same_v<Options, NoOptions>) {
              return std::make_shared<const L>();
            } else {
              return std::make_shared<const L>(options);
            }
          },
          .describes = [](const Layer& layer) { return dynamic_cast<const L*>(&layer) != nullptr; },
          .write = [](ConfigWriter& config, const Layer& layer) {
            Options options = options_of(dynamic_cast<const L&>(layer));
            Keys{}(config, options);
          }};
}

/// Every layer that has a form in JSON: to add one, describe its keys above and enter it here.
const LayerFormat kFormats[] = {
    {"Activation", read_activation, [](const Layer&) { return false; }, nullptr},
    format<Conv2D>("Conv2D", conv2d),
    format<Dense>("Dense", dense),
    format<Dropout>("Dropout", dropout),
    format<Flatten>("Flatten", flatten),
    format<MaxPool2D>("MaxPooling2D", max_pooling2d),
    format<ReLU>("ReLU", relu),
    format<Softmax>("Softmax", softmax),
};

/// "Conv2D, Dense or Flatten".
std::string supported_classes() {
  std::string text;
  for (const LayerFormat& format : kFormats) {
    if (!text.empty()) text += &format == std::end(kFormats) - 1 ? " or " : ", ";
    text += format.class_name;
  }
  return text;
}

const LayerFormat* format_of(const Layer& layer) {
  const auto found =
      std::ranges::find_if(kFormats, [&](const auto& format) { return format.describes(layer); });
  return found == std::end(kFormats) ? nullptr : &*found;
}

}  // namespace

std::shared_ptr<const Layer> read_layer(const std::string& place, const std::string& class_name,
                                        const Json& config) {
  const auto format = std::ranges::find(kFormats, class_name, &LayerFormat::class_name);
  const std::string what = place + " (" + printable(class_name) + ")";
  if (format == std::end(kFormats)) {
    throw FileError(what + " is not supported, expected " + supported_classes());
  }
  ConfigReader reader(what, config);
  reader.ignore("name");
  reader.only("trainable", true);
  if (const auto dtype = config.find("dtype"); dtype != config.end()) check_dtype(what, *dtype);
  // Of what the first layer takes, which Sequential says; Keras 2 repeats it in others.
  for (const char* key : {"dtype", "batch_input_shape", "batch_shape"}) reader.ignore(key);
  try {
    return format->read(reader);
  } catch (const ArgumentError& error) {  // a constructor's
    throw FileError(place + ": " + error.what());
  }
}

nlohmann::ordered_json write_layer(const std::string& name, const Layer& layer) {
  const LayerFormat* format = format_of(layer);
  if (format == nullptr) {
    throw ArgumentError("layer " + name + " (" + std::string(layer.type()) + ") has no form in JSON");
  }
  nlohmann::ordered_json config{{"name", name}, {"trainable", true}, {"dtype", float32_policy()}};
  ConfigWriter writer(config);
  format->write(writer, layer);
  return config;
}

bool has_format(const Layer& layer) { return format_of(layer) != nullptr; }

void check_dtype(const std::string& place, const Json& dtype) {
  const Json* name = &dtype;
  if (dtype.is_object()) {  // a policy, of Keras 3 or 2
    const auto config = dtype.find("config");
    if (config != dtype.end() && config->is_object() && config->contains("name")) {
      name = &config->at("name");
    }
  }
  if (!name->is_null() && *name != "float32") {
    throw FileError(place + ": dtype " + shown(*name) + " is not supported, expected \"float32\"");
  }
}

nlohmann::ordered_json float32_policy() {
  return {{"module", "keras"},
          {"class_name", "DTypePolicy"},
          {"config", {{"name", "float32"}}},
          {"registered_name", nullptr}};
}

}  // namespace tilewise::json
