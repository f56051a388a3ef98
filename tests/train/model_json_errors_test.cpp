// What is refused as a network, and with what message.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/model_json.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/residual.hpp"
#include "tilewise/train/model_json.hpp"
#include "tilewise/train/networks.hpp"

namespace tilewise {
namespace {

using testing::parsed;
using testing::throws_line;
using testing::with_layer;
using Json = nlohmann::json;

TEST(ModelJsonErrorsTest, RefusesWhatOtherLayersDoNotSupport) {
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

// What would change the result is refused, with its place; so are values of the wrong kind.
TEST(ModelJsonErrorsTest, RefusesWhatIsNotSupported) {
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

TEST(ModelJsonErrorsTest, MissingKeys) {
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
TEST(ModelJsonErrorsTest, RefusesHugeNetworks) {
  const Json dense{{"class_name", "Dense"}, {"config", {{"units", 2147483647}}}};
  Json model = Json::parse(to_json(mnist_convnet()));
  for (int i = 0; i < 3; ++i) model["config"]["layers"].push_back(dense);
  EXPECT_THAT([&] { parsed(model); }, throws_line<FileError>("layer dense_1 is too large"));
  Json wide = Json::parse(to_json(mlp()));
  wide["config"]["layers"][2]["config"]["units"] = 1000000;
  wide["config"]["layers"][4]["config"]["units"] = 2000;
  EXPECT_THAT([&] { parsed(wide); }, throws_line<FileError>("layer dense_1 is too large"));
}

TEST(ModelJsonErrorsTest, RefusesWhatIsNoJson) {
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
TEST(ModelJsonErrorsTest, SurvivesDamage) {
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

class Unknown final : public Layer {
 public:
  std::string_view type() const override { return "Conv2D"; }
  std::string_view name_stem() const override { return "unknown"; }
  Shape output_shape(const Shape& input) const override { return input; }
  void append_steps(const StepContext&, Steps&) const override {}
};

TEST(ModelJsonErrorsTest, LayersOfUsersHaveNoJson) {
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
