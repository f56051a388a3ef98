#pragma once

// A Sequential's loss in double, image by image, from the references of the single operations. Its
// finite differences are what the gradients of a Model are compared with.

#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

#include "support/reference.hpp"
#include "tilewise/layers/average_pooling2d.hpp"
#include "tilewise/layers/batch_normalization.hpp"
#include "tilewise/layers/conv2d.hpp"
#include "tilewise/layers/dense.hpp"
#include "tilewise/layers/depthwise_conv2d.hpp"
#include "tilewise/layers/dropout.hpp"
#include "tilewise/layers/elu.hpp"
#include "tilewise/layers/flatten.hpp"
#include "tilewise/layers/gelu.hpp"
#include "tilewise/layers/global_average_pooling2d.hpp"
#include "tilewise/layers/leaky_relu.hpp"
#include "tilewise/layers/max_pool2d.hpp"
#include "tilewise/layers/relu.hpp"
#include "tilewise/layers/sequential.hpp"
#include "tilewise/layers/softmax.hpp"
#include "tilewise/layers/zero_padding2d.hpp"

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

  /// Mean softmax and cross-entropy over a batch of images, laid out one after the other.
  double loss(std::span<const float> images, std::span<const std::int32_t> labels,
              bool training) const {
    const simd::LossArgs truth{.rows = static_cast<std::int64_t>(labels.size()), .labels = labels.data()};
    return loss(images, truth, softmax_cross_entropy<double>, training);
  }

  /// Mean over a batch of `function`, softmax_cross_entropy or mean_squared_error. `truth` has the number of
  /// images, labels or targets, and the smoothing.
  using LossFunction = void (*)(const simd::LossArgs&, const double*, double*, double*);
  double loss(std::span<const float> images, simd::LossArgs truth, LossFunction function,
              bool training) const {
    const auto size = static_cast<std::size_t>(network_.input_shape().elements());
    std::vector<Values> batch;
    for (std::int64_t i = 0; i < truth.rows; ++i) {
      const auto image = images.subspan(static_cast<std::size_t>(i) * size, size);
      batch.emplace_back(image.begin(), image.end());
    }
    const bool stop_at_logits = function == softmax_cross_entropy<double>;
    Values outputs;
    for (const Values& row : forward_batch(std::move(batch), 0, training, stop_at_logits)) {
      outputs.insert(outputs.end(), row.begin(), row.end());
    }
    truth.columns = network_.output_shape().elements();
    Values losses(static_cast<std::size_t>(truth.rows));
    Values d_outputs(outputs.size());
    function(truth, outputs.data(), losses.data(), d_outputs.data());
    double sum = 0;
    for (const double value : losses) sum += value;
    return sum / static_cast<double>(truth.rows);
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
        const Values wei = dense_filters(shape, conv->options().groups, parameters[next++]);
        const Values bias = conv->options().use_bias ? parameters[next++]
                                                     : Values(static_cast<std::size_t>(shape.oc));
        conv_forward(shape, values.data(), wei.data(), bias.data(),
                     -std::numeric_limits<double>::infinity(), out.data());
        values = activate(conv->options().activation, out, shape.oc, false);
      } else if (const auto* depthwise = dynamic_cast<const DepthwiseConv2D*>(layer)) {
        const simd::ConvShape shape = depthwise->conv_shape(layers[i].input);
        Values out(static_cast<std::size_t>(shape.dst_size()));
        const Values wei = dense_filters(shape, shape.ic, parameters[next++]);
        const Values bias = depthwise->options().use_bias ? parameters[next++]
                                                          : Values(static_cast<std::size_t>(shape.oc));
        conv_forward(shape, values.data(), wei.data(), bias.data(),
                     -std::numeric_limits<double>::infinity(), out.data());
        values = activate(depthwise->options().activation, out, shape.oc, false);
      } else if (const auto* dense = dynamic_cast<const Dense*>(layer)) {
        const std::int64_t units = dense->options().units;
        const Values& kernel = parameters[next++];
        const auto features = static_cast<std::int64_t>(kernel.size()) / units;
        const auto rows = static_cast<std::int64_t>(values.size()) / features;
        Values out(static_cast<std::size_t>(rows * units));
        if (dense->options().use_bias) {
          const Values& bias = parameters[next++];
          for (std::size_t o = 0; o < out.size(); ++o) out[o] = bias[o % bias.size()];
        }
        gemm<double>({.m = rows, .n = units, .k = features, .lda = features, .ldb = units,
                      .beta = 1, .ldc = units},
                     values.data(), kernel.data(), out.data());
        values = activate(dense->options().activation, out, units, last && stop_at_logits);
      } else if (const auto* pool = dynamic_cast<const MaxPool2D*>(layer)) {
        const simd::PoolGeometry g = pool->geometry(layers[i].input);
        Values out(static_cast<std::size_t>(g.oh * g.ow * g.channels));
        std::vector<simd::PoolPlace> argmax(out.size());
        max_pool_forward(g, values.data(), out.data(), argmax.data());
        values = out;
      } else if (const auto* dropout_layer = dynamic_cast<const Dropout*>(layer)) {
        if (training) values = drop(*dropout_layer, values, image, layer_index(i));
      } else if (const auto* average = dynamic_cast<const AveragePooling2D*>(layer)) {
        values = average_pool(average->geometry(layers[i].input), values);
      } else if (dynamic_cast<const GlobalAveragePooling2D*>(layer) != nullptr) {
        values = average_pool(GlobalAveragePooling2D::geometry(layers[i].input), values);
      } else if (const auto* padding = dynamic_cast<const ZeroPadding2D*>(layer)) {
        values = pad(padding->options(), layers[i].input, layers[i].output, values);
      } else if (dynamic_cast<const PointwiseLayer*>(layer) != nullptr) {
        for (double& value : values) value = pointwise(pointwise_of(*layer), value);
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
    } else if (activation == Activation::softmax) {
      softmax(n / classes, classes, values.data(), out.data());
    } else {
      pointwise_forward(pointwise_of(activation), n, values.data(), out.data());
    }
    return out;
  }

  /// Of the activations that are neither linear, relu nor softmax.
  static simd::PointwiseArgs pointwise_of(Activation activation) {
    switch (activation) {
      case Activation::leaky_relu: return {simd::Pointwise::leaky_relu, 0.2F};
      case Activation::elu: return {simd::Pointwise::elu, 1};
      case Activation::gelu: return {simd::Pointwise::gelu};
      case Activation::silu: return {simd::Pointwise::silu};
      case Activation::sigmoid: return {simd::Pointwise::sigmoid};
      case Activation::tanh: return {simd::Pointwise::tanh};
      default: throw std::logic_error("no reference for this activation");
    }
  }

  static simd::PointwiseArgs pointwise_of(const Layer& layer) {
    if (const auto* leaky = dynamic_cast<const LeakyReLU*>(&layer)) {
      return {simd::Pointwise::leaky_relu, static_cast<float>(leaky->options().negative_slope)};
    }
    if (const auto* elu = dynamic_cast<const ELU*>(&layer)) {
      return {simd::Pointwise::elu, static_cast<float>(elu->options().alpha)};
    }
    if (const auto* gelu = dynamic_cast<const GELU*>(&layer)) {
      return {gelu->options().approximate ? simd::Pointwise::gelu_tanh : simd::Pointwise::gelu};
    }
    return pointwise_of(parse_activation(layer.name_stem()));
  }

  static Values average_pool(const simd::PoolGeometry& g, const Values& values) {
    Values out(static_cast<std::size_t>(g.oh * g.ow * g.channels));
    average_pool_forward(g, values.data(), out.data());
    return out;
  }

  static Values pad(const ZeroPadding2DOptions& options, const Shape& src, const Shape& dst,
                    const Values& values) {
    Values out(static_cast<std::size_t>(dst.elements()));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const std::int64_t row = at / (src[1] * src[2]) + options.rows.before;
      const std::int64_t column = at / src[2] % src[1] + options.columns.before;
      out[static_cast<std::size_t>((row * dst[1] + column) * src[2] + at % src[2])] = values[i];
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
