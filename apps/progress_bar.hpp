#pragma once

#include <string>

#include "tilewise/train/fit.hpp"

namespace tilewise::app {

enum class Verbosity { silent = 0, bar = 1, line = 2 };

/// What --verbose auto means here: a bar that is redrawn in place on a terminal, a line an epoch
/// elsewhere.
Verbosity default_verbosity();

/// Keras's progress report on standard output:
///
///   Epoch 1/15
///   422/422 ━━━━━━━━━━━━━━━━━━━━ 2s 5ms/step - accuracy: 0.8871 - loss: 0.3612 - val_accuracy: ...
///
/// While an epoch runs, the time is what is left of it.
class ProgressBar final : public Callback {
 public:
  ProgressBar(Verbosity verbosity, int epochs);
  ~ProgressBar() override;
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Ends the line of an epoch that was broken off; what is printed next begins its own.
  void finish_line();

  void on_epoch_begin(int epoch) override;
  void on_step_end(const StepRecord& record) override;
  void on_epoch_end(const EpochRecord& record) override;

 private:
  std::string bar(std::int64_t step, std::int64_t steps) const;
  void redraw(const std::string& line);

  Verbosity verbosity_;
  int epochs_;
  bool utf8_;
  StepRecord last_;
  double last_drawn_ = 0;   ///< seconds, on the steady clock
  bool line_open_ = false;  ///< the cursor stands behind a bar
};

}  // namespace tilewise::app
