#include "tilewise/train/safetensors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "tilewise/core/error.hpp"
#include "tilewise/train/atomic_file.hpp"
#include "tilewise/train/json/document.hpp"
#include "tilewise/train/posix_file.hpp"

static_assert(std::endian::native == std::endian::little, "values are copied as they are");

namespace tilewise {
namespace {

using json::Json;
using json::quoted;

constexpr std::int64_t kMaxHeaderBytes = 100'000'000;  // the reference implementation's limit
constexpr std::int64_t kPrefixBytes = 8;               // the length of the header
constexpr std::int64_t kAlignmentBytes = 8;
constexpr const char* kMetadataKey = "__metadata__";

// --- Writing ------------------------------------------------------------------------------------

std::string make_header(std::span<const NamedTensor> tensors,
                        const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[kMetadataKey] = metadata;
  std::set<std::string_view> names{kMetadataKey};
  std::int64_t offset = 0;
  for (const NamedTensor& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      throw ArgumentError("tensor name " + quoted(tensor.name) +
                          (tensor.name == kMetadataKey ? " is reserved" : " is there twice"));
    }
    if (static_cast<std::int64_t>(tensor.values.size()) != tensor.shape.elements()) {
      throw ShapeError("tensor " + quoted(tensor.name) + ": " +
                       std::to_string(tensor.values.size()) + " values, expected " +
                       tensor.shape.to_string());
    }
    const std::int64_t end = offset + static_cast<std::int64_t>(tensor.values.size_bytes());
    // Appended, for operator[] of an ordered object searches from the start.
    header.get_ref<nlohmann::ordered_json::object_t&>().emplace_back(
        tensor.name,
        nlohmann::ordered_json{
            {"dtype", "F32"}, {"shape", tensor.shape.extents()}, {"data_offsets", {offset, end}}});
    offset = end;
  }
  try {
    return header.dump();
  } catch (const Json::exception&) {
    throw ArgumentError("tensor names or metadata are not UTF-8");
  }
}

// --- Reading ------------------------------------------------------------------------------------

/// Where a tensor's values are, in bytes from the start of all values.
struct Entry {
  std::string name;
  Shape shape;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// Looks at the header while it is parsed, for what could not be seen afterwards (names that come
/// twice) or would cost memory out of proportion (nesting, long arrays). Throws FileError.
class HeaderGuard {
 public:
  explicit HeaderGuard(const std::filesystem::path& path) : path_(path) {}

  /// A callback of the JSON parser's: `depth` is the number of containers around the event.
  bool operator()(int depth, Json::parse_event_t event, const Json& value) {
    switch (event) {
      case Json::parse_event_t::object_start:
      case Json::parse_event_t::array_start:
        // The header, a tensor's entry in it, and the list of its extents: no more.
        if (depth > 2) throw_file_error(path_, "header is nested too deeply");
        if (depth == 1) inner_keys_.clear();
        list_size_ = 0;
        break;
      case Json::parse_event_t::key: {
        std::set<std::string>& keys = depth == 1 ? outer_keys_ : inner_keys_;
        const auto& key = value.get_ref<const std::string&>();
        if (!keys.insert(key).second) {
          throw_file_error(path_, quoted(key) + " is there twice in the header");
        }
        break;
      }
      case Json::parse_event_t::value:
        if (depth == 3 && ++list_size_ > Shape::kMaxRank) {
          throw_file_error(path_, "tensor with a list of more than " +
                                      std::to_string(Shape::kMaxRank) +
                                      " numbers in the header, expected at most that many axes");
        }
        break;
      case Json::parse_event_t::object_end:
      case Json::parse_event_t::array_end: break;
    }
    return true;
  }

 private:
  const std::filesystem::path& path_;
  std::set<std::string> outer_keys_;
  std::set<std::string> inner_keys_;
  int list_size_ = 0;
};

Json parse_header(const std::filesystem::path& path, const std::string& text) {
  try {
    HeaderGuard guard(path);
    // By reference, for the parser copies its callback.
    Json header = Json::parse(text, std::ref(guard));
    if (!header.is_object()) throw_file_error(path, "header is not a JSON object");
    return header;
  } catch (const Json::parse_error& error) {
    throw_file_error(path, "header is not valid JSON (at byte " + std::to_string(error.byte) + ")");
  } catch (const Json::exception&) {
    throw_file_error(path, "header is not valid JSON");  // a number that fits no type
  }
}

std::string read_header(const PosixFile& file) {
  const std::int64_t file_bytes = file.size();
  std::array<std::uint8_t, kPrefixBytes> prefix{};
  if (file.read_at(0, std::as_writable_bytes(std::span(prefix))) < kPrefixBytes) {
    throw_file_error(file.shown_as(), "holds " + std::to_string(file_bytes) +
                                          " bytes, too few for a safetensors file");
  }
  const auto header_bytes = std::bit_cast<std::uint64_t>(prefix);
  if (header_bytes > static_cast<std::uint64_t>(kMaxHeaderBytes)) {
    throw_file_error(file.shown_as(), "not a safetensors file: announces a header of " +
                                          std::to_string(header_bytes) +
                                          " bytes, expected at most " +
                                          std::to_string(kMaxHeaderBytes));
  }
  const std::int64_t present = file_bytes - kPrefixBytes;
  if (static_cast<std::int64_t>(header_bytes) > present) {
    throw_file_error(file.shown_as(), "truncated: announces a header of " +
                                          std::to_string(header_bytes) + " bytes, but only " +
                                          std::to_string(present) + " follow");
  }
  std::string header(header_bytes, '\0');
  if (file.read_at(kPrefixBytes, std::as_writable_bytes(std::span(header))) !=
      static_cast<std::int64_t>(header_bytes)) {
    throw_file_error(file.shown_as(), "truncated while it was read");
  }
  return header;
}

/// The integers in `value`. Throws FileError unless it is a list of numbers from 0 to 2^63 - 1.
std::vector<std::int64_t> sizes_in(const std::filesystem::path& path, const Json& entry,
                                   const char* key, const std::string& name) {
  const auto found = entry.find(key);
  std::vector<std::int64_t> sizes;
  bool valid = found != entry.end() && found->is_array();
  for (std::size_t i = 0; valid && i < found->size(); ++i) {
    const Json& number = (*found)[i];
    valid = number.is_number_unsigned() && std::in_range<std::int64_t>(number.get<std::uint64_t>());
    if (valid) sizes.push_back(number.get<std::int64_t>());
  }
  if (!valid) {
    throw_file_error(path,
                     "tensor " + name + " has no valid \"" + key + "\", expected a list of sizes");
  }
  return sizes;
}

Entry parse_entry(const std::filesystem::path& path, const std::string& raw_name,
                  const Json& json) {
  const std::string name = quoted(raw_name);
  const auto dtype = json.is_object() ? json.find("dtype") : json.end();
  if (dtype == json.end() || !dtype->is_string()) {
    throw_file_error(path, "tensor " + name + " has no valid \"dtype\"");
  }
  if (*dtype != "F32") {
    throw_file_error(path, "tensor " + name + " has values of type " +
                               quoted(dtype->get_ref<const std::string&>()) + ", expected \"F32\"");
  }

  Entry entry;
  entry.name = raw_name;
  std::int64_t expected_bytes = 0;
  try {
    entry.shape = Shape(std::span<const std::int64_t>(sizes_in(path, json, "shape", name)));
    expected_bytes = checked_product(entry.shape.elements(), sizeof(float));
  } catch (const ShapeError& error) {
    throw_file_error(path, "tensor " + name + ": " + error.what());
  }
  const std::vector<std::int64_t> offsets = sizes_in(path, json, "data_offsets", name);
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    throw_file_error(path, "tensor " + name + " has no valid \"data_offsets\"");
  }
  entry.begin = offsets[0];
  entry.end = offsets[1];
  if (entry.end - entry.begin != expected_bytes) {
    throw_file_error(path, "tensor " + name + " has " + std::to_string(entry.end - entry.begin) +
                               " bytes, expected " + std::to_string(expected_bytes) +
                               " for its shape " + entry.shape.to_string());
  }
  return entry;
}

/// Throws FileError unless the tensors fill the data, one after the other.
void check_layout(const std::filesystem::path& path, const std::vector<Entry>& entries,
                  std::int64_t data_bytes) {
  std::int64_t offset = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != offset) {
      throw_file_error(path, "tensor " + quoted(entry.name) + " begins at byte " +
                                 std::to_string(entry.begin) + " of the data, expected " +
                                 std::to_string(offset));
    }
    if (entry.end > data_bytes) {
      throw_file_error(path, "truncated: tensor " + quoted(entry.name) + " ends at byte " +
                                 std::to_string(entry.end) + " of the data, but there are only " +
                                 std::to_string(data_bytes));
    }
    offset = entry.end;
  }
  if (offset != data_bytes) {
    throw_file_error(path, "has " + std::to_string(data_bytes) + " bytes of data, expected " +
                               std::to_string(offset));
  }
}

std::map<std::string, std::string> parse_metadata(const std::filesystem::path& path,
                                                  const Json& json) {
  std::map<std::string, std::string> metadata;
  bool valid = json.is_object();
  if (valid) {
    for (const auto& [key, value] : json.items()) {
      valid = valid && value.is_string();
      if (valid) metadata.emplace(key, value.get_ref<const std::string&>());
    }
  }
  if (!valid) throw_file_error(path, "\"__metadata__\" is not a map of strings");
  return metadata;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::string header = make_header(tensors, metadata);
  header.resize((header.size() + kAlignmentBytes - 1) / kAlignmentBytes * kAlignmentBytes, ' ');
  if (std::cmp_greater(header.size(), kMaxHeaderBytes)) {
    throw ArgumentError("tensor names and metadata take " + std::to_string(header.size()) +
                        " bytes, expected at most " + std::to_string(kMaxHeaderBytes));
  }
  const std::uint64_t header_bytes = header.size();

  std::vector<std::span<const std::byte>> parts{std::as_bytes(std::span(&header_bytes, 1)),
                                                std::as_bytes(std::span(header))};
  for (const NamedTensor& tensor : tensors) parts.push_back(std::as_bytes(tensor.values));
  write_file_atomically(path, parts);
}

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
  const PosixFile file(path, PosixFile::Mode::read);
  const std::string header_text = read_header(file);
  const std::int64_t data_begin = kPrefixBytes + static_cast<std::int64_t>(header_text.size());

  SafetensorsFile result;
  std::vector<Entry> entries;
  const Json header = parse_header(path, header_text);
  for (const auto& [name, value] : header.items()) {
    if (name == kMetadataKey) {
      result.metadata = parse_metadata(path, value);
    } else {
      entries.push_back(parse_entry(path, name, value));
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  check_layout(path, entries, file.size() - data_begin);

  for (const Entry& entry : entries) {
    Tensor tensor(entry.shape);
    const std::span<std::byte> bytes = std::as_writable_bytes(tensor.span());
    if (file.read_at(data_begin + entry.begin, bytes) != static_cast<std::int64_t>(bytes.size())) {
      throw_file_error(path, "truncated while it was read");
    }
    result.tensors.emplace(entry.name, std::move(tensor));
  }
  return result;
}

}  // namespace tilewise
