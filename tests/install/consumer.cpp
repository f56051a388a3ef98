// The example of README.md; run_consumer.sh checks that the two are the same.

// [example]
#include <tilewise/core/parallel.hpp>
#include <tilewise/core/thread_count.hpp>
#include <tilewise/layers/adam.hpp>
#include <tilewise/layers/conv2d.hpp>
#include <tilewise/layers/dense.hpp>
#include <tilewise/layers/flatten.hpp>
#include <tilewise/layers/max_pool2d.hpp>
#include <tilewise/train/dataset.hpp>
#include <tilewise/train/fit.hpp>

#include <cstdio>

int main(int argc, char** argv) {
  using namespace tilewise;
  const char* folder = argc > 1 ? argv[1] : "data/mnist";
  const Dataset train = load_mnist(folder, Split::train);
  const Dataset test = load_mnist(folder, Split::test);

  Sequential network({28, 28, 1});
  network.add(Conv2D({.filters = 16, .kernel_size = 3, .activation = Activation::relu}))
      .add(MaxPool2D({.pool_size = 2}))
      .add(Flatten())
      .add(Dense({.units = 10, .activation = Activation::softmax}));

  Executor executor(thread_count().count);
  Model model(network, executor, {.max_batch = 128, .seed = 1});
  Adam adam({.learning_rate = 0.001});
  fit(model, adam, train, {.epochs = 1});

  const Metrics metrics = evaluate(model, test);
  std::printf("test accuracy %.3f, loss %.3f\n", metrics.accuracy, metrics.loss);
}
// [example]
