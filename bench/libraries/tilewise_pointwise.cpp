// Activations: functions of one number, element by element.

#include <algorithm>

#include "bench/bandwidth.hpp"
#include "bench/libraries/tilewise.hpp"

namespace tilewise::bench {
namespace {

class PointwiseKernel final : public Contender {
 public:
  PointwiseKernel(const Case& c, Executor& executor)
      : executor_(executor),
        function_(pointwise_of(c)->function),
        forward_(c.operation.ends_with("forward")),
        n_(std::get<VectorProblem>(c.shape.problem).n),
        bytes_(c.bytes),
        a_(operand_buffer(c, 0, n_)),
        b_(operand_buffer(c, 1, n_)),
        out_(n_) {}

  void run() override {
    executor_.parallel_for((n_ + kPiece - 1) / kPiece, 0.05 * bytes_, [&](std::int64_t piece, int) {
      const std::int64_t at = piece * kPiece;
      const std::int64_t n = std::min(kPiece, n_ - at);
      if (forward_) {
        kernels().pointwise_forward(function_, n, a_.data() + at, out_.data() + at);
      } else {
        kernels().pointwise_backward(function_, n, a_.data() + at, b_.data() + at, out_.data() + at);
      }
    });
  }
  std::vector<float> result() override { return copy(out_); }

 private:
  Executor& executor_;
  simd::PointwiseArgs function_;
  bool forward_;
  std::int64_t n_;
  double bytes_;
  Buffer a_, b_, out_;
};

}  // namespace

std::unique_ptr<Contender> pointwise(const Case& c, Executor& executor) {
  return std::make_unique<PointwiseKernel>(c, executor);
}

}  // namespace tilewise::bench
