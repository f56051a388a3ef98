#include "tilewise/train/idx_dataset.hpp"

#include <algorithm>
#include <string>
#include <system_error>
#include <vector>

#include "tilewise/train/fetch_hint.hpp"
#include "tilewise/train/idx.hpp"
#include "tilewise/train/posix_file.hpp"

namespace tilewise {
namespace {

namespace fs = std::filesystem;

const char* prefix_of(Split split) { return split == Split::train ? "train" : "t10k"; }

/// The first of `names` in `folder`, plain or with ".gz"; of each, the form "train-labels.idx1-ubyte" is as
/// good as "train-labels-idx1-ubyte". An empty path if there is none.
fs::path find_file(const fs::path& folder, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    std::string dotted = name;
    dotted[dotted.rfind("-idx")] = '.';
    for (const std::string& candidate : {name, name + ".gz", dotted, dotted + ".gz"}) {
      std::error_code error;
      // What exists but cannot be looked at is left to the reader, which will say why.
      if (fs::status(folder / candidate, error).type() != fs::file_type::not_found) {
        return folder / candidate;
      }
    }
  }
  return {};
}

fs::path find_images(const fs::path& folder, Split split) {
  const std::string stem = std::string(prefix_of(split)) + "-images-idx";
  return find_file(folder, {stem + "3-ubyte", stem + "4-ubyte"});
}

fs::path find_labels(const fs::path& folder, Split split) {
  return find_file(folder, {std::string(prefix_of(split)) + "-labels-idx1-ubyte"});
}

[[noreturn]] void throw_missing(const fs::path& folder, const std::string& name) {
  throw_file_error(folder, "has no " + name + " or " + name + ".gz; " + fetch_hint(folder));
}

IdxArray read_images(const fs::path& path) {
  IdxArray array = read_idx(path);
  if (array.shape.rank() != 3 && array.shape.rank() != 4) {
    throw_file_error(path, std::to_string(array.shape.rank()) +
                               " dimensions, expected 3 or 4 for images: (n, h, w) or (n, h, w, c)");
  }
  return array;
}

IdxArray read_labels(const fs::path& path) {
  IdxArray array = read_idx(path);
  if (array.shape.rank() != 1) {
    throw_file_error(path, std::to_string(array.shape.rank()) + " dimensions, expected 1 for labels");
  }
  return array;
}

int largest(const IdxArray& labels) { return *std::ranges::max_element(labels.values.span()); }

void check_labels(const fs::path& path, const IdxArray& labels, int classes) {
  for (std::int64_t i = 0; i < labels.values.size(); ++i) {
    if (labels.values[i] >= classes) {
      throw_file_error(path, "label " + std::to_string(i) + " is " + std::to_string(labels.values[i]) +
                                 ", expected 0 to " + std::to_string(classes - 1));
    }
  }
}

/// As many as the labels of `split` need, and those for training if they are at hand.
int count_classes(const fs::path& folder, Split split, const IdxArray& labels) {
  const fs::path training = split == Split::train ? fs::path() : find_labels(folder, Split::train);
  const int own = largest(labels) + 1;
  return training.empty() ? own : std::max(own, largest(read_labels(training)) + 1);
}

}  // namespace

Dataset load_idx_dataset(const fs::path& folder, Split split, std::optional<int> classes) {
  const fs::path images_path = find_images(folder, split);
  const fs::path labels_path = find_labels(folder, split);
  if (images_path.empty()) throw_missing(folder, std::string(prefix_of(split)) + "-images-idx3-ubyte");
  if (labels_path.empty()) throw_missing(folder, std::string(prefix_of(split)) + "-labels-idx1-ubyte");
  IdxArray images = read_images(images_path);
  const IdxArray labels = read_labels(labels_path);
  if (images.shape[0] != labels.shape[0]) {
    throw_file_error(images_path, std::to_string(images.shape[0]) + " images, but " +
                                      labels_path.string() + " has " +
                                      std::to_string(labels.shape[0]) + " labels");
  }
  if (classes) check_labels(labels_path, labels, *classes);
  const std::int64_t channels = images.shape.rank() == 4 ? images.shape[3] : 1;
  return Dataset(Shape{images.shape[1], images.shape[2], channels},
                 classes ? *classes : count_classes(folder, split, labels), std::move(images.values),
                 {labels.values.span().begin(), labels.values.span().end()});
}

bool has_idx_dataset(const fs::path& folder) {
  return !find_images(folder, Split::train).empty() || !find_images(folder, Split::test).empty();
}

}  // namespace tilewise
