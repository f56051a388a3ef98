// Usage: train [DATA_FOLDER [RUN_FOLDER]]
//
// Trains a small network on the data set in DATA_FOLDER, such as data/mnist, or on bars drawn here. Leaves
// training.csv, checkpoints and model.safetensors in RUN_FOLDER (run).

#include <tilewise/core/parallel.hpp>
#include <tilewise/core/thread_count.hpp>
#include <tilewise/layers/adam.hpp>
#include <tilewise/layers/conv2d.hpp>
#include <tilewise/layers/dense.hpp>
#include <tilewise/layers/dropout.hpp>
#include <tilewise/layers/flatten.hpp>
#include <tilewise/layers/max_pool2d.hpp>
#include <tilewise/train/callbacks/checkpointer.hpp>
#include <tilewise/train/csv_log.hpp>
#include <tilewise/train/fit.hpp>
#include <tilewise/train/load_dataset.hpp>
#include <tilewise/train/weights_file.hpp>

#include <cstdio>
#include <exception>
#include <filesystem>

#include "bars.hpp"

using namespace tilewise;

namespace {

/// A callback of one's own: prints a line each epoch and adds a row to a CSV file.
class EpochLog final : public Callback {
 public:
  explicit EpochLog(const std::filesystem::path& path) : csv_(path) {}

  void on_epoch_end(const EpochRecord& record) override {
    std::printf("epoch %d: loss %.4f, accuracy %.3f; validation %.4f, %.3f\n", record.epoch, record.loss,
                record.accuracy, record.val_loss.value_or(0), record.val_accuracy.value_or(0));
    csv_.append(record);
  }

 private:
  CsvLog csv_;
};

}  // namespace

int main(int argc, char** argv) try {
  const Dataset data = argc > 1 ? load_dataset(argv[1], Split::train) : bars(2000, 1);
  const Dataset test = argc > 1 ? load_dataset(argv[1], Split::test) : bars(500, 2);
  const std::filesystem::path run = argc > 2 ? argv[2] : "run";
  std::filesystem::create_directories(run);

  Sequential network(data.image_shape());
  network.add(Conv2D({.filters = 16, .kernel_size = 3, .activation = Activation::relu}))
      .add(MaxPool2D({.pool_size = 2}))
      .add(Flatten())
      .add(Dropout(0.25))
      .add(Dense({.units = data.classes(), .activation = Activation::softmax}));

  Executor executor(thread_count().count);
  Model model(network, executor, {.max_batch = 64, .seed = 1});
  Adam adam({.learning_rate = 0.002});

  const auto [training, validation] = split_validation(data, 0.1);
  EpochLog log(run / "training.csv");  // a callback of one's own
  Checkpointer checkpointer({.folder = run, .monitor = "val_loss"});
  Callback* const callbacks[] = {&log, &checkpointer};
  fit(model, adam, training, {.epochs = 3, .validation = validation, .callbacks = callbacks});

  const Metrics metrics = evaluate(model, test);
  std::printf("test accuracy %.3f, loss %.3f\n", metrics.accuracy, metrics.loss);
  save_weights(run / "model.safetensors", model);
} catch (const std::exception& error) {
  std::fprintf(stderr, "train: %s\n", error.what());
  return 1;
}
