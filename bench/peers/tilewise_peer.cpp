// Tilewise.

#include <cstdint>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "bench/peers/protocol.hpp"
#include "tilewise/core/parallel.hpp"
#include "tilewise/layers/adam.hpp"
#include "tilewise/layers/conv2d.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/max_pool2d.hpp"
#include "tilewise/train/batch_reader.hpp"
#include "tilewise/train/dataset.hpp"
#include "tilewise/train/fit.hpp"
#include "tilewise/train/networks.hpp"

namespace tilewise::bench {
namespace {

Sequential vgg_style() {
  Sequential network({32, 32, 3});
  for (const std::int64_t filters : {32, 64, 128}) {
    const Conv2D conv({.filters = filters,
                       .kernel_size = 3,
                       .padding = Padding::same,
                       .activation = Activation::relu});
    network.add(conv).add(conv).add(MaxPool2D());
  }
  network.add(Flatten()).add(Dense({.units = 10, .activation = Activation::softmax}));
  return network;
}

Sequential named_network(const std::string& name) {
  if (name == "mnist_convnet") return mnist_convnet();
  if (name == "lenet5") return lenet5();
  if (name == "vgg_style") return vgg_style();
  throw std::invalid_argument("--network " + name + ": expected mnist_convnet, lenet5 or vgg_style");
}

Dataset random_images(const Shape& shape, std::int64_t count) {
  std::mt19937 random(1);
  AlignedBuffer<std::uint8_t> pixels(count * shape.elements());
  for (std::uint8_t& pixel : pixels.span()) pixel = static_cast<std::uint8_t>(random());
  std::vector<std::int32_t> labels(static_cast<std::size_t>(count));
  for (std::int32_t& label : labels) label = static_cast<std::int32_t>(random() % 10);
  return Dataset(shape, 10, std::move(pixels), std::move(labels));
}

Dataset load(const PeerTask& task, const Shape& shape, Split split) {
  if (task.is_mnist()) return load_mnist(task.data, split);
  return random_images(shape, split == Split::train ? task.images : kRandomTestImages);
}

class TilewisePeer final : public Peer {
 public:
  explicit TilewisePeer(const PeerTask& task)
      : task_(task),
        network_(named_network(task.network)),
        executor_(task.threads),
        train_(load(task, network_.input_shape(), Split::train)),
        test_(load(task, network_.input_shape(), Split::test)),
        model_(network_, executor_, {.max_batch = task.batch, .seed = 1}) {}

  std::string version() const override { return TILEWISE_VERSION; }
  std::string choices() const override {
    return std::string(simd::isa_name(model_.kernels().isa)) + ", fit()";
  }
  std::int64_t parameters() const override { return network_.parameter_count(); }
  std::int64_t test_images() const override { return test_.size(); }

  std::vector<double> train(std::int64_t images, int epochs) override {
    const DatasetView view(train_, 0, images);
    std::vector<double> seconds;
    for (const EpochRecord& epoch : fit(model_, adam_, view, {.epochs = epochs, .seed = ++fits_}).epochs) {
      seconds.push_back(epoch.seconds);
    }
    return seconds;
  }

  std::int64_t predict(std::int64_t first, std::int64_t batch) override {
    Model& model = predictor(batch);
    order_.resize(static_cast<std::size_t>(batch));
    std::iota(order_.begin(), order_.end(), static_cast<std::int32_t>(first));
    assemble_batch(model, test_, order_);
    const std::span<const float> output = model.predict_batch(batch);
    const std::int64_t classes = model.classes();
    std::int64_t right = 0;
    for (std::int64_t i = 0; i < batch; ++i) {
      const auto row = output.subspan(static_cast<std::size_t>(i * classes), static_cast<std::size_t>(classes));
      const auto best = std::max_element(row.begin(), row.end()) - row.begin();
      right += best == test_.label(first + i) ? 1 : 0;
    }
    return right;
  }

 private:
  /// A model compiled for this batch, with the trained weights.
  Model& predictor(std::int64_t batch) {
    auto& model = predictors_[batch];
    if (!model) {
      model = std::make_unique<Model>(network_, executor_, ModelOptions{.max_batch = batch});
      model->edit_parameters([&](std::span<Parameter> parameters) {
        for (std::size_t i = 0; i < parameters.size(); ++i) {
          const Parameter& trained = model_.parameters()[i];
          std::copy_n(trained.value(), trained.size(), parameters[i].value());
        }
      });
    }
    return *model;
  }

  PeerTask task_;
  Sequential network_;
  Executor executor_;
  Dataset train_;
  Dataset test_;
  Model model_;
  Adam adam_;
  std::uint64_t fits_ = 0;
  std::map<std::int64_t, std::unique_ptr<Model>> predictors_;
  std::vector<std::int32_t> order_;
};

}  // namespace
}  // namespace tilewise::bench

int main(int argc, char** argv) {
  using namespace tilewise::bench;
  return run_peer(argc, argv, [](const PeerTask& task) { return std::make_unique<TilewisePeer>(task); });
}
