#pragma once

#include "tilewise/train/fit.hpp"

namespace tilewise::app {

/// While it lives, the first SIGINT or SIGTERM asks training to stop after the step under way, and a
/// second one kills the process as usual. One at a time.
class StopSignal final : public Callback {
 public:
  StopSignal();
  ~StopSignal() override;
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool should_stop() const override { return received() != 0; }

  /// The signal that came, 0 if none.
  int received() const;
};

}  // namespace tilewise::app
