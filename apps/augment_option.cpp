#include "apps/augment_option.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "tilewise/core/error.hpp"

namespace tilewise::app {
namespace {

const std::map<std::string, double AugmentOptions::*> kChanges = {
    {"shift", &AugmentOptions::shift},
    {"rotate", &AugmentOptions::rotate},
    {"scale", &AugmentOptions::scale},
    {"shear", &AugmentOptions::shear},
    {"elastic", &AugmentOptions::elastic_alpha},
    {"sigma", &AugmentOptions::elastic_sigma},
};

/// "rotate=10", or "flip". Throws CLI::ValidationError.
void add_change(const std::string& text, AugmentOptions& augment) {
  if (text == "flip") {
    augment.horizontal_flip = true;
    return;
  }
  const std::size_t equals = text.find('=');
  const auto change = kChanges.find(text.substr(0, equals));
  if (change == kChanges.end()) {
    throw CLI::ValidationError(
        "--augment", fmt::format("no change '{}', expected shift, rotate, scale, shear, elastic, sigma or flip",
                                 text.substr(0, equals)));
  }
  if (equals == std::string::npos || !CLI::detail::lexical_cast(text.substr(equals + 1), augment.*change->second)) {
    throw CLI::ValidationError("--augment", fmt::format("'{}', expected {}=NUMBER", text, change->first));
  }
}

}  // namespace

void add_augment(CLI::App& command, AugmentOptions& augment) {
  command
      .add_option_function<std::vector<std::string>>(
          "--augment",
          [&augment](const std::vector<std::string>& changes) {
            augment = {};
            for (const std::string& change : changes) add_change(change, augment);
            const bool has_sigma = std::ranges::any_of(changes, [](const auto& c) { return c.starts_with("sigma"); });
            if (has_sigma && augment.elastic_alpha == 0) {
              throw CLI::ValidationError("--augment", "sigma: needs elastic");
            }
          },
          "changes training images at random, as shift=2,rotate=10: shift (pixels, or below 1 parts of the "
          "size), rotate (degrees), scale (0.1: by up to 10%), shear (degrees), elastic (strength; with "
          "sigma=4), flip")
      ->type_name("CHANGE=NUMBER,...")
      ->delimiter(',');
}

void check_augment(const AugmentOptions& augment, const Shape& image_shape) {
  try {
    static_cast<void>(Augmenter(augment, image_shape));
  } catch (const ArgumentError& error) {
    throw ArgumentError(std::string("--augment: ") + error.what());
  }
}

}  // namespace tilewise::app
