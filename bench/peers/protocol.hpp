#pragma once

// What protocol.py is to the peers in Python, for those in C++: the arguments, the order of the
// measurements, and the one line of JSON.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace tilewise::bench {

inline constexpr std::int64_t kWarmUpSteps = 8;
inline constexpr std::int64_t kInferenceBatches[] = {1, 128};
inline constexpr double kInferenceSeconds = 0.7;
inline constexpr std::int64_t kRandomTestImages = 1280;

/// What the command line asks for.
struct PeerTask {
  std::string network;
  std::int64_t batch = 0;
  int epochs = 0;
  std::int64_t images = 0;
  int threads = 0;
  std::string data;

  bool is_mnist() const { return network != "vgg_style"; }
};

/// One framework with one network.
class Peer {
 public:
  virtual ~Peer() = default;
  virtual std::string version() const = 0;
  virtual std::string choices() const = 0;
  virtual std::int64_t parameters() const = 0;
  virtual std::int64_t test_images() const = 0;
  /// Trains on the first `images` images, shuffled anew each epoch; returns the seconds of each epoch.
  virtual std::vector<double> train(std::int64_t images, int epochs) = 0;
  /// Predicts `batch` test images from `first` on, and returns how many are right.
  virtual std::int64_t predict(std::int64_t first, std::int64_t batch) = 0;
};

inline double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Since the driver started this process: it leaves the monotonic clock, which is steady_clock's on
/// Linux, in the environment.
inline nlohmann::json seconds_since_start() {
  const char* started = std::getenv("PEER_STARTED_NS");
  if (started == nullptr) return nullptr;
  return seconds_since(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(std::stoll(started))));
}

/// The largest resident set of this process so far.
inline std::int64_t peak_memory_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return 1024 * std::stoll(line.substr(6));
  }
  throw std::runtime_error("/proc/self/status has no VmHWM");
}

/// Images a second, one batch after the other.
inline double throughput(Peer& peer, std::int64_t batch) {
  const std::int64_t batches = peer.test_images() / batch;
  for (std::int64_t i = 0; i < std::min<std::int64_t>(8, batches); ++i) peer.predict(i * batch, batch);
  const auto begin = std::chrono::steady_clock::now();
  for (std::int64_t i = 0;; ++i) {
    peer.predict(i % batches * batch, batch);
    const double seconds = seconds_since(begin);
    if (seconds >= kInferenceSeconds) return static_cast<double>((i + 1) * batch) / seconds;
  }
}

/// Over whole batches.
inline double accuracy(Peer& peer, std::int64_t batch) {
  const std::int64_t count = peer.test_images() / batch * batch;
  std::int64_t right = 0;
  for (std::int64_t first = 0; first < count; first += batch) right += peer.predict(first, batch);
  return static_cast<double>(right) / static_cast<double>(count);
}

/// The whole of a peer: measures, and prints the result as one line of JSON. `make_peer` turns a
/// PeerTask into a pointer to a Peer. Returns the exit code.
template <class MakePeer>
int run_peer(int argc, char** argv, MakePeer make_peer) {
  PeerTask task;
  CLI::App app("One side of scripts/compare_frameworks.sh");
  app.add_option("--network", task.network)->required();
  app.add_option("--batch", task.batch)->required()->check(CLI::PositiveNumber);
  app.add_option("--epochs", task.epochs)->required()->check(CLI::PositiveNumber);
  app.add_option("--images", task.images)->required()->check(CLI::PositiveNumber);
  app.add_option("--threads", task.threads)->required()->check(CLI::PositiveNumber);
  app.add_option("--data", task.data)->required();
  CLI11_PARSE(app, argc, argv);
  try {
    const auto peer = make_peer(task);
    peer->train(task.batch, 1);
    const nlohmann::json first_step_seconds = seconds_since_start();
    peer->train(std::min(task.images, kWarmUpSteps * task.batch), 1);
    const std::vector<double> epoch_seconds = peer->train(task.images, task.epochs);
    const std::int64_t memory = peak_memory_bytes();
    std::map<std::string, double> inference;
    for (const std::int64_t batch : kInferenceBatches) {
      inference[std::to_string(batch)] = throughput(*peer, batch);
    }
    nlohmann::json test_accuracy = nullptr;
    if (task.is_mnist()) test_accuracy = accuracy(*peer, 128);
    std::cout << nlohmann::json{{"version", peer->version()},
                                {"choices", peer->choices()},
                                {"network", task.network},
                                {"batch", task.batch},
                                {"epochs", task.epochs},
                                {"images", task.images},
                                {"threads", task.threads},
                                {"parameters", peer->parameters()},
                                {"first_step_seconds", first_step_seconds},
                                {"epoch_seconds", epoch_seconds},
                                {"peak_memory_bytes", memory},
                                {"inference_images_per_second", inference},
                                {"test_accuracy", test_accuracy}}
              << std::endl;
  } catch (const std::exception& error) {
    std::cerr << argv[0] << ": " << error.what() << '\n';
    return 1;
  }
  return 0;
}

}  // namespace tilewise::bench
