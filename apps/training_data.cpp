#include "apps/training_data.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "tilewise/core/error.hpp"

namespace tilewise::app {
namespace {

/// Throws ArgumentError when what the model was made for is not what it is to be tested on.
void check_test_data(const Dataset& train, const Dataset& test) {
  if (test.image_shape() == train.image_shape() && test.classes() <= train.classes()) return;
  throw ArgumentError(fmt::format("test images of shape {} in {} classes, but training images of shape {} in {}",
                                  test.image_shape().to_string(), test.classes(),
                                  train.image_shape().to_string(), train.classes()));
}

DatasetView first_images(const Dataset& data, std::int64_t count) {
  return {data, 0, std::min(count, data.size())};
}

}  // namespace

TrainingData::TrainingData(const DataOptions& options, double validation_split)
    : images_(load_data(options, Split::train)), test_images_(load_data(options, Split::test)) {
  check_test_data(images_, test_images_);
  const auto [training, validation] = split_validation(images_, validation_split);
  training_ = training;
  if (validation.size() > 0) validation_ = validation;
}

void TrainingData::keep_one_batch(std::int64_t batch_size) {
  training_ = first_images(images_, batch_size);
  if (validation_) validation_ = training_;
  test_ = first_images(test_images_, batch_size);
}

}  // namespace tilewise::app
