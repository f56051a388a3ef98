#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tilewise/train/confusion_matrix.hpp"
#include "tilewise/train/predict.hpp"

namespace tilewise::app {

/// How well images were classified, for people and for programs.
class ClassificationReport {
 public:
  /// `class_names` has a name for each class or, of a network with more outputs than that, for the first
  /// of them. `predictions` has to outlive this.
  ClassificationReport(std::span<const Prediction> predictions, std::int64_t classes,
                       std::span<const std::string> class_names);

  double accuracy() const { return confusion_.accuracy(); }
  double loss() const;  ///< mean

  /// A line for each class: precision, recall, F1, support; their means and the number of images.
  std::string class_table() const;
  /// The confusion matrix if it fits in 80 columns, else the most frequent confusions.
  std::string confusion_table() const;
  /// "label,0,1,...", with names where the classes have some, and a row for each label.
  std::string confusion_csv() const;
  /// "index,label,predicted,probability,loss" and a row for each image.
  std::string predictions_csv() const;

 private:
  const std::string& name(std::int64_t i) const { return names_[static_cast<std::size_t>(i)]; }
  std::string confusion_matrix(int width) const;
  std::string most_frequent_confusions() const;

  std::span<const Prediction> predictions_;
  ConfusionMatrix confusion_;
  std::vector<std::string> names_;
  bool named_ = false;  ///< whether a name is not just the class's number
};

}  // namespace tilewise::app
