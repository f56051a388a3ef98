#pragma once

#include <optional>
#include <string_view>

#include "tilewise/layers/average_pooling2d.hpp"
#include "tilewise/layers/batch_normalization.hpp"
#include "tilewise/layers/conv2d.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/depthwise_conv2d.hpp"
#include "tilewise/layers/elu.hpp"
#include "tilewise/layers/gelu.hpp"
#include "tilewise/layers/leaky_relu.hpp"
#include "tilewise/layers/max_pool2d.hpp"
#include "tilewise/layers/zero_padding2d.hpp"
#include "tilewise/train/json/layer_config.hpp"

// The keys of each layer's config, in the order in which Keras writes them: a function of a ConfigReader or
// a ConfigWriter and the layer's options.

namespace tilewise::json::keys {

/// Of what makes no difference while it is not used.
inline void nothing(auto& config, std::initializer_list<const char*> keys) {
  for (const char* key : keys) config.only(key, nullptr);
}

constexpr auto conv2d = [](auto& config, Conv2DOptions& options) {
  config.option("filters", options.filters, Presence::required);
  config.option("kernel_size", options.kernel_size, Presence::required);
  config.option("strides", options.strides);
  config.option("padding", options.padding);
  config.only("data_format", "channels_last");
  config.option("dilation_rate", options.dilation_rate);
  config.option("groups", options.groups);
  config.option("activation", options.activation);
  config.option("use_bias", options.use_bias);
  config.option("kernel_initializer", options.kernel_initializer);
  config.option("bias_initializer", options.bias_initializer);
  nothing(config, {"kernel_regularizer", "bias_regularizer", "activity_regularizer", "kernel_constraint",
                   "bias_constraint"});
};

constexpr auto depthwise_conv2d = [](auto& config, DepthwiseConv2DOptions& options) {
  config.option("depth_multiplier", options.depth_multiplier);
  config.option("kernel_size", options.kernel_size, Presence::required);
  config.option("strides", options.strides);
  config.option("padding", options.padding);
  config.only("data_format", "channels_last");
  config.option("dilation_rate", options.dilation_rate);
  config.option("activation", options.activation);
  config.option("use_bias", options.use_bias);
  config.option("depthwise_initializer", options.depthwise_initializer);
  config.option("bias_initializer", options.bias_initializer);
  nothing(config, {"depthwise_regularizer", "bias_regularizer", "activity_regularizer",
                   "depthwise_constraint", "bias_constraint"});
  config.former("groups", 1);
};

constexpr auto dense = [](auto& config, DenseOptions& options) {
  config.option("units", options.units, Presence::required);
  config.option("activation", options.activation);
  config.option("use_bias", options.use_bias);
  config.option("kernel_initializer", options.kernel_initializer);
  config.option("bias_initializer", options.bias_initializer);
  nothing(config, {"kernel_regularizer", "bias_regularizer", "kernel_constraint", "bias_constraint"});
};

/// MaxPool2DOptions and AveragePooling2DOptions.
constexpr auto pooling2d = [](auto& config, auto& options) {
  config.option("pool_size", options.pool_size);
  config.option("padding", options.padding);
  Extent2D strides = options.strides.value_or(options.pool_size);
  config.option("strides", strides);
  options.strides = strides;
  config.only("data_format", "channels_last");
};

constexpr auto global_pooling2d = [](auto& config, auto&) {
  config.only("data_format", "channels_last");
  config.only("keepdims", false);
};

constexpr auto zero_padding2d = [](auto& config, ZeroPadding2DOptions& options) {
  config.option("padding", options);
  config.only("data_format", "channels_last");
};

constexpr auto batch_normalization = [](auto& config, BatchNormalizationOptions& options) {
  config.last_axis("axis");
  config.option("momentum", options.momentum);
  config.option("epsilon", options.epsilon);
  config.option("center", options.center);
  config.option("scale", options.scale);
  config.only("beta_initializer", Initializer(Initializer::zeros));
  config.only("gamma_initializer", Initializer(Initializer::ones));
  config.only("moving_mean_initializer", Initializer(Initializer::zeros));
  config.only("moving_variance_initializer", Initializer(Initializer::ones));
  nothing(config, {"beta_regularizer", "gamma_regularizer", "beta_constraint", "gamma_constraint"});
  config.only("synchronized", false);
  config.former("renorm", false);
  config.former_ignore("renorm_clipping");
  config.former_ignore("renorm_momentum");
};

constexpr auto dropout = [](auto& config, double& rate) {
  config.option("rate", rate, Presence::required);
  config.ignore("seed");  // all random numbers come from the model's
  config.only("noise_shape", nullptr);
};

constexpr auto flatten = [](auto& config, auto&) { config.only("data_format", "channels_last"); };

constexpr auto relu = [](auto& config, auto&) {
  config.only("max_value", nullptr);
  config.only("negative_slope", 0.0);
  config.only("threshold", 0.0);
};

constexpr auto leaky_relu = [](auto& config, LeakyReLUOptions& options) {
  config.former_option("alpha", options.negative_slope);
  config.option("negative_slope", options.negative_slope);
};

constexpr auto elu = [](auto& config, ELUOptions& options) { config.option("alpha", options.alpha); };

constexpr auto softmax = [](auto& config, auto&) { config.last_axis("axis"); };

/// Of GELU, where Activation does not say it: approximate.
constexpr auto gelu = [](auto& config, GELUOptions& options) {
  config.option("approximate", options.approximate);
};

/// The networks of a Residual.
struct Branches {
  std::optional<Sequential> main, shortcut;
};
constexpr auto residual = [](auto& config, Branches& branches) {
  config.option("main", branches.main, Presence::required);
  config.option("shortcut", branches.shortcut);
};

}  // namespace tilewise::json::keys
