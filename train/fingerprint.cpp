#include "tilewise/train/fingerprint.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

namespace tilewise {
namespace {

std::string hex(unsigned long value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int shift = 28; shift >= 0; shift -= 4) text += kDigits[value >> shift & 15];
  return text;
}

/// The layers of a network, and those of their branches, whose names begin with `prefix`.
void add_layers(const Sequential& network, const std::string& prefix, Fingerprint& result) {
  for (const Sequential::Entry& entry : network.layers()) {
    const std::string name = prefix + entry.name;
    result.emplace_back("layer " + std::to_string(result.size()),
                        name + " (" + std::string(entry.layer->type()) + ") with output " +
                            entry.output.to_string());
    for (const Layer::Branch& branch : entry.layer->branches()) {
      add_layers(*branch.network, name + "/" + std::string(branch.name) + "/", result);
    }
  }
}

void add_data(const std::string& what, const DatasetView& data, Fingerprint& result) {
  const auto pixels = static_cast<std::size_t>(data.image_shape().elements());
  unsigned long image_crc = crc32_z(0, nullptr, 0);
  unsigned long label_crc = image_crc;
  for (std::int64_t i = 0; i < data.size(); ++i) {
    image_crc = crc32_z(image_crc, data.image(i), pixels);
    const auto label = static_cast<std::uint32_t>(data.label(i));
    const std::array<Bytef, 4> bytes = {
        static_cast<Bytef>(label), static_cast<Bytef>(label >> 8), static_cast<Bytef>(label >> 16),
        static_cast<Bytef>(label >> 24)};
    label_crc = crc32_z(label_crc, bytes.data(), bytes.size());
  }
  result.emplace_back("number of " + what + " images", std::to_string(data.size()));
  result.emplace_back("shape of " + what + " images", data.image_shape().to_string());
  result.emplace_back("CRC-32 of " + what + " images", hex(image_crc));
  result.emplace_back("CRC-32 of " + what + " labels", hex(label_crc));
}

const std::string* find(const Fingerprint& in, const std::string& what) {
  const auto found = std::ranges::find(in, what, &Fingerprint::value_type::first);
  return found == in.end() ? nullptr : &found->second;
}

/// What comes from a file is not to break the line, or to fill the screen.
std::string printable(std::string text) {
  constexpr std::size_t kMostShown = 200;
  if (text.size() > kMostShown) text = text.substr(0, kMostShown) + "...";
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

/// "off", or its numbers in the order of AugmentOptions, as text that tells any two apart.
std::string in_words(const AugmentOptions& options) {
  if (!options.any()) return "off";
  std::string text;
  for (const auto& [what, number] : {std::pair{"shift ", options.shift},
                                     {", rotate ", options.rotate},
                                     {", scale ", options.scale},
                                     {", shear ", options.shear},
                                     {", elastic_alpha ", options.elastic_alpha},
                                     {", elastic_sigma ", options.elastic_sigma}}) {
    std::array<char, 32> digits;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    text.append(what).append(digits.data(), end);
  }
  return text + (options.horizontal_flip ? ", flip" : "");
}

std::string in_words(const std::string* how) {
  return how == nullptr ? "missing" : '"' + printable(*how) + '"';
}

}  // namespace

Fingerprint fingerprint(const Model& model, Optimizer& optimizer, const DatasetView& data,
                        const FitOptions& options) {
  Fingerprint result;
  result.emplace_back("shape of the input", model.network().input_shape().to_string());
  add_layers(model.network(), {}, result);
  for (const Parameter& parameter : model.parameters()) {
    result.emplace_back("shape of " + parameter.name(), parameter.shape().to_string());
  }
  add_data("training", data, result);
  if (options.validation) add_data("validation", *options.validation, result);
  result.emplace_back("the batch size",
                      std::to_string(options.batch_size.value_or(model.max_batch())));
  // It decides how a batch is cut into chunks, and so the order of sums.
  result.emplace_back("the model's max_batch", std::to_string(model.max_batch()));
  result.emplace_back("the seed", std::to_string(options.seed));
  result.emplace_back("the model's seed", std::to_string(model.seed()));
  result.emplace_back("augmentation", in_words(options.augment));
  result.emplace_back("shuffling", options.shuffle ? "on" : "off");
  std::string arrays;
  for (const auto& array : optimizer.state()) arrays.append(" ").append(array.name);
  result.emplace_back("the optimizer's state", arrays.empty() ? "nothing" : arrays.substr(1));
  result.insert(result.end(), options.description.begin(), options.description.end());
  return result;
}

std::optional<std::string> first_difference(const Fingerprint& there, const Fingerprint& here) {
  const auto differs = [&](const std::string& what) {
    const std::string* a = find(there, what);
    const std::string* b = find(here, what);
    return a == nullptr || b == nullptr || *a != *b;
  };
  for (const Fingerprint* list : {&here, &there}) {
    for (const auto& [what, how] : *list) {
      if (!differs(what)) continue;
      return printable(what) + " is " + in_words(find(there, what)) +
             " there and " + in_words(find(here, what)) + " here";
    }
  }
  return std::nullopt;
}

}  // namespace tilewise
