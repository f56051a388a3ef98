#include "tilewise/train/image_folder.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "tilewise/core/error.hpp"
#include "tilewise/train/image_file.hpp"
#include "tilewise/train/posix_file.hpp"

namespace tilewise {
namespace {

namespace fs = std::filesystem;

struct ClassFolder {
  std::string name;
  std::vector<fs::path> images;
};

bool is_png(const fs::path& path) {
  std::string ending = path.extension().string();
  for (char& c : ending) c = 'A' <= c && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return ending == ".png";
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

/// What is in a folder and not hidden, in order of name. Throws FileError.
std::vector<fs::path> list(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().filename().string().front() != '.') entries.push_back(entry->path());
  }
  if (error) throw_system_error(folder, "cannot be read", error.value());
  std::ranges::sort(entries, {}, [](const fs::path& path) { return path.filename().string(); });
  return entries;
}

std::vector<fs::path> list_images(const fs::path& folder) {
  std::vector<fs::path> images = list(folder);
  std::erase_if(images, [](const fs::path& path) { return !is_png(path); });
  return images;
}

std::vector<ClassFolder> list_classes(const fs::path& folder) {
  std::vector<ClassFolder> classes;
  for (const fs::path& entry : list(folder)) {
    if (is_folder(entry)) classes.push_back({entry.filename().string(), list_images(entry)});
  }
  if (classes.empty()) throw_file_error(folder, "has no folders, expected one a class, of PNG images");
  for (const ClassFolder& c : classes) {
    if (c.images.empty()) throw_file_error(folder / c.name, "has no PNG image, expected a class of them");
  }
  return classes;
}

/// The classes of the training folder with the images of the test folder.
std::vector<ClassFolder> list_test_classes(const fs::path& folder) {
  std::vector<ClassFolder> classes = list_classes(folder / "train");
  for (ClassFolder& c : classes) c.images.clear();
  for (ClassFolder& test : list_classes(folder / "test")) {
    const auto same = std::ranges::find(classes, test.name, &ClassFolder::name);
    if (same == classes.end()) {
      throw_file_error(folder / "test" / test.name,
                       "is no class of " + (folder / "train").string() + ", which has " +
                           std::to_string(classes.size()) + " others");
    }
    same->images = std::move(test.images);
  }
  return classes;
}

/// Keeps the images of one part of a split.
void keep_part(std::vector<fs::path>& images, Split split, int test_every) {
  std::vector<fs::path> kept;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const bool is_test = (i + 1) % static_cast<std::size_t>(test_every) == 0;
    if (is_test == (split == Split::test)) kept.push_back(images[i]);
  }
  images = std::move(kept);
}

std::vector<ClassFolder> list_split(const fs::path& folder, Split split, int test_every) {
  if (is_folder(folder / "train")) {
    return split == Split::train ? list_classes(folder / "train") : list_test_classes(folder);
  }
  std::vector<ClassFolder> classes = list_classes(folder);
  for (ClassFolder& c : classes) keep_part(c.images, split, test_every);
  if (std::ranges::all_of(classes, [](const ClassFolder& c) { return c.images.empty(); })) {
    throw_file_error(folder, "has no class of " + std::to_string(test_every) +
                                 " images or more, expected one, to have images to test with");
  }
  return classes;
}

/// The shape of all images, by their headers, before memory is taken for any.
Shape common_shape(const std::vector<ClassFolder>& classes) {
  Shape shape;
  fs::path first;
  for (const ClassFolder& c : classes) {
    for (const fs::path& path : c.images) {
      const Shape found = read_image_shape(path);
      if (first.empty()) {
        shape = found;
        first = path;
      } else if (found != shape) {
        throw_file_error(path, "an image of shape " + found.to_string() + ", expected " +
                                   shape.to_string() + " as of " + first.string() +
                                   ", or a shape to resize all images to");
      }
    }
  }
  return shape;
}

}  // namespace

Dataset load_image_folder(const fs::path& folder, Split split, const ImageFolderOptions& options) {
  if (options.test_every < 2) {
    throw ArgumentError("one of every " + std::to_string(options.test_every) +
                        " images for testing, expected at least 2");
  }
  const std::vector<ClassFolder> classes = list_split(folder, split, options.test_every);
  const Shape shape = options.image_shape ? *options.image_shape : common_shape(classes);
  if (shape.rank() != 3 || shape.elements() == 0 || (shape[2] != 1 && shape[2] != 3)) {
    throw ShapeError("images of shape " + shape.to_string() +
                     ", expected (h, w, c), each at least 1, c 1 or 3");
  }
  std::vector<std::string> names;
  std::vector<std::int32_t> labels;
  for (const ClassFolder& c : classes) {
    labels.insert(labels.end(), c.images.size(), static_cast<std::int32_t>(names.size()));
    names.push_back(c.name);
  }
  const std::int64_t bytes = shape.elements();
  AlignedBuffer<std::uint8_t> images(checked_product(static_cast<std::int64_t>(labels.size()), bytes));
  std::uint8_t* next = images.data();
  for (const ClassFolder& c : classes) {
    for (const fs::path& path : c.images) {
      Image image = read_image(path);
      if (image.shape != shape) {
        image = resize_image(convert_channels(image, shape[2]), shape[0], shape[1]);
      }
      std::memcpy(next, image.bytes.data(), static_cast<std::size_t>(bytes));
      next += bytes;
    }
  }
  return Dataset(shape, static_cast<int>(classes.size()), std::move(images), std::move(labels),
                 std::move(names));
}

bool has_image_folder(const fs::path& folder) {
  const fs::path classes = is_folder(folder / "train") ? folder / "train" : folder;
  if (!is_folder(classes)) return false;
  for (const fs::path& entry : list(classes)) {
    if (is_folder(entry) && !list_images(entry).empty()) return true;
  }
  return false;
}

}  // namespace tilewise
