#include "tilewise/train/checkpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/small_training.hpp"
#include "support/temp_dir.hpp"
#include "tilewise/core/error.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/layers/sgd.hpp"
#include "tilewise/train/fit.hpp"
#include "tilewise/train/safetensors.hpp"
#include "tilewise/train/weights_file.hpp"

namespace tilewise {
namespace {

using Json = nlohmann::json;

using testing::AtSavePoint;
using testing::quarters;
using testing::read_bytes;
using testing::small_convnet;
using testing::TempDir;
using testing::throws_line;
using testing::weights_of;
using testing::write_bytes;

/// Remembers what it is told to.
class Memory final : public Callback {
 public:
  std::string_view name() const override { return "memory"; }
  CallbackState state() const override {
    CallbackState state;
    state.numbers = numbers;
    state.tensors.emplace("two", Tensor(Shape{2}));
    state.tensors.at("two")[1] = 1.5F;
    return state;
  }
  void restore(const CallbackState& state) override {
    numbers = state.numbers;
    two = state.tensor("two", {2})[1];
  }

  std::map<std::string, double> numbers;
  float two = 0;
};

/// A checkpoint in the middle of the second epoch.
class CheckpointTest : public ::testing::Test {
 protected:
  CheckpointTest() {
    Model model(small_convnet(), executor_, {.max_batch = 8, .seed = 5});
    Adam adam;
    memory_.numbers = kNumbers;
    AtSavePoint saver([&](Training& training, const SavePoint&) {
      if (training.optimizer.steps() != 6) return;
      saved_ = training.progress;
      saved_weights_ = weights_of(model);
      save_checkpoint(path_, training, fingerprint(model, adam, data_, options_));
    });
    Callback* const callbacks[] = {&memory_, &saver};
    options_.callbacks = callbacks;
    fit(model, adam, data_, options_);
    options_.callbacks = {};
  }

  TrainingState load() { return load_checkpoint(path_, model_, adam_, data_, options_); }

  /// A file that differs from the checkpoint in what `edit` does.
  void rewrite(const std::function<void(SafetensorsFile&)>& edit) {
    SafetensorsFile file = read_safetensors(original_);
    edit(file);
    std::vector<NamedTensor> tensors;
    for (const auto& [name, tensor] : file.tensors) {
      tensors.push_back({name, tensor.shape(), tensor.span()});
    }
    write_safetensors(path_, tensors, file.metadata);
  }
  void rewrite_json(const std::function<void(Json&)>& edit) {
    rewrite([&](SafetensorsFile& file) {
      Json json = Json::parse(file.metadata.at("checkpoint"));
      edit(json);
      file.metadata["checkpoint"] = json.dump();
    });
  }

  /// The file is refused in these words, and nothing was changed by it.
  template <class... Parts>
  void expect_refused(const Parts&... parts) {
    const std::vector<float> before = weights_of(model_);
    EXPECT_THAT([&] { load(); }, throws_line<FileError>(path_.string() + ": ", parts...));
    EXPECT_EQ(weights_of(model_), before);
    EXPECT_EQ(adam_.steps(), 0);
  }

  const std::map<std::string, double> kNumbers = {
      {"third", 1.0 / 3},
      {"tiny", std::numeric_limits<double>::denorm_min()},
      {"infinite", -std::numeric_limits<double>::infinity()},
      {"zero", -0.0}};

  TempDir folder_;
  std::filesystem::path path_ = folder_ / "checkpoint.safetensors";
  std::filesystem::path original_ = folder_ / "original.safetensors";
  Executor executor_{2};
  Dataset data_ = quarters(30);
  FitOptions options_{.epochs = 2,
                      .batch_size = 8,
                      .seed = 3,
                      .validation = data_,
                      .description = {{"the optimizer", "adam"}}};
  Memory memory_;
  Progress saved_;
  std::vector<float> saved_weights_;
  // To resume with.
  Model model_{small_convnet(), executor_, {.max_batch = 8, .seed = 5}};
  Adam adam_;

  void SetUp() override { std::filesystem::copy_file(path_, original_); }
};

TEST_F(CheckpointTest, EveryBitComesBack) {
  const TrainingState state = load();
  EXPECT_EQ(state.progress.epoch, 2);
  EXPECT_EQ(state.progress.step, 2);
  EXPECT_EQ(state.progress.sum.loss, saved_.sum.loss);
  EXPECT_EQ(state.progress.sum.correct, saved_.sum.correct);
  EXPECT_EQ(state.progress.sum.images, 16);
  EXPECT_EQ(state.progress.seconds, saved_.seconds);
  EXPECT_EQ(weights_of(model_), saved_weights_);
  EXPECT_EQ(adam_.steps(), 6);
  ASSERT_TRUE(state.callbacks.contains("memory"));
  EXPECT_EQ(state.callbacks.at("memory").numbers, kNumbers);
  EXPECT_TRUE(std::signbit(state.callbacks.at("memory").number("zero")));
  EXPECT_EQ(state.callbacks.at("memory").tensor("two", {2})[1], 1.5F);
}

TEST_F(CheckpointTest, OptimizerGoesOnWithItsRate) {
  Adam other({.learning_rate = 0.5});
  load_checkpoint(path_, model_, other, data_, options_);
  EXPECT_EQ(other.learning_rate(), 0.001);
}

TEST_F(CheckpointTest, IsAWeightsFile) {
  load_weights(path_, model_);
  EXPECT_EQ(weights_of(model_), saved_weights_);
}

TEST_F(CheckpointTest, SaysWhoWroteIt) {
  const Json json = Json::parse(read_safetensors(path_).metadata.at("checkpoint"));
  EXPECT_EQ(json["version"], 1);
  EXPECT_TRUE(json["library"].is_string());
}

TEST_F(CheckpointTest, CallbacksHaveToBeThoseOfTheCheckpoint) {
  const TrainingState state = load();
  options_.start = &state;
  EXPECT_THAT([&] { fit(model_, adam_, data_, options_); },
              throws_line<ArgumentError>("had a callback \"memory\""));
  Memory one, two;
  Callback* const callbacks[] = {&one, &two};
  options_.callbacks = callbacks;
  EXPECT_THAT([&] { fit(model_, adam_, data_, options_); },
              throws_line<ArgumentError>("no callback \"memory_1\""));
  EXPECT_TRUE(one.numbers.empty());
}

TEST_F(CheckpointTest, NamesTheLayerThatDiffers) {
  Sequential other = small_convnet();
  other.add(Dense({.units = 4}));
  Model deeper(other, executor_, {.max_batch = 8, .seed = 5});
  EXPECT_THAT([&] { load_checkpoint(path_, deeper, adam_, data_, options_); },
              throws_line<FileError>("another training: layer 6 is missing there and \"dense_1 (Dense)"));
  Model wider(small_convnet(8, 6), executor_, {.max_batch = 8, .seed = 5});
  EXPECT_THAT([&] { load_checkpoint(path_, wider, adam_, data_, options_); },
              throws_line<FileError>("layer 1 is \"conv2d (Conv2D) with output (6, 6, 5)\" there and "
                                     "\"conv2d (Conv2D) with output (6, 6, 6)\" here"));
}

TEST_F(CheckpointTest, NamesTheParameterThatDiffers) {
  const auto network = [](int kernel, Padding padding) {
    Sequential result({8, 8, 1});
    result.add(Conv2D({.filters = 2, .kernel_size = kernel, .padding = padding}))
        .add(Flatten())
        .add(Dense({.units = 4}));
    return result;
  };
  Model three(network(3, Padding::same), executor_, {.max_batch = 8});
  Model five(network(5, Padding::same), executor_, {.max_batch = 8});
  EXPECT_EQ(first_difference(fingerprint(three, adam_, data_, options_),
                             fingerprint(five, adam_, data_, options_)),
            "shape of conv2d/kernel is \"(3, 3, 1, 2)\" there and \"(5, 5, 1, 2)\" here");
}

TEST_F(CheckpointTest, NamesTheOptionThatDiffers) {
  FitOptions other = options_;
  other.batch_size = 4;
  EXPECT_THAT([&] { load_checkpoint(path_, model_, adam_, data_, other); },
              throws_line<FileError>("the batch size is \"8\" there and \"4\" here"));
  other = options_;
  other.seed = 4;
  EXPECT_THAT([&] { load_checkpoint(path_, model_, adam_, data_, other); },
              throws_line<FileError>("the seed is \"3\" there and \"4\" here"));
  other = options_;
  other.shuffle = false;
  EXPECT_THAT([&] { load_checkpoint(path_, model_, adam_, data_, other); },
              throws_line<FileError>("shuffling is \"on\" there and \"off\" here"));
  other = options_;
  other.description = {{"the optimizer", "adam, faster"}};
  EXPECT_THAT([&] { load_checkpoint(path_, model_, adam_, data_, other); },
              throws_line<FileError>("the optimizer is \"adam\" there and \"adam, faster\" here"));
  SGD sgd;
  EXPECT_THAT([&] { load_checkpoint(path_, model_, sgd, data_, options_); },
              throws_line<FileError>("optimizer's state is \"m v\" there and \"velocity\" here"));
  Model seed(small_convnet(), executor_, {.max_batch = 8, .seed = 6});
  EXPECT_THAT([&] { load_checkpoint(path_, seed, adam_, data_, options_); },
              throws_line<FileError>("the model's seed is \"5\" there and \"6\" here"));
  Model batch(small_convnet(), executor_, {.max_batch = 9, .seed = 5});
  EXPECT_THAT([&] { load_checkpoint(path_, batch, adam_, data_, options_); },
              throws_line<FileError>("max_batch is \"8\" there and \"9\" here"));
}

TEST_F(CheckpointTest, EpochsAndThreadsMayDiffer) {
  Executor other(3);
  Model model(small_convnet(), other, {.max_batch = 8, .seed = 5});
  options_.epochs = 7;
  EXPECT_NO_THROW(load_checkpoint(path_, model, adam_, data_, options_));
}

TEST_F(CheckpointTest, NamesTheDataThatDiffer) {
  const Dataset fewer = quarters(29);
  EXPECT_THAT([&] { load_checkpoint(path_, model_, adam_, fewer, options_); },
              throws_line<FileError>("number of training images is \"30\" there and \"29\" here"));
  options_.validation = fewer;
  expect_refused("number of validation images is \"30\" there and \"29\" here");
  options_.validation.reset();
  expect_refused("number of validation images is \"30\" there and missing here");
  options_.validation = data_;

  const auto copy = [&](std::size_t label, std::int64_t pixel) {
    AlignedBuffer<std::uint8_t> images(30 * 64);
    std::copy_n(data_.image(0), images.size(), images.data());
    if (pixel >= 0) images[pixel] ^= 1;
    std::vector<std::int32_t> labels;
    for (std::int64_t i = 0; i < 30; ++i) labels.push_back(data_.label(i));
    if (label < 30) labels[label] ^= 1;
    return Dataset({8, 8, 1}, 4, std::move(images), std::move(labels));
  };
  const Dataset same = copy(30, -1);
  const Dataset pixel = copy(30, 1919);
  const Dataset label = copy(29, -1);
  EXPECT_NO_THROW(load_checkpoint(path_, model_, adam_, same, options_));
  EXPECT_THAT([&] { load_checkpoint(path_, model_, adam_, pixel, options_); },
              throws_line<FileError>("CRC-32 of training images is \""));
  EXPECT_THAT([&] { load_checkpoint(path_, model_, adam_, label, options_); },
              throws_line<FileError>("CRC-32 of training labels is \""));
}

TEST_F(CheckpointTest, RefusesWhatIsNoCheckpoint) {
  std::filesystem::remove(path_);
  expect_refused("cannot open: No such file or directory");
  save_weights(path_, model_);
  expect_refused("is no checkpoint, only tensors");
  rewrite_json([](Json& json) { json["version"] = 2; });
  expect_refused("checkpoint of format 2, expected 1");
  rewrite([](SafetensorsFile& file) { file.metadata["checkpoint"] = "{\"version\":1"; });
  expect_refused("damaged checkpoint: not a JSON object");
  rewrite([](SafetensorsFile& file) { file.metadata["checkpoint"] = "[1]"; });
  expect_refused("damaged checkpoint: not a JSON object");
  rewrite([](SafetensorsFile& file) { file.metadata["checkpoint"] = std::string(100'000, '['); });
  expect_refused("damaged checkpoint: nested too deeply");
  rewrite([](SafetensorsFile& file) { file.metadata["checkpoint"] = std::string(5'000'000, ' '); });
  expect_refused("5000000 bytes of JSON");
}

TEST_F(CheckpointTest, RefusesValuesThatCannotBe) {
  const auto big = std::numeric_limits<std::uint64_t>::max();
  const std::vector<std::pair<const char*, std::vector<Json>>> cases = {
      {"version", {nullptr, "1", 1.5, -1, big}},
      {"epoch", {nullptr, 0, -3, 2147483648, 1.0, "2", big}},
      {"step", {nullptr, -1, big, "0"}},
      {"optimizer_steps", {nullptr, -1, "6", big}},
      {"seconds", {nullptr, 1.5, "", "x", "1p0 ", "-1p+0", "inf", "nan"}},
      {"learning_rate", {"nan", "-1p+0", 0.001}},
      {"learning_rate_scale", {"nan", "inf"}},
      {"metrics", {nullptr, 1, Json::object()}},
      {"callbacks", {nullptr, 1, Json::array(), {{"memory", 1}}, {{"memory", {{"third", 0.5}}}}}},
      {"fingerprint", {nullptr, Json::object(), {1}, {{"a", "b", "c"}}, {{"a", 1}}}}};
  for (const auto& [key, values] : cases) {
    rewrite_json([&](Json& json) { json.erase(key); });
    expect_refused("damaged checkpoint: no valid \"" + std::string(key) + "\"");
    for (const Json& value : values) {
      rewrite_json([&](Json& json) { json[key] = value; });
      SCOPED_TRACE(std::string(key) + " = " + value.dump());
      expect_refused("damaged checkpoint: no valid \"");
    }
  }
  for (const auto& [key, value] : std::map<std::string, Json>{
           {"images", -1}, {"correct", 17}, {"correct", -1}, {"loss_sum", 1}}) {
    rewrite_json([&](Json& json) { json["metrics"][key] = value; });
    expect_refused("damaged checkpoint: no valid \"" + key + "\"");
  }
}

TEST_F(CheckpointTest, RefusesMoreStepsThanAnEpochHas) {
  rewrite_json([](Json& json) { json["step"] = 5; });
  const TrainingState state = load();
  Callback* const callbacks[] = {&memory_};
  options_.callbacks = callbacks;
  options_.start = &state;
  EXPECT_THAT([&] { fit(model_, adam_, data_, options_); },
              throws_line<ArgumentError>("epoch 2 after step 5 of 4"));
}

TEST_F(CheckpointTest, RefusesTensorsThatDoNotFit) {
  for (const std::string name : {"conv2d/kernel", "dense/bias", "optimizer/m/conv2d/kernel",
                                 "optimizer/v/dense/bias"}) {
    rewrite([&](SafetensorsFile& file) { file.tensors.erase(name); });
    expect_refused("has no tensor " + name);
    rewrite([&](SafetensorsFile& file) {
      file.tensors.erase(name);
      file.tensors.emplace(name, Tensor(Shape{3}));
    });
    expect_refused("tensor " + name + " has shape (3), expected (");
  }
  for (const std::string name : {"more", "optimizer/u/dense/bias", "callbacks", "callbacks/",
                                 "callbacks/memory", "callbacks/nobody/x", "a\nb"}) {
    rewrite([&](SafetensorsFile& file) { file.tensors.emplace(name, Tensor(Shape{3})); });
    expect_refused("belongs to nothing");
  }
}

TEST_F(CheckpointTest, SurvivesAnyCutAndAnyByte) {
  const std::string bytes = read_bytes(original_);
  const std::size_t header = bytes.find("\"conv2d/kernel\":");
  ASSERT_NE(header, std::string::npos);
  for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 16) {
    write_bytes(path_, bytes.substr(0, size));
    expect_refused("");
  }
  // All of the text, and the first few values.
  const std::size_t end = 8 + static_cast<unsigned char>(bytes[0]) +
                          256 * static_cast<unsigned char>(bytes[1]);
  ASSERT_GT(end, header);
  int refused = 0;
  for (std::size_t i = 0; i < end; ++i) {
    for (const char change : {'\x01', '\x10', '\x80'}) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ change);
      write_bytes(path_, damaged);
      try {
        load();
      } catch (const FileError& error) {
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, static_cast<int>(end));
}

}  // namespace
}  // namespace tilewise
