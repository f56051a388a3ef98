#pragma once

namespace tilewise::app {

// What `tilewise` exits with.
inline constexpr int kExitSuccess = 0;
inline constexpr int kExitFailure = 1;       ///< something went wrong while running
inline constexpr int kExitUsage = 2;         ///< wrong arguments
inline constexpr int kExitDiverged = 3;      ///< training produced NaN or infinity
inline constexpr int kExitSignalBase = 128;  ///< plus the signal that stopped it

}  // namespace tilewise::app
