#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/case.hpp"
#include "tilewise/core/parallel.hpp"

namespace tilewise::bench {

/// One library's way of doing a case, holding operands in the layouts that this library likes best.
class Contender {
 public:
  Contender() = default;
  Contender(const Contender&) = delete;
  Contender& operator=(const Contender&) = delete;
  virtual ~Contender() = default;

  virtual void run() = 0;

  /// What the last run() computed, as Tilewise lays it out.
  virtual std::vector<float> result() = 0;

  /// Memory that run() needs besides the operands, if known.
  virtual std::optional<double> workspace_bytes() const { return std::nullopt; }
};

class Library {
 public:
  Library() = default;
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  virtual ~Library() = default;

  virtual std::string name() const = 0;
  virtual std::string version() const = 0;

  virtual bool has(const Case& c) const = 0;

  /// What results may be off by, in units of the largest; case and library know what they round.
  virtual double tolerance(const Case& c) const { return c.tolerance; }

  /// How long threads of this library go on waiting busily for more work: so long they take the
  /// processor from whoever runs next.
  virtual std::chrono::milliseconds spinning() const = 0;

  /// A contender that runs on as many threads as `executor` has. The library has the operation, and
  /// `executor` outlives the contender.
  virtual std::unique_ptr<Contender> prepare(const Case& c, Executor& executor) const = 0;
};

std::unique_ptr<Library> tilewise_library();
std::unique_ptr<Library> tilewise_direct_library();  ///< convolutions that tilewise does in another way
std::unique_ptr<Library> onednn_library();
std::unique_ptr<Library> onednn_winograd_library();  ///< convolutions by oneDNN's F(4x4, 3x3)
std::unique_ptr<Library> blas_library();  ///< the one that implements cblas.h here

}  // namespace tilewise::bench
