#include "tilewise/layers/categorical_crossentropy.hpp"

#include "tilewise/layers/check_option.hpp"

namespace tilewise {

CategoricalCrossentropy::CategoricalCrossentropy(const CategoricalCrossentropyOptions& options)
    : options_(options) {
  check_option(options.label_smoothing >= 0 && options.label_smoothing <= 1, "CategoricalCrossentropy",
               "label_smoothing", options.label_smoothing, "in [0, 1]");
}

void CategoricalCrossentropy::evaluate_rows(const simd::KernelTable& kernels,
                                            const simd::LossArgs& args) const {
  simd::LossArgs smoothed = args;
  smoothed.smoothing = static_cast<float>(options_.label_smoothing);
  kernels.softmax_cross_entropy(smoothed);
}

}  // namespace tilewise
