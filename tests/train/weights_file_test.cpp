#include "tilewise/train/weights_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/random_data.hpp"
#include "support/small_training.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/core/parallel.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/sgd.hpp"
#include "tilewise/train/model_json.hpp"
#include "tilewise/train/networks.hpp"

namespace tilewise {
namespace {

using testing::small_resnet;
using testing::TempDir;
using testing::throws_line;

Sequential small_network(int units = 3) {
  Sequential network({2, 2, 1});
  network.set_name("small").add(Flatten()).add(Dense({.units = units}), "out");
  return network;
}

class WeightsFileTest : public ::testing::Test {
 protected:
  TempDir folder_;
  std::filesystem::path path_ = folder_ / "model.safetensors";
  Executor executor_{1};
};

TEST_F(WeightsFileTest, KeepsTheNetwork) {
  const Model model(small_network(), executor_, {.max_batch = 1, .seed = 5});
  save_weights(path_, model, {{"epoch", "3"}});
  const SafetensorsFile file = read_safetensors(path_);
  EXPECT_EQ(file.metadata.at("epoch"), "3");
  const std::optional<Sequential> network = saved_network(path_, file);
  ASSERT_TRUE(network.has_value());
  EXPECT_EQ(to_json(*network), to_json(small_network()));

  Model again(*network, executor_, {.max_batch = 1, .seed = 6});
  load_weights(path_, again);
  const Parameter& kernel = model.parameters()[0];
  EXPECT_EQ(kernel.name(), "out/kernel");
  EXPECT_TRUE(std::equal(kernel.value(), kernel.value() + kernel.size(), again.parameters()[0].value()));
}

TEST_F(WeightsFileTest, KeepsMovingStatisticsAndInnerLayers) {
  Model model(small_resnet(), executor_, {.max_batch = 2, .seed = 5});
  SGD sgd({.learning_rate = 0.1});
  testing::fill_random(model.input(), 1);
  model.train_batch(std::vector<std::int32_t>{1, 3}, sgd);
  save_weights(path_, model);
  Model again(small_resnet(), executor_, {.max_batch = 2, .seed = 6});
  load_weights(path_, again);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < model.parameters().size(); ++i) {
    const Parameter& parameter = model.parameters()[i];
    names.push_back(parameter.name());
    EXPECT_TRUE(std::equal(parameter.value(), parameter.value() + parameter.size(),
                           again.parameters()[i].value()))
        << parameter.name();
  }
  EXPECT_THAT(names, ::testing::IsSupersetOf({"batch_normalization/moving_variance",
                                              "residual/main/batch_normalization/moving_mean",
                                              "residual/main/conv2d/kernel"}));
}

TEST_F(WeightsFileTest, MayNotSay) {
  write_safetensors(path_, {}, {{"epoch", "3"}});
  EXPECT_FALSE(saved_network(path_, read_safetensors(path_)).has_value());
  write_safetensors(path_, {}, {{kModelConfigKey, "{]"}});
  EXPECT_THAT([&] { saved_network(path_, read_safetensors(path_)); },
              throws_line<FileError>(path_.string() + ": model_config: not valid JSON at line 1, column 2"));
}

TEST_F(WeightsFileTest, RefusesWeightsOfAnotherNetwork) {
  const Model model(small_network(), executor_, {.max_batch = 1});
  save_weights(path_, model);
  const SafetensorsFile file = read_safetensors(path_);
  check_weights(path_, file, small_network());
  EXPECT_THAT([&] { check_weights(path_, file, small_network(4)); },
              throws_line<FileError>(path_.string(), "tensor out/kernel has shape (4, 3), the network's has (4, 4)"));
  EXPECT_THAT([&] { check_weights(path_, file, mlp()); },
              throws_line<FileError>("has no tensor dense/kernel, which the network needs"));
  Sequential flat({2, 2, 1});
  flat.add(Flatten());
  EXPECT_THAT([&] { check_weights(path_, file, flat); },
              throws_line<FileError>("has 2 tensors, the network 0"));
}

}  // namespace
}  // namespace tilewise
