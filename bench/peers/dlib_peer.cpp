// dlib, as Debian builds it. Its networks are types: the last layer comes first.

#include <dlib/data_io.h>
#include <dlib/dnn.h>
#include <dlib/revision.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/peers/protocol.hpp"

namespace tilewise::bench {
namespace {

template <long Filters, long Size, int Pad, class Below>
using Conv = dlib::relu<dlib::add_layer<dlib::con_<Filters, Size, Size, 1, 1, Pad, Pad>, Below>>;
template <class Below>
using Pool = dlib::max_pool<2, 2, 2, 2, Below>;

using Grey = dlib::matrix<unsigned char>;
using Colour = dlib::matrix<dlib::rgb_pixel>;

/// dlib's dropout drops when it predicts, too: there, `Drop` multiplies instead.
template <template <class> class Drop>
using MnistConvnet = dlib::loss_multiclass_log<dlib::fc<10,
    Drop<Pool<Conv<64, 3, 0, Pool<Conv<32, 3, 0, dlib::input<Grey>>>>>>>>;

using Lenet5 = dlib::loss_multiclass_log<dlib::fc<10, dlib::relu<dlib::fc<84, dlib::relu<dlib::fc<120,
    Pool<Conv<16, 5, 0, Pool<Conv<6, 5, 2, dlib::input<Grey>>>>>>>>>>>;

template <long Filters, class Below>
using Block = Pool<Conv<Filters, 3, 1, Conv<Filters, 3, 1, Below>>>;
using VggStyle = dlib::loss_multiclass_log<dlib::fc<10,
    Block<128, Block<64, Block<32, dlib::input<Colour>>>>>>;

template <class Image>
struct Images {
  std::vector<Image> pixels;
  std::vector<unsigned long> labels;
};

void load(const PeerTask& task, Images<Grey>& train, Images<Grey>& test) {
  dlib::load_mnist_dataset(task.data, train.pixels, train.labels, test.pixels, test.labels);
}

Images<Colour> random_images(std::int64_t count) {
  std::mt19937 random(1);
  Images<Colour> images;
  for (std::int64_t i = 0; i < count; ++i) {
    Colour image(32, 32);
    for (dlib::rgb_pixel& pixel : image) {
      const auto bits = random();
      pixel = dlib::rgb_pixel(bits & 255, bits >> 8 & 255, bits >> 16 & 255);
    }
    images.pixels.push_back(image);
    images.labels.push_back(random() % 10);
  }
  return images;
}

void load(const PeerTask& task, Images<Colour>& train, Images<Colour>& test) {
  train = random_images(task.images);
  test = random_images(kRandomTestImages);
}

template <class Network, class Predictor, class Image>
class DlibPeer final : public Peer {
 public:
  explicit DlibPeer(const PeerTask& task) : batch_(static_cast<std::size_t>(task.batch)) {
    load(task, train_, test_);
    trainer_.set_learning_rate(0.001);
    trainer_.set_min_learning_rate(1e-9);
    trainer_.set_iterations_without_progress_threshold(std::numeric_limits<unsigned long>::max());
    trainer_.set_test_iterations_without_progress_threshold(std::numeric_limits<unsigned long>::max());
  }

  std::string version() const override {
    return std::to_string(DLIB_MAJOR_VERSION) + "." + std::to_string(DLIB_MINOR_VERSION);
  }
  std::string choices() const override { return "dnn_trainer, OpenBLAS"; }
  std::int64_t parameters() const override { return static_cast<std::int64_t>(dlib::count_parameters(network_)); }
  std::int64_t test_images() const override { return static_cast<std::int64_t>(test_.labels.size()); }

  std::vector<double> train(std::int64_t images, int epochs) override {
    std::vector<std::size_t> order(static_cast<std::size_t>(images));
    std::iota(order.begin(), order.end(), 0);
    std::vector<double> seconds;
    for (int epoch = 0; epoch < epochs; ++epoch) {
      const auto begin = std::chrono::steady_clock::now();
      std::shuffle(order.begin(), order.end(), random_);
      for (std::size_t first = 0; first < order.size(); first += batch_) {
        gather(order, first);
        trainer_.train_one_step(pixels_, labels_);
      }
      trainer_.get_net();  // waits for the last step
      seconds.push_back(seconds_since(begin));
    }
    predictor_.reset();
    return seconds;
  }

  std::int64_t predict(std::int64_t first, std::int64_t batch) override {
    if (!predictor_) predictor_ = std::make_unique<Predictor>(trainer_.get_net());
    const auto begin = test_.pixels.begin() + first;
    output_.resize(static_cast<std::size_t>(batch));
    (*predictor_)(begin, begin + batch, output_.begin());
    std::int64_t right = 0;
    for (std::int64_t i = 0; i < batch; ++i) {
      right += output_[static_cast<std::size_t>(i)] == test_.labels[static_cast<std::size_t>(first + i)] ? 1 : 0;
    }
    return right;
  }

 private:
  void gather(const std::vector<std::size_t>& order, std::size_t first) {
    pixels_.clear();
    labels_.clear();
    for (std::size_t i = first; i < first + batch_; ++i) {
      pixels_.push_back(train_.pixels[order[i]]);
      labels_.push_back(train_.labels[order[i]]);
    }
  }

  std::size_t batch_;
  Images<Image> train_, test_;
  Network network_;
  dlib::dnn_trainer<Network, dlib::adam> trainer_{network_, dlib::adam(0, 0.9F, 0.999F)};
  std::mt19937 random_{2};
  std::vector<Image> pixels_;
  std::vector<unsigned long> labels_;
  std::unique_ptr<Predictor> predictor_;
  std::vector<unsigned long> output_;
};

std::unique_ptr<Peer> make_peer(const PeerTask& task) {
  if (task.network == "mnist_convnet") {
    return std::make_unique<DlibPeer<MnistConvnet<dlib::dropout>, MnistConvnet<dlib::multiply>, Grey>>(task);
  }
  if (task.network == "lenet5") return std::make_unique<DlibPeer<Lenet5, Lenet5, Grey>>(task);
  if (task.network == "vgg_style") return std::make_unique<DlibPeer<VggStyle, VggStyle, Colour>>(task);
  throw std::invalid_argument("--network " + task.network + ": expected mnist_convnet, lenet5 or vgg_style");
}

}  // namespace
}  // namespace tilewise::bench

int main(int argc, char** argv) { return tilewise::bench::run_peer(argc, argv, tilewise::bench::make_peer); }
