#include "bench/libraries/tilewise.hpp"

#include <algorithm>

namespace tilewise::bench {
namespace {

class Tilewise final : public Library {
 public:
  Tilewise() : operations_(memory_operations()) {
    operations_["gemm"] = gemm;
    operations_["conv_forward"] = conv_forward;
    operations_["conv_backward_data"] = conv_backward_data;
    operations_["conv_backward_weights"] = conv_backward_weights;
    operations_["pooled_conv_forward"] = pooled_conv_forward;
    operations_["pooled_conv_backward_data"] = pooled_conv_backward_data;
    operations_["pooled_conv_backward_weights"] = pooled_conv_backward_weights;
    for (const NamedPointwise& f : kPointwise) {
      operations_[std::string(f.name) + "_forward"] = pointwise;
      operations_[std::string(f.name) + "_backward"] = pointwise;
    }
    operations_["depthwise_forward"] = depthwise;
    operations_["depthwise_backward_data"] = depthwise;
    operations_["depthwise_backward_weights"] = depthwise;
  }

  std::string name() const override { return "tilewise"; }
  std::string version() const override { return TILEWISE_VERSION; }
  bool has(const Case& c) const override { return operations_.contains(c.operation); }
  std::chrono::milliseconds spinning() const override { return std::chrono::milliseconds(2); }
  std::unique_ptr<Contender> prepare(const Case& c, Executor& executor) const override {
    return operations_.at(c.operation)(c, executor);
  }
  /// Winograd's filtering with tiles of 4 x 4 multiplies by fractions.
  double tolerance(const Case& c) const override {
    return automatic_kernel(c).starts_with("winograd 4x4") ? 1e-5 : c.tolerance;
  }

 private:
  std::map<std::string, Prepare> operations_;
};

class TilewiseDirect final : public Library {
 public:
  std::string name() const override { return "tilewise_direct"; }
  std::string version() const override { return TILEWISE_VERSION; }
  bool has(const Case& c) const override { return automatic_kernel(c).starts_with("winograd"); }
  std::chrono::milliseconds spinning() const override { return std::chrono::milliseconds(2); }
  std::unique_ptr<Contender> prepare(const Case& c, Executor& executor) const override {
    return direct_conv(c, executor);
  }
};

}  // namespace

Buffer operand_buffer(const Case& c, int which, std::int64_t size) {
  Buffer buffer(size);
  std::ranges::copy(operand(c, which, size), buffer.data());
  return buffer;
}

std::vector<float> copy(const Buffer& buffer) {
  return {buffer.data(), buffer.data() + buffer.size()};
}

std::unique_ptr<Library> tilewise_library() { return std::make_unique<Tilewise>(); }

std::unique_ptr<Library> tilewise_direct_library() { return std::make_unique<TilewiseDirect>(); }

}  // namespace tilewise::bench
