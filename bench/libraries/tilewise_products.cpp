#include <algorithm>
#include <limits>

#include "bench/libraries/tilewise.hpp"
#include "tilewise/simd/conv_backward_data.hpp"
#include "tilewise/simd/conv_backward_weights.hpp"
#include "tilewise/simd/conv_forward.hpp"
#include "tilewise/simd/conv_pool_forward.hpp"
#include "tilewise/simd/conv_pooled_backward.hpp"
#include "tilewise/simd/depthwise_conv.hpp"
#include "tilewise/simd/gemm.hpp"

namespace tilewise::bench {
namespace {

double to_bytes(std::int64_t floats) { return sizeof(float) * static_cast<double>(floats); }

class Gemm final : public Contender {
 public:
  Gemm(const Case& c, Executor& executor)
      : executor_(executor), args_(std::get<GemmProblem>(c.shape.problem).args()) {
    const auto& p = std::get<GemmProblem>(c.shape.problem);
    a_ = operand_buffer(c, 0, p.m * p.k);
    b_ = operand_buffer(c, 1, p.k * p.n);
    c_ = Buffer(p.m * p.n);
    workspace_ = Buffer(simd::gemm_workspace(kernels(), executor.threads(), p.m, p.n, p.k));
    args_.a = a_.data();
    args_.b = b_.data();
    args_.c = c_.data();
  }

  void run() override {
    simd::gemm(kernels(), executor_, args_, Workspace(workspace_.data(), workspace_.size()));
  }
  std::vector<float> result() override { return copy(c_); }
  std::optional<double> workspace_bytes() const override { return to_bytes(workspace_.size()); }

 private:
  Executor& executor_;
  simd::GemmArgs args_;
  Buffer a_, b_, c_, workspace_;
};

/// What the three passes of a convolution share.
class Conv : public Contender {
 public:
  Conv(const Case& c, Executor& executor)
      : executor_(executor),
        batch_(std::get<ConvProblem>(c.shape.problem).batch),
        shape_(std::get<ConvProblem>(c.shape.problem).shape),
        src_(operand_buffer(c, 0, batch_ * shape_.src_size())),
        wei_(operand_buffer(c, 1, shape_.wei_size())),
        bias_(operand_buffer(c, 2, shape_.oc)),
        dst_(operand_buffer(c, 3, batch_ * shape_.dst_size())) {}

  std::optional<double> workspace_bytes() const override {
    return to_bytes(packed_.size() + memory_.size());
  }

 protected:
  Workspace workspace() { return {memory_.data(), memory_.size()}; }

  Executor& executor_;
  std::int64_t batch_;
  simd::ConvShape shape_;
  Buffer src_, wei_, bias_, dst_, packed_, memory_;
};

/// A convolution or gradient by `algorithm`, unless that takes more memory than the operands, which is for programs
/// to decide: extra_floats(convolution).
template <class Convolution, class ExtraFloats>
Convolution within_operands(const Case& c, simd::ConvAlgorithm algorithm, ExtraFloats extra_floats) {
  const auto& p = std::get<ConvProblem>(c.shape.problem);
  const std::int64_t operands = p.batch * (p.shape.src_size() + p.shape.dst_size()) + p.shape.wei_size();
  for (const simd::ConvAlgorithm smaller : {algorithm, simd::ConvAlgorithm::winograd_2x2}) {
    if (algorithm == simd::ConvAlgorithm::direct) break;
    Convolution convolution(kernels(), p.shape, smaller);
    if (extra_floats(convolution) <= operands) return convolution;
  }
  return Convolution(kernels(), p.shape, simd::ConvAlgorithm::direct);
}
template <class Convolution>
Convolution within_operands(const Case& c, simd::ConvAlgorithm algorithm, const Executor& executor) {
  return within_operands<Convolution>(c, algorithm, [&](const Convolution& conv) {
    // Alike for one thread and two.
    return conv.packed_floats() + std::max(2, executor.threads()) * conv.scratch_floats();
  });
}

// Filters are packed beforehand, as the reorders of other libraries are left out of their time.

class ConvForward final : public Conv {
 public:
  ConvForward(const Case& c, simd::ConvAlgorithm algorithm, Executor& executor)
      : Conv(c, executor), conv_(within_operands<simd::ConvForward>(c, algorithm, executor)) {
    packed_ = Buffer(conv_.packed_floats());
    memory_ = Buffer(executor.threads() * conv_.scratch_floats());
    conv_.pack(wei_.data(), packed_.data());
  }
  void run() override {
    constexpr float kNoFloor = -std::numeric_limits<float>::infinity();
    conv_.batch(executor_, batch_, src_.data(), packed_.data(), bias_.data(), kNoFloor, dst_.data(),
                workspace());
  }
  std::vector<float> result() override { return copy(dst_); }

 private:
  simd::ConvForward conv_;
};

class ConvBackwardData final : public Conv {
 public:
  ConvBackwardData(const Case& c, simd::ConvAlgorithm algorithm, Executor& executor)
      : Conv(c, executor), conv_(within_operands<simd::ConvBackwardData>(c, algorithm, executor)) {
    packed_ = Buffer(conv_.packed_floats());
    memory_ = Buffer(executor.threads() * conv_.scratch_floats());
    conv_.pack(wei_.data(), packed_.data());
  }
  void run() override {
    conv_.batch(executor_, batch_, dst_.data(), packed_.data(), src_.data(), workspace());
  }
  std::vector<float> result() override { return copy(src_); }

 private:
  simd::ConvBackwardData conv_;
};

class ConvBackwardWeights final : public Conv {
 public:
  ConvBackwardWeights(const Case& c, simd::ConvAlgorithm algorithm, Executor& executor)
      : Conv(c, executor),
        conv_(within_operands<simd::ConvBackwardWeights>(c, algorithm, [&](const simd::ConvBackwardWeights& conv) {
          return conv.workspace_floats(batch_, std::max(2, executor.threads()));
        })) {
    memory_ = Buffer(conv_.workspace_floats(batch_, executor.threads()));
  }
  void run() override {
    conv_.batch(executor_, batch_, src_.data(), dst_.data(), wei_.data(), workspace());
  }
  std::vector<float> result() override { return copy(wei_); }

 private:
  simd::ConvBackwardWeights conv_;
};

/// On one thread, as layers call them: image by image.
class PooledConv : public Contender {
 public:
  explicit PooledConv(const Case& c)
      : problem_(std::get<PooledConvProblem>(c.shape.problem)),
        src_(operand_buffer(c, 0, problem_.batch * problem_.shape.src_size())),
        wei_(operand_buffer(c, 1, problem_.shape.wei_size())),
        pooled_(operand_buffer(c, 2, problem_.batch * problem_.pooled_size())),
        argmax_(pooled_.size()) {
    for (std::int64_t i = 0; i < argmax_.size(); ++i) argmax_[i] = problem_.argmax(i);
  }

  std::optional<double> workspace_bytes() const override {
    return to_bytes(packed_.size() + memory_.size());
  }

 protected:
  /// Calls body(src, pooled, argmax, scratch) for each image.
  template <class Body>
  void for_each_image(Body body) {
    for (std::int64_t i = 0; i < problem_.batch; ++i) {
      body(src_.data() + i * problem_.shape.src_size(), pooled_.data() + i * problem_.pooled_size(),
           argmax_.data() + i * problem_.pooled_size(), Workspace(memory_.data(), memory_.size()));
    }
  }

  PooledConvProblem problem_;
  Buffer src_, wei_, pooled_, packed_, memory_;
  AlignedBuffer<simd::PoolPlace> argmax_;
};

class PooledConvForward final : public PooledConv {
 public:
  PooledConvForward(const Case& c, Executor&)
      : PooledConv(c),
        conv_(kernels(), problem_.shape, problem_.pool()),
        bias_(operand_buffer(c, 3, problem_.shape.oc)) {
    packed_ = Buffer(conv_.packed_floats());
    memory_ = Buffer(conv_.scratch_floats());
    conv_.pack(wei_.data(), packed_.data());
  }
  void run() override {
    for_each_image([&](const float* src, float* pooled, simd::PoolPlace* argmax, Workspace scratch) {
      conv_.image(src, packed_.data(), bias_.data(), false, pooled, argmax, scratch);
    });
  }
  std::vector<float> result() override { return copy(pooled_); }

 private:
  simd::ConvPoolForward conv_;
  Buffer bias_;
};

class PooledConvBackwardData final : public PooledConv {
 public:
  PooledConvBackwardData(const Case& c, Executor&)
      : PooledConv(c), conv_(kernels(), problem_.shape, problem_.pool()) {
    packed_ = Buffer(conv_.packed_floats());
    memory_ = Buffer(conv_.scratch_floats());
    conv_.pack(wei_.data(), packed_.data());
  }
  void run() override {
    for_each_image([&](float* src, const float* d_pooled, const simd::PoolPlace* argmax, Workspace scratch) {
      conv_.data(d_pooled, argmax, packed_.data(), src, scratch);
    });
  }
  std::vector<float> result() override { return copy(src_); }

 private:
  simd::ConvPooledBackward conv_;
};

class PooledConvBackwardWeights final : public PooledConv {
 public:
  PooledConvBackwardWeights(const Case& c, Executor&) : PooledConv(c) {
    if (simd::ConvPooledBackward::possible(kernels(), problem_.shape)) {
      sparse_.emplace(kernels(), problem_.shape, problem_.pool());
      packed_ = Buffer(sparse_->packed_floats());
      memory_ = Buffer(sparse_->scratch_floats());
    } else {
      short_.emplace(kernels(), problem_.shape, problem_.pool());
      memory_ = Buffer(short_->scratch_floats());
    }
  }
  void run() override {
    Buffer& sum = sparse_ ? packed_ : wei_;
    std::fill_n(sum.data(), sum.size(), 0.0F);
    for_each_image([&](float* src, const float* d_pooled, const simd::PoolPlace* argmax, Workspace scratch) {
      if (sparse_) {
        sparse_->weights(src, d_pooled, argmax, sum.data(), scratch);
      } else {
        short_->weights(src, d_pooled, argmax, sum.data(), scratch);
      }
    });
    if (sparse_) sparse_->unpack(packed_.data(), wei_.data());
  }
  std::vector<float> result() override { return copy(wei_); }

 private:
  // One of the two.
  std::optional<simd::ConvPooledBackward> sparse_;
  std::optional<simd::ConvPoolShort> short_;
};

/// Image by image, on one thread.
class Depthwise final : public Contender {
 public:
  Depthwise(const Case& c, Executor&)
      : operation_(c.operation),
        problem_(std::get<DepthwiseProblem>(c.shape.problem)),
        conv_(kernels(), problem_.shape, 1),
        src_(operand_buffer(c, 0, problem_.batch * problem_.shape.src_size())),
        wei_(operand_buffer(c, 1, problem_.wei_size())),
        bias_(operand_buffer(c, 2, problem_.shape.oc)),
        d_dst_(operand_buffer(c, 3, problem_.batch * problem_.shape.dst_size())),
        result_(operation_ == "depthwise_forward"         ? d_dst_.size()
                : operation_ == "depthwise_backward_data" ? src_.size()
                                                          : wei_.size()) {}

  void run() override {
    constexpr float kNoFloor = -std::numeric_limits<float>::infinity();
    if (operation_ == "depthwise_backward_weights") std::fill_n(result_.data(), result_.size(), 0.0F);
    for (std::int64_t i = 0; i < problem_.batch; ++i) {
      const std::int64_t src = i * problem_.shape.src_size(), dst = i * problem_.shape.dst_size();
      if (operation_ == "depthwise_forward") {
        conv_.forward(src_.data() + src, wei_.data(), bias_.data(), kNoFloor, result_.data() + dst, {});
      } else if (operation_ == "depthwise_backward_data") {
        conv_.backward_data(d_dst_.data() + dst, wei_.data(), result_.data() + src, {});
      } else {
        conv_.backward_weights(src_.data() + src, d_dst_.data() + dst, result_.data(), {});
      }
    }
  }
  std::vector<float> result() override { return copy(result_); }

 private:
  std::string operation_;
  DepthwiseProblem problem_;
  simd::DepthwiseConv conv_;
  Buffer src_, wei_, bias_, d_dst_, result_;
};

}  // namespace

std::unique_ptr<Contender> depthwise(const Case& c, Executor& executor) {
  return std::make_unique<Depthwise>(c, executor);
}
std::unique_ptr<Contender> gemm(const Case& c, Executor& executor) {
  return std::make_unique<Gemm>(c, executor);
}
std::unique_ptr<Contender> conv_forward(const Case& c, Executor& executor) {
  return std::make_unique<ConvForward>(c, simd::ConvAlgorithm::automatic, executor);
}
std::unique_ptr<Contender> conv_backward_data(const Case& c, Executor& executor) {
  return std::make_unique<ConvBackwardData>(c, simd::ConvAlgorithm::automatic, executor);
}
std::unique_ptr<Contender> conv_backward_weights(const Case& c, Executor& executor) {
  return std::make_unique<ConvBackwardWeights>(c, simd::ConvAlgorithm::automatic, executor);
}
std::string automatic_kernel(const Case& c) {
  const auto* const p = std::get_if<ConvProblem>(&c.shape.problem);
  if (p == nullptr) return {};
  if (c.operation == "conv_forward") return simd::ConvForward(kernels(), p->shape).kernel();
  if (c.operation == "conv_backward_data") return simd::ConvBackwardData(kernels(), p->shape).kernel();
  if (c.operation == "conv_backward_weights") return simd::ConvBackwardWeights(kernels(), p->shape).kernel();
  return {};
}
std::unique_ptr<Contender> direct_conv(const Case& c, Executor& executor) {
  constexpr auto kDirect = simd::ConvAlgorithm::direct;
  if (c.operation == "conv_forward") return std::make_unique<ConvForward>(c, kDirect, executor);
  if (c.operation == "conv_backward_data") return std::make_unique<ConvBackwardData>(c, kDirect, executor);
  return std::make_unique<ConvBackwardWeights>(c, kDirect, executor);
}
std::unique_ptr<Contender> pooled_conv_forward(const Case& c, Executor& executor) {
  return std::make_unique<PooledConvForward>(c, executor);
}
std::unique_ptr<Contender> pooled_conv_backward_data(const Case& c, Executor& executor) {
  return std::make_unique<PooledConvBackwardData>(c, executor);
}
std::unique_ptr<Contender> pooled_conv_backward_weights(const Case& c, Executor& executor) {
  return std::make_unique<PooledConvBackwardWeights>(c, executor);
}

}  // namespace tilewise::bench
