#include "tilewise/core/thread_count.hpp"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

#include "tilewise/core/error.hpp"

namespace tilewise {
namespace {

constexpr int kMaxThreads = 1024;

std::optional<ThreadCount> from_environment(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr || *text == '\0') return std::nullopt;
  int count = 0;
  const char* end = text + std::strlen(text);
  const auto [parsed, error] = std::from_chars(text, end, count);
  // OMP_NUM_THREADS may be a list, one number per nesting level: the first is ours.
  if (error != std::errc() || (parsed != end && *parsed != ',') || count < 1 ||
      count > kMaxThreads) {
    throw ArgumentError(std::string(variable) + "='" + text + "': expected a number from 1 to " +
                        std::to_string(kMaxThreads));
  }
  return ThreadCount{count, variable};
}

int affinity_count() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return kMaxThreads;
  return CPU_COUNT(&set);
}

/// CPUs that one cgroup folder grants, from version 2's cpu.max ("max 100000" or "150000 100000")
/// or version 1's pair of files; nothing when it sets no limit.
std::optional<double> quota_of(const std::string& folder) {
  std::string quota;
  double period = 0;
  if (std::ifstream max(folder + "/cpu.max"); max >> quota >> period) {
    if (quota == "max" || period <= 0) return std::nullopt;
    return std::atof(quota.c_str()) / period;
  }
  double microseconds = 0;
  std::ifstream v1_quota(folder + "/cpu.cfs_quota_us");
  std::ifstream v1_period(folder + "/cpu.cfs_period_us");
  if (v1_quota >> microseconds && v1_period >> period && microseconds > 0 && period > 0) {
    return microseconds / period;
  }
  return std::nullopt;
}

/// The tightest quota on the way from this process's cgroup to the root. oneTBB did not look at
/// quotas before 2022.3.
int quota_count() {
  std::ifstream groups("/proc/self/cgroup");
  double least = kMaxThreads;
  for (std::string line; std::getline(groups, line);) {
    // "0::/path" (version 2) or "4:cpu,cpuacct:/path" (version 1)
    std::istringstream fields(line);
    std::string id, controllers, path;
    std::getline(fields, id, ':');
    std::getline(fields, controllers, ':');
    std::getline(fields, path);
    std::string mount = "/sys/fs/cgroup";
    if (!controllers.empty()) {
      if ((',' + controllers + ',').find(",cpu,") == std::string::npos) continue;
      mount += "/cpu";
    }
    for (;;) {
      if (const auto cpus = quota_of(mount + path)) least = std::min(least, *cpus);
      const std::size_t slash = path.rfind('/');
      if (slash == std::string::npos || path == "/") break;
      path.resize(slash);
    }
  }
  return std::max(1, static_cast<int>(std::ceil(least)));
}

}  // namespace

ThreadCount thread_count(int requested) {
  if (requested < 0 || requested > kMaxThreads) {
    throw ArgumentError("threads: " + std::to_string(requested) + " is not from 1 to " +
                        std::to_string(kMaxThreads));
  }
  if (requested > 0) return {requested, "argument"};
  if (const auto ours = from_environment("TILEWISE_NUM_THREADS")) return *ours;
  if (const auto openmp = from_environment("OMP_NUM_THREADS")) return *openmp;

  ThreadCount best{static_cast<int>(std::max(1U, std::thread::hardware_concurrency())), "hardware"};
  if (const int cpus = affinity_count(); cpus < best.count) best = {cpus, "CPU affinity"};
  if (const int cpus = quota_count(); cpus < best.count) best = {cpus, "cgroup CPU quota"};
  return best;
}

}  // namespace tilewise
