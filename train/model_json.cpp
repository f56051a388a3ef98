#include "tilewise/train/model_json.hpp"

#include "tilewise/train/json/document.hpp"
#include "tilewise/train/json/network.hpp"
#include "tilewise/train/posix_file.hpp"

namespace tilewise {

std::string to_json(const Sequential& network, int indent) {
  return json::write_network(network).dump(indent);
}

bool has_json(const Sequential& network) { return json::has_format(network); }

Sequential model_from_json(std::string_view text, const std::string& source) {
  return json::read_network(source, json::parse(source, text));
}

Sequential read_model_json(const std::filesystem::path& path) {
  constexpr std::int64_t kMaxFileBytes = 16 * 1024 * 1024;
  return model_from_json(read_text(path, kMaxFileBytes), path.string());
}

}  // namespace tilewise
