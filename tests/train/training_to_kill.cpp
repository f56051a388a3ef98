// A short training that may be killed at any moment and started again:
//
//   training_to_kill DATA_FOLDER RUN_FOLDER THREADS
//
// goes on from RUN_FOLDER/checkpoint.safetensors if that is there, writes a checkpoint after each step, and ends with
// RUN_FOLDER/model.safetensors. See kill_test.cpp.

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <optional>

#include "support/small_training.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/train/callbacks/checkpointer.hpp"
#include "tilewise/train/callbacks/early_stopping.hpp"
#include "tilewise/train/callbacks/exponential_moving_average.hpp"
#include "tilewise/train/callbacks/reduce_lr_on_plateau.hpp"
#include "tilewise/train/callbacks/step_csv_log.hpp"
#include "tilewise/train/checkpoint.hpp"
#include "tilewise/train/csv_log.hpp"
#include "tilewise/train/fit.hpp"
#include "tilewise/train/weights_file.hpp"

namespace {

using namespace tilewise;

class EpochRows final : public Callback {
 public:
  EpochRows(const std::filesystem::path& path, std::optional<int> last_epoch)
      : csv_(path, last_epoch) {}
  void on_epoch_end(const EpochRecord& record) override { csv_.append(record); }

 private:
  CsvLog csv_;
};

void train(const std::filesystem::path& data_folder, const std::filesystem::path& folder, int threads) {
  const Dataset data = load_mnist(data_folder, Split::train);
  const auto [training, validation] = split_validation(data, 0.2);
  Executor executor(threads);
  Model model(testing::small_convnet(data.image_shape()[0], 8, data.classes()), executor,
              {.max_batch = 16, .seed = 1});
  Adam adam({.learning_rate = 0.01});

  ExponentialMovingAverage average({.momentum = 0.9});
  EarlyStopping stopping({.patience = 2, .restore_best_weights = true, .average = &average});
  ReduceLROnPlateau plateau({.monitor = "loss", .patience = 1, .min_delta = 0.1});
  Checkpointer checkpointer(
      {.folder = folder, .every_steps = 1, .monitor = "val_loss", .average = &average});

  FitOptions options{.epochs = 6, .seed = 2, .validation = validation};
  TrainingState state;
  std::optional<int> last_epoch = 0;
  std::optional<std::int64_t> last_step = 0;
  if (std::filesystem::exists(checkpointer.last())) {
    state = load_checkpoint(checkpointer.last(), model, adam, training, options);
    options.start = &state;
    last_epoch = state.progress.finished_epochs();
    last_step = adam.steps();
  }
  EpochRows epochs(folder / "training.csv", last_epoch);
  StepCsvLog steps(folder / "steps.csv", {.last_step = last_step});
  Callback* const callbacks[] = {&average, &stopping, &plateau, &epochs, &steps, &checkpointer};
  options.callbacks = callbacks;
  fit(model, adam, training, options);
  save_weights(folder / "model.safetensors", model);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  try {
    train(argv[1], argv[2], std::atoi(argv[3]));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
