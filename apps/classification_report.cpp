#include "apps/classification_report.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "apps/options.hpp"

namespace tilewise::app {
namespace {

constexpr int kColumns = 80;
constexpr std::size_t kMostConfusions = 20;

/// On one line, in quotes if it needs them (RFC 4180).
std::string csv_field(const std::string& text) {
  std::string field;
  for (const char c : printable(text)) field += c == '"' ? "\"\"" : std::string(1, c);
  return field.find_first_of(",\"") == std::string::npos ? field : '"' + field + '"';
}

}  // namespace

ClassificationReport::ClassificationReport(std::span<const Prediction> predictions,
                                           std::int64_t classes,
                                           std::span<const std::string> class_names)
    : predictions_(predictions), confusion_(classes), names_(class_names.begin(), class_names.end()) {
  while (std::ssize(names_) < classes) names_.push_back(std::to_string(names_.size()));
  for (std::int64_t i = 0; i < classes; ++i) named_ = named_ || name(i) != std::to_string(i);
  for (const Prediction& prediction : predictions) {
    confusion_.add(prediction.label, prediction.predicted);
  }
}

double ClassificationReport::loss() const {
  double sum = 0;
  for (const Prediction& prediction : predictions_) sum += prediction.loss;
  return sum / static_cast<double>(predictions_.size());
}

std::string ClassificationReport::class_table() const {
  std::string text = fmt::format("class  precision  recall      F1  support{}\n", named_ ? "  name" : "");
  const auto row = [](const auto& name, double precision, double recall, double f1,
                      std::int64_t support) {
    return fmt::format("{:>5}  {:9.4f}  {:6.4f}  {:6.4f}  {:7}", name, precision, recall, f1, support);
  };
  double precision = 0;
  double recall = 0;
  double f1 = 0;
  const std::int64_t classes = confusion_.classes();
  for (std::int64_t i = 0; i < classes; ++i) {
    text += row(i, confusion_.precision(i), confusion_.recall(i), confusion_.f1(i), confusion_.support(i));
    text += named_ ? "  " + one_line(name(i)) + "\n" : "\n";
    precision += confusion_.precision(i) / static_cast<double>(classes);
    recall += confusion_.recall(i) / static_cast<double>(classes);
    f1 += confusion_.f1(i) / static_cast<double>(classes);
  }
  return text + row("mean", precision, recall, f1, confusion_.total()) + "\n";
}

std::string ClassificationReport::confusion_table() const {
  std::int64_t most = confusion_.classes() - 1;
  for (std::int64_t i = 0; i < confusion_.classes(); ++i) most = std::max(most, confusion_.support(i));
  const int width = static_cast<int>(std::to_string(most).size()) + 2;
  if (confusion_.classes() > (kColumns - 5) / width) return most_frequent_confusions();
  return confusion_matrix(width);
}

std::string ClassificationReport::confusion_matrix(int width) const {
  std::string text = "Rows: what an image is; columns: what it was taken for\n     ";
  for (std::int64_t i = 0; i < confusion_.classes(); ++i) text += fmt::format("{:>{}}", i, width);
  text += "\n";
  for (std::int64_t label = 0; label < confusion_.classes(); ++label) {
    text += fmt::format("{:>5}", label);
    for (std::int64_t i = 0; i < confusion_.classes(); ++i) {
      const std::int64_t count = confusion_.count(label, i);
      text += fmt::format("{:>{}}", count == 0 ? "." : std::to_string(count), width);
    }
    text += "\n";
  }
  return text;
}

std::string ClassificationReport::most_frequent_confusions() const {
  std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>> confusions;  // -count, label, taken for
  for (std::int64_t label = 0; label < confusion_.classes(); ++label) {
    for (std::int64_t i = 0; i < confusion_.classes(); ++i) {
      const std::int64_t count = confusion_.count(label, i);
      if (i != label && count > 0) confusions.emplace_back(-count, label, i);
    }
  }
  std::sort(confusions.begin(), confusions.end());
  confusions.resize(std::min(confusions.size(), kMostConfusions));
  std::string text = "Most frequent confusions\nclass  taken for  images\n";
  for (const auto& [count, label, taken_for] : confusions) {
    text += fmt::format("{:>5}  {:>9}  {:>6}", label, taken_for, -count);
    text += named_ ? "  " + one_line(name(label)) + " as " + one_line(name(taken_for)) + "\n" : "\n";
  }
  return text;
}

std::string ClassificationReport::confusion_csv() const {
  std::string text = "label";
  for (std::int64_t i = 0; i < confusion_.classes(); ++i) text += "," + csv_field(name(i));
  text += "\n";
  for (std::int64_t label = 0; label < confusion_.classes(); ++label) {
    text += csv_field(name(label));
    for (std::int64_t i = 0; i < confusion_.classes(); ++i) {
      text += fmt::format(",{}", confusion_.count(label, i));
    }
    text += "\n";
  }
  return text;
}

std::string ClassificationReport::predictions_csv() const {
  std::string text = "index,label,predicted,probability,loss\n";
  for (std::size_t i = 0; i < predictions_.size(); ++i) {
    const Prediction& prediction = predictions_[i];
    text += fmt::format("{},{},{},{:.7g},{}\n", i, prediction.label, prediction.predicted,
                        prediction.probability, prediction.loss);
  }
  return text;
}

}  // namespace tilewise::app
