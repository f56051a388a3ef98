#include "tilewise/train/fetch_hint.hpp"

#include <string_view>

namespace tilewise {

std::string fetch_hint(const std::filesystem::path& folder) {
  static constexpr struct {
    std::string_view argument, name;
  } kDatasets[] = {{"mnist", "MNIST"}, {"fashion-mnist", "Fashion-MNIST"}, {"cifar-10", "CIFAR-10"}};
  const std::string folder_name = (folder / "").parent_path().filename().string();  // also of "data/mnist/"
  for (const auto& [argument, name] : kDatasets) {
    if (folder_name == argument) {
      return std::string("scripts/fetch_data.sh ").append(argument).append(" gets ").append(name);
    }
  }
  return "scripts/fetch_data.sh gets mnist, fashion-mnist or cifar-10";
}

}  // namespace tilewise
