#include "tilewise/train/model_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/model_json.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/batch_normalization.hpp"
#include "tilewise/layers/conv2d.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/depthwise_conv2d.hpp"
#include "tilewise/layers/dropout.hpp"
#include "tilewise/layers/elu.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/gelu.hpp"
#include "tilewise/layers/leaky_relu.hpp"
#include "tilewise/layers/max_pool2d.hpp"
#include "tilewise/layers/relu.hpp"
#include "tilewise/layers/residual.hpp"
#include "tilewise/layers/softmax.hpp"
#include "tilewise/layers/zero_padding2d.hpp"
#include "tilewise/train/networks.hpp"

namespace tilewise {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::parsed;
using testing::read_bytes;
using testing::TempDir;
using testing::throws_line;
using testing::with_layer;
using testing::write_bytes;
using Json = nlohmann::json;

std::string golden(const std::string& name) {
  return read_bytes(std::string(TILEWISE_TESTS_DIR) + "/golden/" + name);
}

std::vector<std::string> layer_names(const Sequential& network) {
  std::vector<std::string> names;
  for (const auto& entry : network.layers()) names.push_back(entry.name);
  return names;
}

template <class L>
const L& layer(const Sequential& network, std::size_t index) {
  return dynamic_cast<const L&>(*network.layers().at(index).layer);
}

/// What Tilewise leaves out: how Keras built layers that have no parameters.
Json without_build_configs(Json model) {
  for (Json& layer : model["config"]["layers"]) layer.erase("build_config");
  return model;
}

TEST(ModelJsonTest, ReadsWhatKeras3Writes) {
  const Sequential network = parsed(golden("keras3_sequential.json"));
  EXPECT_EQ(network.name(), "every_layer");
  EXPECT_EQ(network.input_shape(), (Shape{28, 28, 1}));
  EXPECT_THAT(layer_names(network),
              ElementsAre("first", "max_pooling2d", "conv2d", "re_lu", "conv2d_1", "max_pooling2d_1",
                          "flatten", "dropout", "dense", "dense_1", "softmax"));
  const Conv2DOptions& first = layer<Conv2D>(network, 0).options();
  EXPECT_EQ(first.filters, 8);
  EXPECT_EQ(first.kernel_size, Extent2D(3, 5));
  EXPECT_EQ(first.activation, Activation::relu);
  EXPECT_EQ(first.padding, Padding::valid);
  const Conv2DOptions& second = layer<Conv2D>(network, 2).options();
  EXPECT_EQ(second.padding, Padding::same);
  EXPECT_EQ(second.strides, Extent2D(2));
  EXPECT_EQ(second.activation, Activation::linear);
  EXPECT_EQ(layer<Conv2D>(network, 4).options().dilation_rate, Extent2D(1, 2));
  EXPECT_EQ(layer<MaxPool2D>(network, 5).options().pool_size, Extent2D(2));
  EXPECT_EQ(layer<MaxPool2D>(network, 5).options().strides, Extent2D(1));
  EXPECT_EQ(layer<MaxPool2D>(network, 5).options().padding, Padding::same);
  EXPECT_EQ(layer<Dropout>(network, 7).rate(), 0.25);
  EXPECT_EQ(layer<Dense>(network, 9).options().units, 10);
  EXPECT_EQ(network.output_shape(), Shape{10});
}

TEST(ModelJsonTest, WritesWhatKeras3Writes) {
  const std::string keras = golden("keras3_sequential.json");
  const std::string ours = to_json(parsed(keras));
  EXPECT_EQ(without_build_configs(Json::parse(ours)), without_build_configs(Json::parse(keras)));
  EXPECT_EQ(to_json(parsed(ours)), ours);
  EXPECT_THAT(ours, ::testing::Not(HasSubstr("\n")));
  EXPECT_THAT(to_json(parsed(keras), 2), HasSubstr("\n  \"class_name\": \"Sequential\""));
}

TEST(ModelJsonTest, ReadsAndWritesTheOtherLayersOfKeras3) {
  const std::string keras = golden("keras3_more_layers.json");
  const Sequential network = parsed(keras);
  EXPECT_EQ(without_build_configs(Json::parse(to_json(network))), without_build_configs(Json::parse(keras)));
  EXPECT_EQ(to_json(parsed(to_json(network))), to_json(network));

  const ZeroPadding2DOptions& padding = layer<ZeroPadding2D>(network, 0).options();
  EXPECT_EQ(padding.rows.before, 1);
  EXPECT_EQ(padding.rows.after, 2);
  EXPECT_EQ(padding.columns.before, 0);
  EXPECT_EQ(padding.columns.after, 3);
  EXPECT_EQ(layer<Conv2D>(network, 1).options().groups, 2);
  EXPECT_FALSE(layer<Conv2D>(network, 1).options().use_bias);
  EXPECT_EQ(layer<Conv2D>(network, 1).options().kernel_initializer, Initializer(Initializer::he_normal));
  EXPECT_EQ(layer<BatchNormalization>(network, 2).options().momentum, 0.9);
  EXPECT_EQ(layer<BatchNormalization>(network, 2).options().epsilon, 1e-5);
  EXPECT_TRUE(layer<BatchNormalization>(network, 2).options().scale);
  EXPECT_EQ(layer<LeakyReLU>(network, 3).options().negative_slope, 0.1);
  EXPECT_EQ(layer<DepthwiseConv2D>(network, 4).options().depth_multiplier, 2);
  EXPECT_EQ(layer<DepthwiseConv2D>(network, 4).options().activation, Activation::silu);
  EXPECT_FALSE(layer<BatchNormalization>(network, 5).options().center);
  EXPECT_FALSE(layer<BatchNormalization>(network, 5).options().scale);
  EXPECT_EQ(layer<DepthwiseConv2D>(network, 6).options().depthwise_initializer,
            Initializer(Initializer::he_uniform));
  EXPECT_FALSE(layer<GELU>(network, 7).options().approximate);
  EXPECT_EQ(layer<Conv2D>(network, 9).options().kernel_initializer, Initializer::normal(0.1, 0.2));
  EXPECT_EQ(layer<Conv2D>(network, 9).options().bias_initializer, Initializer(Initializer::ones));
  EXPECT_EQ(layer<Dense>(network, 14).options().kernel_initializer, Initializer::uniform(-0.1, 0.2));
  EXPECT_EQ(layer<ELU>(network, 15).options().alpha, 0.5);
  EXPECT_EQ(network.layers().back().layer->type(), "Sigmoid");
}

TEST(ModelJsonTest, ReadsOtherLayersOfKeras2) {
  for (const Json& axis : {Json(-1), Json(3), Json{3}, Json{-1}}) {
    EXPECT_EQ(parsed(with_layer("BatchNormalization", {{"axis", axis}})).parameter_count(), 16) << axis;
  }
  EXPECT_EQ(parsed(with_layer("Softmax", {{"axis", 3}})).output_shape(), (Shape{8, 6, 4}));
  const Sequential leaky = parsed(with_layer("LeakyReLU", {{"alpha", 0.25}}));
  EXPECT_EQ(layer<LeakyReLU>(leaky, 0).options().negative_slope, 0.25);
  const Sequential depthwise = parsed(with_layer("DepthwiseConv2D", {{"kernel_size", 3}, {"groups", 1}}));
  EXPECT_EQ(depthwise.output_shape(), (Shape{6, 4, 4}));
  EXPECT_EQ(parsed(with_layer("ZeroPadding2D", {{"padding", 2}})).output_shape(), (Shape{12, 10, 4}));
  EXPECT_EQ(parsed(with_layer("ZeroPadding2D", {{"padding", {1, 2}}})).output_shape(), (Shape{10, 10, 4}));
}

TEST(ModelJsonTest, ResidualBlocksComeBackAsTheyWere) {
  Sequential inner({9, 8, 3});
  inner.add(Conv2D({.filters = 3, .padding = Padding::same, .use_bias = false})).add(BatchNormalization());
  Sequential main({9, 8, 3}), shortcut({9, 8, 3});
  main.set_name("path").add(Residual(inner), "block").add(Conv2D({.filters = 5, .strides = 2}), "down");
  shortcut.add(Conv2D({.filters = 5, .strides = 2})).add(GELU({.approximate = true}));
  Sequential network({9, 8, 3});
  network.add(Residual(main, shortcut)).add(Flatten());
  ASSERT_TRUE(has_json(network));
  const std::string text = to_json(network);
  const Sequential again = parsed(text);
  EXPECT_EQ(to_json(again), text);
  EXPECT_EQ(again.summary(), network.summary());
  EXPECT_EQ(layer<Residual>(again, 0).main().name(), "path");
  EXPECT_EQ(layer<Residual>(layer<Residual>(again, 0).main(), 0).shortcut(), nullptr);
  EXPECT_TRUE(layer<GELU>(*layer<Residual>(again, 0).shortcut(), 1).options().approximate);

  const Json block = Json::parse(text)["config"]["layers"][1];
  EXPECT_EQ(block["module"], "tilewise");
  EXPECT_EQ(block["class_name"], "Residual");
  EXPECT_EQ(block["registered_name"], "tilewise>Residual");
  EXPECT_EQ(block["config"]["main"]["class_name"], "Sequential");
}

TEST(ModelJsonTest, ReadsAFunctionalChain) {
  const Sequential network = parsed(golden("keras3_functional.json"));
  EXPECT_EQ(network.name(), "chain");
  EXPECT_EQ(network.input_shape(), (Shape{12, 10, 3}));
  // A linear Activation does nothing and is left out.
  ASSERT_THAT(layer_names(network),
              ElementsAre("conv2d_2", "activation", "dropout_1", "flatten_1", "dense_2"));
  EXPECT_EQ(network.layers()[1].layer->type(), "ReLU");
  EXPECT_EQ(layer<Dense>(network, 4).options().activation, Activation::softmax);
}

TEST(ModelJsonTest, NamedNetworksComeBackAsTheyWere) {
  for (const NamedNetwork& named : named_networks()) {
    const Sequential network = named.make({31, 29, 3}, 7);
    const Sequential again = parsed(to_json(network));
    EXPECT_EQ(again.summary(), network.summary());
    EXPECT_EQ(to_json(again), to_json(network));
  }
}

// Keras 2: no modules, plain dtypes, another key for the input; up to 2.2.2 the config was a list, up to
// TensorFlow 2 the first layer had the shape and glorot_uniform was written out.
constexpr const char* kKeras2 = R"({"class_name": "Sequential", "config": {"name": "sequential", "layers": [
  {"class_name": "InputLayer", "config": {"batch_input_shape": [null, 28, 28, 1], "dtype": "float32",
    "sparse": false, "ragged": false, "name": "input_1"}},
  {"class_name": "Conv2D", "config": {"name": "conv", "trainable": true, "dtype": "float32", "filters": 4,
    "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid", "data_format": "channels_last",
    "dilation_rate": [1, 1], "groups": 1, "activation": "relu", "use_bias": true,
    "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": null}},
    "bias_initializer": {"class_name": "Zeros", "config": {}}, "kernel_regularizer": null,
    "bias_regularizer": null, "activity_regularizer": null, "kernel_constraint": null,
    "bias_constraint": null}},
  {"class_name": "MaxPooling2D", "config": {"name": "pool", "trainable": true, "dtype": "float32",
    "pool_size": [2, 2], "padding": "valid", "strides": [2, 2], "data_format": "channels_last"}},
  {"class_name": "Flatten", "config": {"name": "flatten", "trainable": true,
    "dtype": {"class_name": "Policy", "config": {"name": "float32"}}, "data_format": "channels_last"}},
  {"class_name": "Dropout", "config": {"name": "dropout", "trainable": true, "dtype": "float32",
    "rate": 0.5, "noise_shape": null, "seed": 7}},
  {"class_name": "Dense", "config": {"name": "dense", "trainable": true, "dtype": "float32", "units": 10,
    "activation": "softmax", "use_bias": true, "kernel_initializer": "glorot_uniform",
    "bias_initializer": "zeros"}}]}, "keras_version": "2.11.0", "backend": "tensorflow"})";

TEST(ModelJsonTest, ReadsWhatKeras2Writes) {
  const Sequential network = parsed(std::string(kKeras2));
  EXPECT_THAT(layer_names(network), ElementsAre("conv", "pool", "flatten", "dropout", "dense"));
  EXPECT_EQ(network.parameter_count(), 4 * 10 + 13 * 13 * 4 * 10 + 10);

  Json old = Json::parse(kKeras2);
  Json& layers = old["config"]["layers"];
  layers.erase(0);
  layers[0]["config"]["batch_input_shape"] = {32, 28, 28, 1};
  layers[0]["config"]["kernel_initializer"] = {
      {"class_name", "VarianceScaling"},
      {"config", {{"scale", 1.0}, {"mode", "fan_avg"}, {"distribution", "uniform"}, {"seed", nullptr}}}};
  EXPECT_EQ(to_json(parsed(old)), to_json(network));
  old["config"] = Json(layers);
  EXPECT_EQ(layer_names(parsed(old)), layer_names(network));
}

TEST(ModelJsonTest, ReadsAFunctionalChainOfKeras2) {
  Json model = Json::parse(kKeras2);
  model["class_name"] = "Functional";
  Json& config = model["config"];
  std::string previous;
  for (Json& layer : config["layers"]) {
    layer["name"] = layer["config"]["name"];
    layer["inbound_nodes"] = Json::array();
    if (!previous.empty()) {
      layer["inbound_nodes"] = Json::array({Json::array({{previous, 0, 0, Json::object()}})});
    }
    previous = layer["name"];
  }
  config["input_layers"] = Json::array({{"input_1", 0, 0}});
  config["output_layers"] = Json::array({{"dense", 0, 0}});
  EXPECT_EQ(to_json(parsed(model)), to_json(parsed(std::string(kKeras2))));

  const auto refused = [&](const char* pointer, const Json& value, const char* part) {
    Json changed = model;
    changed[Json::json_pointer(pointer)] = value;
    EXPECT_THAT([&] { parsed(changed); }, throws_line<FileError>("model.json: ", part)) << pointer;
  };
  refused("/config/layers/3/inbound_nodes/0/0/0", "conv", "layer \"flatten\" does not follow from \"pool\"");
  refused("/config/layers/3/inbound_nodes/0/1", {"conv", 0, 0, Json::object()}, "plain chain");
  refused("/config/layers/3/inbound_nodes/1", {{"conv", 0, 0, Json::object()}}, "plain chain");
  refused("/config/layers/3/inbound_nodes/0/0/3/training", true, "plain chain");
  refused("/config/output_layers/0/0", "pool", "expected the last layer, \"dense\"");
  refused("/config/input_layers/1", {"input_2", 0, 0}, "its only InputLayer");
  refused("/config/layers/0/class_name", "Dense", "its only InputLayer");
}

TEST(ModelJsonTest, WhatIsLeftOutHasKerasDefault) {
  const Sequential network = parsed(std::string(R"({"class_name": "Sequential", "config": {"layers": [
    {"class_name": "InputLayer", "config": {"batch_shape": [null, 9, 9, 2]}},
    {"class_name": "Conv2D", "config": {"filters": 4, "kernel_size": 3, "activation": null}},
    {"class_name": "MaxPooling2D", "config": {"pool_size": 3, "strides": null}},
    {"class_name": "Dense", "config": {"units": 5}}]}})"));
  EXPECT_THAT(layer_names(network), ElementsAre("conv2d", "max_pooling2d", "dense"));
  EXPECT_EQ(layer<MaxPool2D>(network, 1).options().strides, Extent2D(3));
  EXPECT_EQ(network.output_shape(), (Shape{2, 2, 5}));
}

TEST(ModelJsonTest, ReadsFiles) {
  const TempDir folder;
  const auto path = folder / "lenet5.json";
  write_bytes(path, to_json(lenet5(), 2));
  EXPECT_EQ(read_model_json(path).summary(), lenet5().summary());
  EXPECT_THAT([&] { read_model_json(folder / "none.json"); },
              throws_line<FileError>((folder / "none.json").string()));
  write_bytes(path, std::string(16 * 1024 * 1024 + 1, ' '));
  EXPECT_THAT([&] { read_model_json(path); },
              throws_line<FileError>("16777217 bytes, expected at most 16777216"));
}

}  // namespace
}  // namespace tilewise
