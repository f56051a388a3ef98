#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "tilewise/train/confusion_matrix.hpp"
#include "tilewise/train/predict.hpp"

namespace tilewise::app {

/// How well images were classified, for people and for programs.
class ClassificationReport {
 public:
  /// `predictions` has to outlive this.
  ClassificationReport(std::span<const Prediction> predictions, std::int64_t classes);

  double accuracy() const { return confusion_.accuracy(); }
  double loss() const;  ///< mean

  /// A line for each class: precision, recall, F1, support; their means and the number of images.
  std::string class_table() const;
  /// The confusion matrix if it fits in 80 columns, else the most frequent confusions.
  std::string confusion_table() const;
  /// "label,0,1,..." and a row for each label.
  std::string confusion_csv() const;
  /// "index,label,predicted,probability,loss" and a row for each image.
  std::string predictions_csv() const;

 private:
  std::string confusion_matrix(int width) const;
  std::string most_frequent_confusions() const;

  std::span<const Prediction> predictions_;
  ConfusionMatrix confusion_;
};

}  // namespace tilewise::app
