// The kernels of images: pooling, batches from bytes, and augmentation.

#include "bench/bandwidth.hpp"
#include "bench/libraries/tilewise.hpp"

namespace tilewise::bench {
namespace {

/// Max-pooling or average-pooling.
class Pool final : public Contender {
 public:
  Pool(const Case& c, Executor& executor)
      : executor_(executor),
        average_(c.operation.starts_with("average")),
        forward_(c.operation.ends_with("forward")),
        problem_(std::get<MaxPoolProblem>(c.shape.problem)),
        bytes_(c.bytes),
        src_(operand_buffer(c, 0, problem_.src_size())),
        d_dst_(operand_buffer(c, 1, problem_.dst_size())),
        dst_(problem_.dst_size()),
        d_src_(problem_.src_size()),
        argmax_(problem_.dst_size()) {
    forward();
  }

  void run() override { forward_ ? forward() : backward(); }
  std::vector<float> result() override { return copy(forward_ ? dst_ : d_src_); }

 private:
  /// Calls body(place of the image in src, place in dst) for each image.
  template <class Body>
  void for_each_image(Body body) {
    executor_.parallel_for(problem_.batch, 0.05 * bytes_, [&](std::int64_t i, int) {
      body(i * (problem_.src_size() / problem_.batch), i * (problem_.dst_size() / problem_.batch));
    });
  }
  void forward() {
    for_each_image([&](std::int64_t src, std::int64_t dst) {
      if (average_) {
        kernels().average_pool_forward(problem_.geometry, src_.data() + src, dst_.data() + dst);
      } else {
        kernels().max_pool_forward(problem_.geometry, src_.data() + src, dst_.data() + dst,
                                   argmax_.data() + dst);
      }
    });
  }
  void backward() {
    for_each_image([&](std::int64_t src, std::int64_t dst) {
      if (average_) {
        kernels().average_pool_backward(problem_.geometry, d_dst_.data() + dst, d_src_.data() + src);
      } else {
        kernels().max_pool_backward(problem_.geometry, d_dst_.data() + dst, argmax_.data() + dst,
                                    d_src_.data() + src);
      }
    });
  }

  Executor& executor_;
  bool average_;
  bool forward_;
  MaxPoolProblem problem_;
  double bytes_;
  Buffer src_, d_dst_, dst_, d_src_;
  AlignedBuffer<simd::PoolPlace> argmax_;
};

class BatchAssembly final : public Contender {
 public:
  BatchAssembly(const Case& c, Executor& executor)
      : executor_(executor),
        bytes_(c.bytes),
        problem_(std::get<BatchProblem>(c.shape.problem)),
        dataset_(BatchProblem::kDatasetImages * problem_.pixels),
        batch_(problem_.images * problem_.pixels) {
    for (std::int64_t i = 0; i < dataset_.size(); ++i) {
      dataset_[i] = BatchProblem::pixel(i / problem_.pixels, i % problem_.pixels);
    }
  }

  void run() override {
    executor_.parallel_for(problem_.images, 0.015 * bytes_, [&](std::int64_t i, int) {
      kernels().scale_bytes(problem_.pixels,
                            dataset_.data() + BatchProblem::image(i) * problem_.pixels,
                            1.0F / 255.0F, batch_.data() + i * problem_.pixels);
    });
  }
  std::vector<float> result() override { return copy(batch_); }

 private:
  Executor& executor_;
  double bytes_;
  BatchProblem problem_;
  AlignedBuffer<std::uint8_t> dataset_;
  Buffer batch_;
};

class Warp final : public Contender {
 public:
  Warp(const Case& c, Executor& executor)
      : executor_(executor),
        bytes_(c.bytes),
        problem_(std::get<WarpProblem>(c.shape.problem)),
        src_(problem_.frames()),
        dst_(problem_.batch * problem_.size()) {}

  void run() override {
    executor_.parallel_for(problem_.batch, 0.2 * bytes_, [&](std::int64_t i, int) {
      simd::WarpArgs args = problem_.args();
      args.src = src_.data() + i * problem_.frame_size();
      args.dst = dst_.data() + i * problem_.size();
      kernels().warp(args);
    });
  }
  std::vector<float> result() override { return copy(dst_); }

 private:
  Executor& executor_;
  double bytes_;
  WarpProblem problem_;
  std::vector<float> src_;
  Buffer dst_;
};

}  // namespace

std::unique_ptr<Contender> pool(const Case& c, Executor& executor) {
  return std::make_unique<Pool>(c, executor);
}

std::unique_ptr<Contender> batch_assembly(const Case& c, Executor& executor) {
  return std::make_unique<BatchAssembly>(c, executor);
}

std::unique_ptr<Contender> warp(const Case& c, Executor& executor) {
  return std::make_unique<Warp>(c, executor);
}

}  // namespace tilewise::bench
