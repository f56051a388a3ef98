#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "tilewise/core/shape.hpp"
#include "tilewise/core/tensor.hpp"

namespace tilewise {

/// A tensor to write: its values are row-major, shape.elements() of them, and not owned.
struct NamedTensor {
  std::string name;
  Shape shape;
  std::span<const float> values;
};

/// What a safetensors file holds.
struct SafetensorsFile {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

/// Writes `tensors` in the order given, and `metadata`, in the safetensors format
/// (https://github.com/huggingface/safetensors, section "Format"):
///
///   uint64 n, little-endian | JSON header, n bytes, padded with spaces | values, little-endian
///
/// The header maps each name to {"dtype": "F32", "shape": [...], "data_offsets": [begin, end]},
/// offsets in bytes from the start of the values, and "__metadata__" to a map of strings. n is a
/// multiple of 8, so the values are aligned for those who map the file.
///
/// All or nothing, see write_file_atomically.
/// Throws ArgumentError for a name that comes twice, is "__metadata__" or is not UTF-8, or metadata
/// that is not UTF-8; ShapeError when values and shape differ in size; FileError when the file
/// cannot be written.
void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// Reads a safetensors file of F32 tensors with at most Shape::kMaxRank axes.
///
/// Nothing in the file is believed: as the reference implementation does, this refuses headers over
/// 100 MB or longer than the file, names that come twice, and tensors that do not fill the rest of
/// the file exactly, without holes or overlaps. So the memory used is in proportion to the file.
/// Throws FileError for all that and for a file that is missing or unreadable; std::bad_alloc when
/// memory runs out.
SafetensorsFile read_safetensors(const std::filesystem::path& path);

}  // namespace tilewise
