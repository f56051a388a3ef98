#pragma once

#include <CLI/CLI.hpp>

namespace tilewise::app {

// For CLI::Option::check, of options that take a number: what is wrong becomes "--lr: -1, expected a number from 0".
// None takes infinities or what is no number.

CLI::Validator from_zero();           ///< [0, inf)
CLI::Validator above_zero();          ///< (0, inf), also as a float
CLI::Validator zero_to_one();         ///< [0, 1]
CLI::Validator below_one();           ///< [0, 1), as a float
CLI::Validator inside_zero_to_one();  ///< (0, 1)
CLI::Validator number_of_epochs();    ///< (0, 1'000'000], fractions included
CLI::Validator whole_number();        ///< what 64 bits hold, without a sign

}  // namespace tilewise::app
