#include "tilewise/layers/dropout.hpp"

#include <algorithm>
#include <string>

#include "tilewise/core/random.hpp"
#include "tilewise/layers/check_option.hpp"

namespace tilewise {
namespace {

class DropoutStep final : public Step {
 public:
  DropoutStep(const StepContext& context, double rate)
      : Step(context.input.elements(), context.input.elements()),
        kernels_(context.kernels),
        stream_{.seed = context.seed, .purpose = RandomPurpose::dropout, .index = context.layer_index},
        threshold_(static_cast<std::uint32_t>(rate * 0x1p32)),
        scale_(static_cast<float>(1.0 / (1.0 - rate))) {}

  bool backward_reads_src() const override { return false; }
  bool backward_reads_dst() const override { return true; }  // what was dropped is -0

  void forward(const Chunk& chunk, const float* src, float* dst) override {
    const std::int64_t size = chunk.images * src_size();
    if (!chunk.training) {
      std::copy_n(src, size, dst);
      return;
    }
    RandomStream stream = stream_;
    stream.step = chunk.iteration;
    const auto key = stream.key();
    const auto counter = stream.counter(0);
    kernels_.dropout({.key = {key[0], key[1]},
                      .counter = {counter[1], counter[2], counter[3]},
                      .threshold = threshold_,
                      .scale = scale_},
                     chunk.first * src_size(), size, src, dst);
  }

  void backward(const Chunk& chunk, const float*, const float* dst, float* d_dst,
                float* d_src) override {
    if (d_src == nullptr) return;
    kernels_.dropout_backward(scale_, chunk.images * src_size(), dst, d_dst, d_src);
  }

  std::string forward_kernel() const override { return "dropout"; }
  std::string backward_kernel(bool) const override { return "dropout_backward"; }

 private:
  const simd::KernelTable& kernels_;
  RandomStream stream_;
  std::uint32_t threshold_;
  float scale_;
};

}  // namespace

Dropout::Dropout(double rate) : rate_(rate) {
  check_option(rate >= 0 && rate < 1, "Dropout", "rate", rate, "in [0, 1)");
}

void Dropout::append_steps(const StepContext& context, Steps& steps) const {
  steps.push_back(std::make_unique<DropoutStep>(context, rate_));
}

}  // namespace tilewise
