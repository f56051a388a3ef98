#pragma once

// A Sequential's loss in double, image by image, from the references of the single operations. Its
// finite differences are what the gradients of a Model are compared with.

#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

#include "support/reference.hpp"
#include "tilewise/layers/batch_normalization.hpp"
#include "tilewise/layers/conv2d.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/depthwise_conv2d.hpp"
#include "tilewise/layers/dropout.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/max_pool2d.hpp"
#include "tilewise/layers/relu.hpp"
#include "tilewise/layers/sequential.hpp"
#include "tilewise/layers/softmax.hpp"

namespace tilewise::reference {

class Network {
 public:
  using Values = std::vector<double>;

  /// `values` are the parameters of a Model of `network`, in order; `seed` is the model's.
  Network(const Sequential& network, std::vector<Values> values, std::uint64_t seed = 0)
      : parameters(std::move(values)), network_(network), seed_(seed) {}

  /// The output for image number `image` of a batch: logits if `stop_at_logits` and the network ends
  /// in a softmax. With `training`, dropout drops what it drops in the first training step, and a batch is
  /// normalised by itself: it is all there is.
  Values forward(Values values, std::int64_t image, bool training, bool stop_at_logits) const {
    return forward_batch({std::move(values)}, image, training, stop_at_logits)[0];
  }

  /// The same for a batch that begins with image number `first`.
  std::vector<Values> forward_batch(std::vector<Values> batch, std::int64_t first, bool training,
                                    bool stop_at_logits) const {
    std::size_t next = 0;  // parameter
    const auto& layers = network_.layers();
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const Layer* layer = layers[i].layer.get();
      if (const auto* norm = dynamic_cast<const BatchNormalization*>(layer)) {
        normalize(norm->options(), next, training, batch);
      } else if (!layer->branches().empty()) {
        batch = add_branches(*layer, i, next, batch, first, training);
      } else {
        for (std::size_t n = 0; n < batch.size(); ++n) {
          batch[n] = forward_layers(batch[n], i, i + 1, next, first + static_cast<std::int64_t>(n), training,
                                    stop_at_logits);
        }
      }
      next += layers[i].parameters.size();
    }
    return batch;
  }

  /// Mean loss over a batch of images, laid out one after the other.
  double loss(std::span<const float> images, std::span<const std::int32_t> labels,
              bool training) const {
    const auto size = static_cast<std::size_t>(network_.input_shape().elements());
    std::vector<Values> batch;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const auto image = images.subspan(i * size, size);
      batch.emplace_back(image.begin(), image.end());
    }
    const std::vector<Values> outputs = forward_batch(std::move(batch), 0, training, true);
    double sum = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const Values& logits = outputs[i];
      double image_loss = 0;
      Values d_logits(logits.size());
      softmax_cross_entropy(1, static_cast<std::int64_t>(logits.size()), logits.data(), &labels[i],
                            1.0, &image_loss, d_logits.data());
      sum += image_loss;
    }
    return sum / static_cast<double>(labels.size());
  }

  std::vector<Values> parameters;

 private:
  /// Layers [begin, end), which treat each image by itself, for one; `next`: the first of their parameters.
  Values forward_layers(Values values, std::size_t begin, std::size_t end, std::size_t next,
                        std::int64_t image, bool training, bool stop_at_logits) const {
    const auto& layers = network_.layers();
    for (std::size_t i = begin; i < end; ++i) {
      const Layer* layer = layers[i].layer.get();
      const bool last = i + 1 == layers.size();
      if (const auto* conv = dynamic_cast<const Conv2D*>(layer)) {
        const simd::ConvShape shape = conv->conv_shape(layers[i].input);
        Values out(static_cast<std::size_t>(shape.dst_size()));
        const Values wei = dense_filters(shape, conv->options().groups, parameters[next]);
        conv_forward(shape, values.data(), wei.data(), parameters[next + 1].data(),
                     -std::numeric_limits<double>::infinity(), out.data());
        next += 2;
        values = activate(conv->options().activation, out, shape.oc, false);
      } else if (const auto* depthwise = dynamic_cast<const DepthwiseConv2D*>(layer)) {
        const simd::ConvShape shape = depthwise->conv_shape(layers[i].input);
        Values out(static_cast<std::size_t>(shape.dst_size()));
        const Values wei = dense_filters(shape, shape.ic, parameters[next]);
        conv_forward(shape, values.data(), wei.data(), parameters[next + 1].data(),
                     -std::numeric_limits<double>::infinity(), out.data());
        next += 2;
        values = activate(depthwise->options().activation, out, shape.oc, false);
      } else if (const auto* dense = dynamic_cast<const Dense*>(layer)) {
        const std::int64_t units = dense->options().units;
        const auto features = static_cast<std::int64_t>(parameters[next].size()) / units;
        const auto rows = static_cast<std::int64_t>(values.size()) / features;
        Values out(static_cast<std::size_t>(rows * units));
        for (std::size_t o = 0; o < out.size(); ++o) {
          out[o] = parameters[next + 1][o % static_cast<std::size_t>(units)];
        }
        gemm<double>({.m = rows, .n = units, .k = features, .lda = features, .ldb = units,
                      .beta = 1, .ldc = units},
                     values.data(), parameters[next].data(), out.data());
        next += 2;
        values = activate(dense->options().activation, out, units, last && stop_at_logits);
      } else if (const auto* pool = dynamic_cast<const MaxPool2D*>(layer)) {
        const simd::MaxPoolGeometry g = pool->geometry(layers[i].input);
        Values out(static_cast<std::size_t>(g.oh * g.ow * g.channels));
        std::vector<std::int32_t> argmax(out.size());
        max_pool_forward(g, values.data(), out.data(), argmax.data());
        values = out;
      } else if (const auto* dropout_layer = dynamic_cast<const Dropout*>(layer)) {
        if (training) values = drop(*dropout_layer, values, image, layer_index(i));
      } else if (dynamic_cast<const ReLU*>(layer) != nullptr) {
        values = activate(Activation::relu, values, 1, false);
      } else if (dynamic_cast<const Softmax*>(layer) != nullptr) {
        const Shape& shape = layers[i].input;
        values = activate(Activation::softmax, values, shape[shape.rank() - 1], last && stop_at_logits);
      } else if (dynamic_cast<const Flatten*>(layer) == nullptr) {
        throw std::logic_error("no reference for " + layers[i].name);
      }
    }
    return values;
  }

  /// The sum of the branches, or of the only branch and the input, of layer number `index`, whose parameters
  /// are those from number `next` on.
  std::vector<Values> add_branches(const Layer& layer, std::size_t index, std::size_t next,
                                   const std::vector<Values>& batch, std::int64_t first,
                                   bool training) const {
    const auto branches = layer.branches();
    std::vector<Values> sum = branches.size() == 1 ? batch : std::vector<Values>();
    std::uint32_t first_layer = layer_index(index) + 1;
    for (const auto& branch : branches) {
      std::vector<Values> own;
      for (const auto& entry : branch.network->layers()) {
        for (std::size_t p = 0; p < entry.parameters.size(); ++p) own.push_back(parameters[next++]);
      }
      Network network(*branch.network, std::move(own), seed_);
      network.first_layer_ = first_layer;
      first_layer = network.layer_index(branch.network->layers().size());
      const std::vector<Values> outputs = network.forward_batch(batch, first, training, false);
      if (sum.empty()) {
        sum = outputs;
        continue;
      }
      for (std::size_t n = 0; n < sum.size(); ++n) {
        for (std::size_t i = 0; i < sum[n].size(); ++i) sum[n][i] += outputs[n][i];
      }
    }
    return sum;
  }

  /// The number of a layer of this network among those of the whole model, as dropout counts them.
  std::uint32_t layer_index(std::size_t i) const {
    std::uint32_t index = first_layer_;
    for (std::size_t before = 0; before < i; ++before) index += network_.layers()[before].layer_count();
    return index;
  }

  /// Batch normalisation with the parameters from number `next` on.
  void normalize(const BatchNormalizationOptions& options, std::size_t next, bool training,
                 std::vector<Values>& batch) const {
    const Values* const gamma = options.scale ? &parameters[next++] : nullptr;
    const Values* const beta = options.center ? &parameters[next++] : nullptr;
    const std::size_t channels = parameters[next].size();
    for (std::size_t c = 0; c < channels; ++c) {
      double mean = parameters[next][c], variance = parameters[next + 1][c];
      if (training) {
        double count = 0;
        mean = variance = 0;
        for (const Values& image : batch) {
          for (std::size_t i = c; i < image.size(); i += channels, ++count) mean += image[i];
        }
        mean /= count;
        for (const Values& image : batch) {
          for (std::size_t i = c; i < image.size(); i += channels) {
            variance += (image[i] - mean) * (image[i] - mean);
          }
        }
        variance /= count;
      }
      for (Values& image : batch) {
        for (std::size_t i = c; i < image.size(); i += channels) {
          image[i] = (image[i] - mean) / std::sqrt(variance + options.epsilon) *
                         (gamma == nullptr ? 1 : (*gamma)[c]) +
                     (beta == nullptr ? 0 : (*beta)[c]);
        }
      }
    }
  }

  static Values activate(Activation activation, const Values& values, std::int64_t classes,
                         bool keep_logits) {
    if (activation == Activation::linear || keep_logits) return values;
    Values out(values.size());
    const auto n = static_cast<std::int64_t>(values.size());
    if (activation == Activation::relu) {
      relu_forward(n, values.data(), out.data());
    } else {
      softmax(n / classes, classes, values.data(), out.data());
    }
    return out;
  }

  Values drop(const Dropout& layer, const Values& values, std::int64_t image,
              std::uint32_t index) const {
    const RandomStream stream{.seed = seed_, .purpose = RandomPurpose::dropout, .index = index};
    const auto counter = stream.counter(0);
    const simd::DropoutArgs args{
        .key = {stream.key()[0], stream.key()[1]},
        .counter = {counter[1], counter[2], counter[3]},
        .threshold = static_cast<std::uint32_t>(layer.rate() * 0x1p32),
        .scale = static_cast<float>(1 / (1 - layer.rate()))};
    Values out(values.size());
    const auto n = static_cast<std::int64_t>(values.size());
    dropout(args, image * n, n, values.data(), out.data());
    return out;
  }

  Sequential network_;
  std::uint64_t seed_;
  std::uint32_t first_layer_ = 0;
};

}  // namespace tilewise::reference
