#pragma once

#include <string>
#include <vector>

#include "tilewise/core/tensor.hpp"
#include "tilewise/layers/model.hpp"
#include "tilewise/train/callback_state.hpp"

namespace tilewise {

/// All weights of a model, at some time.
class WeightsCopy {
 public:
  WeightsCopy() = default;
  explicit WeightsCopy(const Model& model);

  /// One tensor a parameter, in order; none before a model was given.
  std::vector<Tensor>& tensors() { return tensors_; }
  bool empty() const { return tensors_.empty(); }

  // For the model that this was made of, or one of the same network.
  void copy_from(const Model& model);
  void copy_to(Model& model) const;
  void swap_with(Model& model);

  /// To and from a callback's state, as "PREFIX/conv2d/kernel". restore() throws ArgumentError, and changes
  /// nothing, when a tensor is missing or of another shape.
  void save(const Model& model, const std::string& prefix, CallbackState& state) const;
  void restore(const Model& model, const std::string& prefix, const CallbackState& state);

 private:
  std::vector<Tensor> tensors_;
};

}  // namespace tilewise
