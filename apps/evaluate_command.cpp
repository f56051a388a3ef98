#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "apps/commands.hpp"
#include "apps/runtime.hpp"
#include "tilewise/train/dataset.hpp"
#include "tilewise/train/fit.hpp"
#include "tilewise/train/networks.hpp"
#include "tilewise/train/weights_file.hpp"

namespace tilewise::app {

int evaluate(const EvaluateOptions& options) {
  Runtime runtime(options.threads);
  fmt::print("{}\n", runtime.description());
  const Dataset test = load_mnist(options.data_dir, Split::test);
  Model model(mnist_convnet(test.image_shape(), test.classes()), runtime.executor(),
              {.max_batch = std::min(options.batch_size, test.size()),
               .kernels = &runtime.kernels()});
  load_weights(options.model, model);

  const auto start = std::chrono::steady_clock::now();
  const Metrics metrics = tilewise::evaluate(model, test);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  fmt::print("{} test images from {} at {:.0f} images/s\n", test.size(), options.data_dir,
             static_cast<double>(test.size()) / seconds.count());
  fmt::print("Test accuracy: {:.4f} - test loss: {:.4f}\n", metrics.accuracy, metrics.loss);
  return kExitSuccess;
}

}  // namespace tilewise::app
