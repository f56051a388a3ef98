#pragma once

#include <filesystem>
#include <string>

#include "tilewise/layers/sequential.hpp"
#include "tilewise/train/dataset.hpp"
#include "tilewise/train/safetensors.hpp"

namespace tilewise::app {

/// The network that --model names, for images of that shape: one of ours, or what a .json file describes.
/// Throws ArgumentError when there is none of that name or the images are too small for it, FileError for a
/// file that is missing or wrong.
Sequential make_network(const std::string& model, const Shape& image_shape, int classes);

/// The same for a data set. Throws ArgumentError also when the file's network takes other images or has
/// too few classes.
Sequential make_network(const std::string& model, const Dataset& data);

/// Weights and the network they belong to.
struct Weights {
  std::filesystem::path path;
  SafetensorsFile file;
  Sequential network;
};

/// Reads weights with the network in their metadata; without that, they are taken to be those of the
/// network keras for images of that shape. Throws FileError when the file is missing or damaged or the
/// tensors are not those of the network.
Weights read_weights(const std::filesystem::path& path, const Shape& image_shape = {28, 28, 1},
                     int classes = 10);

/// Whether `path` ends in ".json", ".safetensors".
bool has_extension(const std::filesystem::path& path, const char* extension);

}  // namespace tilewise::app
