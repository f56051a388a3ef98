#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tilewise/layers/clipping.hpp"
#include "tilewise/layers/parameter.hpp"
#include "tilewise/layers/parameter_set.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise {

/// What every optimizer can do besides its own rule, as in Keras.
struct CommonOptimizerOptions {
  /// Decoupled from the gradient: at each step w loses learning_rate * weight_decay * w, of the w that the
  /// gradient was taken at (I. Loshchilov, F. Hutter, "Decoupled weight decay regularization",
  /// arXiv:1711.05101, algorithm 2).
  double weight_decay = 0;
  ParameterSet decayed = ParameterSet::all;
  Clipping clipping = {};
};

/// Turns gradients into new weights. Keeps its state (momentum and the like) by the parameters'
/// position, and one step counter for all of them.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  double learning_rate() const { return learning_rate_; }
  /// Throws ArgumentError unless the rate is finite and not negative.
  void set_learning_rate(double rate);

  /// What is to be done to gradients before update() gets them.
  const Clipping& clipping() const { return options_.clipping; }

  /// Steps taken so far.
  std::int64_t steps() const { return steps_; }

  /// Before the first step, makes room for the state of `parameters`, zeroed; afterwards checks that
  /// they are still of the same sizes. A model calls it before each step.
  /// Throws ArgumentError when they are not: an optimizer serves one network.
  void attach(std::span<const Parameter> parameters);

  /// Counts one more step and works out its factors. Then update() is called for disjoint ranges
  /// that cover every trainable parameter, on any threads, in any order.
  void begin_step();
  virtual void update(const simd::KernelTable& kernels, std::size_t parameter, std::int64_t first,
                      std::int64_t count, const float* gradient, float* value) = 0;

  /// The arrays of state, each with one tensor a parameter, in order, empty for one that is not trained;
  /// no tensors before attach(). With steps() they are all that an optimizer remembers: for checkpoints.
  struct StateArray {
    std::string_view name;  ///< "m"
    std::span<Tensor> tensors;
  };
  virtual std::vector<StateArray> state() { return {}; }
  /// After attach() and a change of state(): goes on as after `steps` steps.
  void resume(std::int64_t steps) { steps_ = steps; }

  /// Floats of state of each weight, which update() reads and writes: for profiles.
  virtual std::int64_t state_floats() const { return 0; }

 protected:
  /// Throws ArgumentError when the rate, the weight decay or a limit is out of range, or there are two
  /// limits.
  explicit Optimizer(double learning_rate, const CommonOptimizerOptions& options = {});

  /// One tensor of zeros a parameter, for its state; empty for what is not trained.
  static std::vector<Tensor> zeros_like(std::span<const Parameter> parameters);

  virtual void allocate_state(std::span<const Parameter> parameters) = 0;
  virtual void compute_factors() = 0;

  /// The share of a parameter's values that they lose at this step.
  float decay(std::size_t parameter) const {
    return is_decayed_[parameter] ? static_cast<float>(learning_rate_ * options_.weight_decay) : 0.0F;
  }

 private:
  double learning_rate_ = 0;
  CommonOptimizerOptions options_;
  std::int64_t steps_ = 0;
  std::vector<std::int64_t> sizes_;  ///< of the parameters; empty before the first step
  std::vector<bool> is_decayed_;     ///< likewise
};

}  // namespace tilewise
