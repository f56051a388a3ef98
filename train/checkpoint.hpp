#pragma once

#include <filesystem>

#include "tilewise/train/fingerprint.hpp"
#include "tilewise/train/training.hpp"

namespace tilewise {

/// Writes all that is needed to go on with a training, at a save point, to the bits of one that never
/// stopped. One safetensors file (safetensors.hpp), all or nothing, that load_weights() reads, too:
///
///   conv2d/kernel, ...                    the weights, under their names
///   optimizer/m/conv2d/kernel, ...        the optimizer's state
///   callbacks/early_stopping/best/...     what callbacks remember
///
/// and in the metadata, under "checkpoint", a JSON object: "version" of this format, "library" version,
/// "epoch", "step", "seconds", "metrics", "optimizer_steps", "learning_rate", "learning_rate_scale", the
/// callbacks' numbers, and the "fingerprint" (fingerprint.hpp). Doubles are hexadecimal text, as
/// std::chars_format::hex has it.
///
/// Throws FileError when the file cannot be written: what was there before still is then.
void save_checkpoint(const std::filesystem::path& path, const Training& training,
                     const Fingerprint& fingerprint);

/// Reads it back: puts weights and the optimizer's state and steps into `model` and `optimizer`, and returns
/// the rest for FitOptions::start.
///
///   FitOptions options{.epochs = 12, .callbacks = callbacks};
///   const TrainingState state = load_checkpoint("run/checkpoint.safetensors", model, adam, data, options);
///   CsvLog log("run/training.csv", state.progress.finished_epochs());
///   options.start = &state;
///   fit(model, adam, data, options);
///
/// Nothing in the file is believed. Throws FileError, in one line, when it is missing or damaged, and when
/// its fingerprint is not that of this training: that line names what differs. Model and optimizer are as
/// before then. Throws ArgumentError when `optimizer` has trained another network.
TrainingState load_checkpoint(const std::filesystem::path& path, Model& model, Optimizer& optimizer,
                              const DatasetView& data, const FitOptions& options);

}  // namespace tilewise
