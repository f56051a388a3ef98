#pragma once

#include <cstdint>
#include <vector>

namespace tilewise {

/// How often each label was taken for which class, and the measures of a classifier that follow from it.
class ConfusionMatrix {
 public:
  /// Throws ArgumentError unless `classes` is positive.
  explicit ConfusionMatrix(std::int64_t classes);

  /// One more image of class `label` that was taken for class `predicted`, both in [0, classes()).
  void add(std::int64_t label, std::int64_t predicted) { ++counts_[index(label, predicted)]; }

  std::int64_t classes() const { return classes_; }
  std::int64_t count(std::int64_t label, std::int64_t predicted) const {
    return counts_[index(label, predicted)];
  }

  std::int64_t support(std::int64_t label) const;         ///< images that are of the class
  std::int64_t predictions(std::int64_t predicted) const; ///< images that were taken for it
  std::int64_t total() const;

  // Measures of one class; 0 where they would be 0 / 0, as in scikit-learn.

  double precision(std::int64_t label) const;  ///< right ones among those taken for the class
  double recall(std::int64_t label) const;     ///< right ones among those of the class
  double f1(std::int64_t label) const;         ///< 2 precision recall / (precision + recall)

  /// Share of all images that were taken for what they are.
  double accuracy() const;

 private:
  std::size_t index(std::int64_t label, std::int64_t predicted) const {
    return static_cast<std::size_t>(label * classes_ + predicted);
  }

  std::int64_t classes_;
  std::vector<std::int64_t> counts_;
};

}  // namespace tilewise
