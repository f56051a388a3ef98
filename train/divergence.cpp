#include "tilewise/train/divergence.hpp"

#include "tilewise/core/error.hpp"

namespace tilewise {

void throw_diverged(const std::string& where, const std::string& what) {
  throw DivergedError("training diverged " + where + ": " + what + " is not finite");
}

void check_finite(const Model& model, const std::string& where) {
  for (const Parameter& parameter : model.parameters()) {
    if (!model.kernels().all_finite(parameter.size(), parameter.value())) {
      throw_diverged(where, "value of " + parameter.name());
    }
  }
}

}  // namespace tilewise
