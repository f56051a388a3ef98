#pragma once

#include <filesystem>
#include <string>

namespace tilewise {

/// How to get what `folder` lacks, to end an error with: "scripts/fetch_data.sh mnist gets MNIST" of data/mnist; of a
/// folder that is not named like a data set of that script, which ones it gets.
std::string fetch_hint(const std::filesystem::path& folder);

}  // namespace tilewise
