#include "tilewise/train/json/layer_formats.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tilewise/core/error.hpp"
#include "tilewise/layers/dropout.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/global_average_pooling2d.hpp"
#include "tilewise/layers/relu.hpp"
#include "tilewise/layers/residual.hpp"
#include "tilewise/layers/sigmoid.hpp"
#include "tilewise/layers/silu.hpp"
#include "tilewise/layers/softmax.hpp"
#include "tilewise/layers/tanh.hpp"
#include "tilewise/train/json/layer_config.hpp"
#include "tilewise/train/json/layer_keys.hpp"
#include "tilewise/train/json/network.hpp"

namespace tilewise::json {
namespace {

/// Keras's Activation layer becomes a layer of its own kind; null for a linear one, which does nothing.
std::shared_ptr<const Layer> read_activation(ConfigReader& config) {
  Activation activation = Activation::linear;
  config.option("activation", activation, Presence::required);
  config.check_all_known();
  switch (activation) {
    case Activation::linear: break;
    case Activation::relu: return std::make_shared<const ReLU>();
    case Activation::leaky_relu:
      return std::make_shared<const LeakyReLU>(LeakyReLUOptions{.negative_slope = 0.2});
    case Activation::elu: return std::make_shared<const ELU>();
    case Activation::gelu: return std::make_shared<const GELU>();
    case Activation::silu: return std::make_shared<const SiLU>();
    case Activation::sigmoid: return std::make_shared<const Sigmoid>();
    case Activation::tanh: return std::make_shared<const Tanh>();
    case Activation::softmax: return std::make_shared<const Softmax>();
  }
  return nullptr;
}

/// The activation of a layer that has no class of its own in Keras.
std::optional<Activation> activation_of(const Layer& layer) {
  const auto* const gelu = dynamic_cast<const GELU*>(&layer);
  if (gelu != nullptr && !gelu->options().approximate) return Activation::gelu;
  if (dynamic_cast<const SiLU*>(&layer) != nullptr) return Activation::silu;
  if (dynamic_cast<const Sigmoid*>(&layer) != nullptr) return Activation::sigmoid;
  if (dynamic_cast<const Tanh*>(&layer) != nullptr) return Activation::tanh;
  return std::nullopt;
}

// --- The table ----------------------------------------------------------------------------------

constexpr std::string_view kKeras = "keras.layers";
constexpr std::string_view kOurs = "tilewise";  // classes that Keras has not

struct LayerFormat {
  std::string_view class_name;
  std::string_view module;
  std::shared_ptr<const Layer> (*read)(ConfigReader& config);
  bool (*describes)(const Layer& layer);
  void (*write)(ConfigWriter& config, const Layer& layer);
};

struct NoOptions {};

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
LayerFormat format(std::string_view class_name, Keys, std::string_view module = kKeras) {
  using Options = decltype(options_of(std::declval<const L&>()));
  return {.class_name = class_name,
          .module = module,
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

LayerFormat activation_format() {
  return {.class_name = "Activation",
          .module = kKeras,
          .read = read_activation,
          .describes = [](const Layer& layer) { return activation_of(layer).has_value(); },
          .write = [](ConfigWriter& config, const Layer& layer) {
            config.option("activation", *activation_of(layer));
          }};
}

LayerFormat residual_format() {
  return {.class_name = "Residual",
          .module = kOurs,
          .read = [](ConfigReader& config) -> std::shared_ptr<const Layer> {
            keys::Branches branches;
            keys::residual(config, branches);
            config.check_all_known();
            return std::make_shared<const Residual>(std::move(*branches.main),
                                                    std::move(branches.shortcut));
          },
          .describes = [](const Layer& layer) {
            return dynamic_cast<const Residual*>(&layer) != nullptr &&
                   std::ranges::all_of(layer.branches(), [](const Layer::Branch& branch) {
                     return has_format(*branch.network);
                   });
          },
          .write = [](ConfigWriter& config, const Layer& layer) {
            const auto& block = dynamic_cast<const Residual&>(layer);
            keys::Branches branches;
            branches.main = block.main();
            if (block.shortcut() != nullptr) branches.shortcut = *block.shortcut();
            keys::residual(config, branches);
          }};
}

/// Every layer that has a form in JSON: to add one, describe its keys in layer_keys.hpp and enter it here. Of
/// several that describe a layer the first is its format.
const LayerFormat kFormats[] = {
    activation_format(),
    format<AveragePooling2D>("AveragePooling2D", keys::pooling2d),
    format<BatchNormalization>("BatchNormalization", keys::batch_normalization),
    format<Conv2D>("Conv2D", keys::conv2d),
    format<Dense>("Dense", keys::dense),
    format<DepthwiseConv2D>("DepthwiseConv2D", keys::depthwise_conv2d),
    format<Dropout>("Dropout", keys::dropout),
    format<ELU>("ELU", keys::elu),
    format<Flatten>("Flatten", keys::flatten),
    format<GELU>("GELU", keys::gelu, kOurs),
    format<GlobalAveragePooling2D>("GlobalAveragePooling2D", keys::global_pooling2d),
    format<LeakyReLU>("LeakyReLU", keys::leaky_relu),
    format<MaxPool2D>("MaxPooling2D", keys::pooling2d),
    format<ReLU>("ReLU", keys::relu),
    residual_format(),
    format<Softmax>("Softmax", keys::softmax),
    format<ZeroPadding2D>("ZeroPadding2D", keys::zero_padding2d),
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
                                        const Json& config, const Shape& input) {
  const auto format = std::ranges::find(kFormats, class_name, &LayerFormat::class_name);
  const std::string what = place + " (" + printable(class_name) + ")";
  if (format == std::end(kFormats)) {
    throw FileError(what + " is not supported, expected " + supported_classes());
  }
  ConfigReader reader(what, config, input);
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

nlohmann::ordered_json layer_object(std::string_view class_name, nlohmann::ordered_json config,
                                    std::string_view module) {
  nlohmann::ordered_json registered_name = nullptr;
  if (module != kKeras) registered_name = std::string(module) + ">" + std::string(class_name);
  return {{"module", module},
          {"class_name", class_name},
          {"config", std::move(config)},
          {"registered_name", std::move(registered_name)}};
}

nlohmann::ordered_json write_layer(const std::string& name, const Layer& layer) {
  const LayerFormat* format = format_of(layer);
  if (format == nullptr) {
    throw ArgumentError("layer " + name + " (" + std::string(layer.type()) + ") has no form in JSON");
  }
  nlohmann::ordered_json config{{"name", name}, {"trainable", true}, {"dtype", float32_policy()}};
  ConfigWriter writer(config);
  format->write(writer, layer);
  return layer_object(format->class_name, std::move(config), format->module);
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
