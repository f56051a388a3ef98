#include "tilewise/train/confusion_matrix.hpp"

#include <string>

#include "tilewise/core/error.hpp"
#include "tilewise/core/shape.hpp"

namespace tilewise {
namespace {

double ratio(double part, double whole) { return whole == 0 ? 0 : part / whole; }

}  // namespace

ConfusionMatrix::ConfusionMatrix(std::int64_t classes) : classes_(classes) {
  if (classes < 1) {
    throw ArgumentError("confusion matrix: classes " + std::to_string(classes) + " is less than 1");
  }
  counts_.resize(static_cast<std::size_t>(checked_product(classes, classes)));
}

std::int64_t ConfusionMatrix::support(std::int64_t label) const {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < classes_; ++i) sum += count(label, i);
  return sum;
}

std::int64_t ConfusionMatrix::predictions(std::int64_t predicted) const {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < classes_; ++i) sum += count(i, predicted);
  return sum;
}

std::int64_t ConfusionMatrix::total() const {
  std::int64_t sum = 0;
  for (const std::int64_t count : counts_) sum += count;
  return sum;
}

double ConfusionMatrix::precision(std::int64_t label) const {
  return ratio(static_cast<double>(count(label, label)), static_cast<double>(predictions(label)));
}

double ConfusionMatrix::recall(std::int64_t label) const {
  return ratio(static_cast<double>(count(label, label)), static_cast<double>(support(label)));
}

double ConfusionMatrix::f1(std::int64_t label) const {
  return ratio(2 * precision(label) * recall(label), precision(label) + recall(label));
}

double ConfusionMatrix::accuracy() const {
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < classes_; ++i) right += count(i, i);
  return ratio(static_cast<double>(right), static_cast<double>(total()));
}

}  // namespace tilewise
