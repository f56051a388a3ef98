#include "tilewise/train/model_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "support/error_matchers.hpp"
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
using testing::read_bytes;
using testing::TempDir;
using testing::throws_line;
using testing::write_bytes;
using Json = nlohmann::json;

std::string golden(const std::string& name) {
  return read_bytes(std::string(TILEWISE_TESTS_DIR) + "/golden/" + name);
}

Sequential parsed(const std::string& text) { return model_from_json(text, "model.json"); }
Sequential parsed(const Json& json) { return parsed(json.dump()); }

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

// A config of one layer, after (8, 6, 4).
Json with_layer(const char* class_name, const Json& config) {
  Json model = Json::parse(R"({"class_name": "Sequential", "config": {"layers": [
    {"class_name": "InputLayer", "config": {"batch_shape": [null, 8, 6, 4]}}]}})");
  model["config"]["layers"].push_back({{"class_name", class_name}, {"config", config}});
  return model;
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

TEST(ModelJsonTest, RefusesWhatOtherLayersDoNotSupport) {
  const Json ones{{"class_name", "Ones"}};
  const struct {
    const char* class_name;
    Json config;
    const char* part;
  } cases[] = {
      {"BatchNormalization", {{"axis", 1}}, "axis 1 is not supported, expected -1, the last"},
      {"BatchNormalization", {{"axis", {1, 3}}}, "axis [1,3] is not supported"},
      {"BatchNormalization", {{"axis", "last"}}, "axis \"last\" is not supported"},
      {"BatchNormalization", {{"momentum", 2}}, "momentum 2"},
      {"BatchNormalization", {{"epsilon", 0}}, "epsilon 0"},
      {"BatchNormalization", {{"center", nullptr}, {"scale", "yes"}}, "scale is \"yes\", expected true or false"},
      {"BatchNormalization", {{"beta_initializer", ones}}, "beta_initializer {\"class_name\":\"Ones\"} is not"},
      {"BatchNormalization", {{"gamma_initializer", "zeros"}}, "expected \"Ones\""},
      {"BatchNormalization", {{"synchronized", true}}, "synchronized true is not supported"},
      {"BatchNormalization", {{"renorm", true}}, "renorm true is not supported, expected false"},
      {"BatchNormalization", {{"trainable", false}}, "trainable false is not supported"},
      {"DepthwiseConv2D", Json::object(), "has no \"kernel_size\""},
      {"DepthwiseConv2D", {{"kernel_size", 3}, {"groups", 2}}, "groups 2 is not supported, expected 1"},
      {"DepthwiseConv2D", {{"kernel_size", 3}, {"depth_multiplier", 0}}, "depth_multiplier is 0"},
      {"Conv2D", {{"filters", 4}, {"kernel_size", 1}, {"groups", 0}}, "groups is 0"},
      {"Conv2D", {{"filters", 6}, {"kernel_size", 1}, {"groups", 3}}, "its channels are not in 3 equal groups"},
      {"Dense",
       {{"units", 2}, {"kernel_initializer", {{"class_name", "RandomNormal"}, {"config", {{"stddev", -1}}}}}},
       "random_normal: mean"},
      {"Dense",
       {{"units", 2}, {"kernel_initializer", {{"class_name", "RandomUniform"}, {"config", {{"minval", "a"}}}}}},
       "kernel_initializer: minval is \"a\", expected a number"},
      {"LeakyReLU", {{"negative_slope", -1}}, "negative_slope -1"},
      {"ELU", {{"alpha", "x"}}, "alpha is \"x\", expected a number"},
      {"ReLU", {{"max_value", 6}}, "max_value 6 is not supported, expected null"},
      {"Softmax", {{"axis", 1}}, "axis 1 is not supported"},
      {"GlobalAveragePooling2D", {{"keepdims", true}}, "keepdims true is not supported, expected false"},
      {"AveragePooling2D", {{"data_format", "channels_first"}}, "expected \"channels_last\""},
      {"ZeroPadding2D", {{"padding", {1, 2, 3}}}, "padding is [1,2,3], expected [[top, bottom], [left, right]]"},
      {"ZeroPadding2D", {{"padding", {{1, -2}, {1, 1}}}}, "padding is -2, expected a whole number from 0 to"},
      {"ZeroPadding2D", {{"padding", 2147483647}}, "size overflow"},
      {"ZeroPadding2D", {{"padding", 30000}}, "layer zero_padding2d is too large"},
      {"Activation", {{"activation", "selu"}}, "activation \"selu\" is not supported"},
      {"Activation", Json::object(), "has no \"activation\""},
      {"GELU", {{"approximate", 1}}, "approximate is 1, expected true or false"},
      {"Residual", Json::object(), "has no \"main\""},
      {"Residual", {{"main", nullptr}}, "(Residual): main: class_name is null, expected \"Sequential\""},
      {"Residual", {{"main", with_layer("Flatten", Json::object())}}, "the shortcut has to be a network, too"},
      {"Residual", {{"main", with_layer("ReLU", {{"threshold", 1}})}}, "main: layer 1 (ReLU): threshold 1"},
      {"Residual",
       {{"main", with_layer("ReLU", Json::object())}, {"shortcut", with_layer("Flatten", Json::object())}},
       "main ends in re_lu with (8, 6, 4), the shortcut ends in flatten"},
  };
  for (const auto& [class_name, config, part] : cases) {
    EXPECT_THAT([&] { parsed(with_layer(class_name, config)); }, throws_line<FileError>("model.json: ", part))
        << class_name << " " << config;
  }
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

// What would change the result is refused, with its place; so are values of the wrong kind.
TEST(ModelJsonTest, RefusesWhatIsNotSupported) {
  const std::string conv = "/config/layers/3/config/";
  const std::vector<std::pair<std::string, std::pair<Json, std::string>>> changes = {
      {conv + "groups", {3, "layer conv2d_1: Conv2D: 64 filters are not in 3 equal groups"}},
      {conv + "use_bias", {1, "layer conv2d_1 (Conv2D): use_bias is 1, expected true or false"}},
      {conv + "trainable", {false, "trainable false is not supported"}},
      {conv + "dtype", {"float16", "dtype \"float16\" is not supported, expected \"float32\""}},
      {conv + "dtype/config/name", {"mixed_bfloat16", "dtype \"mixed_bfloat16\" is not supported"}},
      {conv + "data_format", {"channels_first", "expected \"channels_last\""}},
      {conv + "padding", {"causal", "padding \"causal\" is not supported, expected \"valid\" or \"same\""}},
      {conv + "padding", {3, "padding 3 is not supported"}},
      {conv + "activation", {"selu", "expected \"linear\", \"relu\", "}},
      {conv + "activation", {{{"class_name", "ReLU"}}, "activation {\"class_name\":\"ReLU\"} is not"}},
      {conv + "kernel_initializer", {"orthogonal", "expected \"Zeros\", \"Ones\", "}},
      {conv + "kernel_initializer", {5, "kernel_initializer 5 is not supported"}},
      {conv + "bias_initializer/class_name", {"Identity", "expected \"Zeros\", \"Ones\", "}},
      {conv + "kernel_regularizer", {{{"class_name", "L2"}}, "kernel_regularizer {\"class_name\":\"L2\"}"}},
      {conv + "rank", {3, "option \"rank\" (3) is not supported"}},
      {conv + "filters", {0, "filters is 0, expected a whole number from 1 to 2147483647"}},
      {conv + "filters", {-3, "filters is -3, expected"}},
      {conv + "filters", {32.0, "filters is 32.0, expected"}},
      {conv + "filters", {"32", "filters is \"32\", expected"}},
      {conv + "filters", {18446744073709551615ULL, "filters is 18446744073709551615, expected"}},
      {conv + "filters", {2147483647, "conv2d_1"}},
      {conv + "kernel_size", {{3, 3, 3}, "kernel_size is [3,3,3], expected one whole number or two"}},
      {conv + "kernel_size", {{3, 0}, "kernel_size[1] is 0"}},
      {conv + "kernel_size", {{99, 1}, "layer conv2d_1: a window of 99 does not fit in 13"}},
      {conv + "strides", {{1.5, 1}, "strides[0] is 1.5"}},
      {conv + "name", {"conv2d", "layer conv2d: the name is taken"}},
      {conv + "name", {7, "layer 3: name is 7, expected text"}},
      {conv + "name", {"a\nb", "control characters"}},
      {"/config/layers/3/config", {nullptr, "layer 3 (Conv2D): config is null, expected an object"}},
      {"/config/layers/3/class_name", {nullptr, "layer conv2d_1: class_name is null"}},
      {"/config/layers/3/class_name",
       {"LSTM", "layer conv2d_1 (LSTM) is not supported, expected Activation, AveragePooling2D, "}},
      {"/config/layers/3", {nullptr, "layer 3: class_name is null"}},
      {"/config/layers/6/config/rate", {1.0, "layer dropout: Dropout: rate 1 is not in [0, 1)"}},
      {"/config/layers/6/config/rate", {"half", "rate is \"half\", expected a number"}},
      {"/config/layers/6/config/noise_shape", {{1}, "noise_shape [1] is not supported"}},
      {"/config/layers", {Json::array(), "layers is [], expected a list"}},
      {"/config/layers", {Json(std::vector<int>(5000)), "has 5000 layers, expected at most 4096"}},
      {"/config", {7, "layers is null"}},
      {"/config/name", {7, "name is 7, expected text"}},
      {"/class_name", {"Functional", "supported only as a plain chain"}},
      {"/class_name", {"Bidirectional", "class_name is \"Bidirectional\", expected \"Sequential\""}},
      {"/config/layers/0/config/batch_shape", {{nullptr, nullptr, 28, 1}, "batch_shape[1] is null"}},
      {"/config/layers/0/config/batch_shape", {{nullptr}, "batch_shape is [null], expected [null, height"}},
      {"/config/layers/0/config/batch_shape", {nullptr, "batch_shape is null"}},
      {"/config/layers/0/config/batch_shape",
       {{nullptr, 2147483647, 2147483647, 2147483647}, "too many elements"}},
      {"/config/layers/0/config/batch_shape", {{nullptr, 65536, 65536, 1}, "too many elements"}},
      {"/config/layers/0/config/dtype", {"uint8", "InputLayer: dtype \"uint8\""}},
      {"/config/layers/0/config/sparse", {true, "InputLayer: sparse true is not supported"}},
      {"/config/layers/0/config", {nullptr, "batch_input_shape is null"}},
      {"/config/layers/3/class_name", {"InputLayer", "layer conv2d_1 (InputLayer) is not supported"}},
  };
  const Json model = Json::parse(to_json(mnist_convnet()));
  for (const auto& [pointer, change] : changes) {
    Json changed = model;
    changed[Json::json_pointer(pointer)] = change.first;
    EXPECT_THAT([&] { parsed(changed); }, throws_line<FileError>("model.json: ", change.second))
        << pointer << " = " << change.first.dump().substr(0, 80);
  }
}

TEST(ModelJsonTest, MissingKeys) {
  const auto without = [](const char* pointer, const char* key) {
    Json model = Json::parse(to_json(mnist_convnet()));
    model[Json::json_pointer(pointer)].erase(key);
    return model;
  };
  EXPECT_THAT([&] { parsed(without("/config/layers/1/config", "filters")); },
              throws_line<FileError>("model.json: layer conv2d (Conv2D): has no \"filters\""));
  EXPECT_THAT([&] { parsed(without("/config/layers/7/config", "units")); },
              throws_line<FileError>("layer dense (Dense): has no \"units\""));
  Json no_input = without("/config", "build_input_shape");
  no_input["config"]["layers"].erase(0);
  EXPECT_THAT([&] { parsed(no_input); }, throws_line<FileError>("has no input shape"));
  Json built = without("/config", "nothing");
  built["config"]["layers"].erase(0);
  EXPECT_EQ(parsed(built).input_shape(), (Shape{28, 28, 1}));
}

// Sizes that would overflow or take all memory are refused before anything is allocated.
TEST(ModelJsonTest, RefusesHugeNetworks) {
  const Json dense{{"class_name", "Dense"}, {"config", {{"units", 2147483647}}}};
  Json model = Json::parse(to_json(mnist_convnet()));
  for (int i = 0; i < 3; ++i) model["config"]["layers"].push_back(dense);
  EXPECT_THAT([&] { parsed(model); }, throws_line<FileError>("layer dense_1 is too large"));
  Json wide = Json::parse(to_json(mlp()));
  wide["config"]["layers"][2]["config"]["units"] = 1000000;
  wide["config"]["layers"][4]["config"]["units"] = 2000;
  EXPECT_THAT([&] { parsed(wide); }, throws_line<FileError>("layer dense_1 is too large"));
}

TEST(ModelJsonTest, RefusesWhatIsNoJson) {
  const auto error = [](const std::string& text, const char* part) {
    EXPECT_THAT([&] { parsed(text); }, throws_line<FileError>("model.json: ", part)) << text.substr(0, 80);
  };
  error("", "not valid JSON at line 1, column 1");
  error("{\"a\": 1,\n  \"b\": NaN}", "not valid JSON at line 2, column 8");
  error("{\"a\": Infinity}", "not valid JSON");
  error("{\"a\": 1e999}", "a number is too large");
  error("{\"class_name\": \"Sequential\", \"class_name\": \"Model\"}", "key \"class_name\" is there twice");
  error("{\"config\": [{\"x\": 1}, {\"x\": 1, \"x\": 1}]}", "key \"x\" is there twice");
  error(std::string(100000, '['), "nested too deeply");
  error(std::string(100000, '{'), "not valid JSON");
  error(std::string("{\"a\": \"\xff\"}"), "not valid JSON");
  error("[]", "class_name is null");
  error("null", "class_name is null");
  error("{} {}", "not valid JSON");
}

// Whatever is done to the text, it is read or refused with one line, never a crash.
TEST(ModelJsonTest, SurvivesDamage) {
  const std::string texts[] = {to_json(lenet5()), to_json(resnet8())};
  std::mt19937 random(1);
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = texts[i % 4 == 3];
    for (int k = 0; k <= i % 3; ++k) {
      const std::size_t at = random() % damaged.size();
      switch (random() % 3) {
        case 0: damaged[at] = static_cast<char>(random()); break;
        case 1: damaged.erase(at, random() % 20); break;
        default: damaged.insert(at, std::to_string(random())); break;
      }
    }
    try {
      parsed(damaged);
    } catch (const FileError& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
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

class Unknown final : public Layer {
 public:
  std::string_view type() const override { return "Conv2D"; }
  std::string_view name_stem() const override { return "unknown"; }
  Shape output_shape(const Shape& input) const override { return input; }
  void append_steps(const StepContext&, Steps&) const override {}
};

TEST(ModelJsonTest, LayersOfUsersHaveNoJson) {
  EXPECT_TRUE(has_json(lenet5()));
  Sequential network({4});
  network.add(Unknown());
  EXPECT_FALSE(has_json(network));
  EXPECT_THAT([&] { to_json(network); }, throws_line<ArgumentError>("layer unknown (Conv2D)"));
  Sequential outer({4});
  outer.add(Residual(network));
  EXPECT_FALSE(has_json(outer));
  EXPECT_THAT([&] { to_json(outer); }, throws_line<ArgumentError>("layer residual (Residual)"));
}

}  // namespace
}  // namespace tilewise
