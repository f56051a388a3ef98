#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tilewise/core/parallel.hpp"
#include "tilewise/core/shape.hpp"
#include "tilewise/core/workspace.hpp"
#include "tilewise/layers/parameter.hpp"
#include "tilewise/layers/work.hpp"
#include "tilewise/simd/conv_algorithm.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise {

/// Consecutive images of a batch, and what a step needs to know to work on them.
struct Chunk {
  std::int64_t index = 0;   ///< names the gradient slot; the parts of a chunk share it
  std::int64_t first = 0;   ///< first image
  std::int64_t images = 0;
  bool training = false;
  std::uint32_t iteration = 0;  ///< training steps before this one; seeds dropout
  Workspace scratch;            ///< Step::scratch_floats() of it
  Executor* executor = nullptr; ///< for steps that take the whole batch, null for the others
};

/// One executable operation of a compiled model: a layer, or a part of one, for a fixed input shape
/// and largest batch. Pointers into activations are to the chunk's first image.
///
/// Most steps are given an image or a few, several at the same time on different threads; they run
/// through consecutive steps while they are in cache. A step that wants the whole batch at once and
/// spreads over the threads by itself says so.
class Step {
 public:
  Step(std::int64_t src_size, std::int64_t dst_size) : src_size_(src_size), dst_size_(dst_size) {}
  virtual ~Step() = default;
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

  std::int64_t src_size() const { return src_size_; }  ///< floats per image
  std::int64_t dst_size() const { return dst_size_; }

  virtual bool takes_whole_batch() const { return false; }

  /// Floats of workspace for one call of forward() or backward().
  virtual std::int64_t scratch_floats() const { return 0; }

  /// Rough time of forward() for one image on one thread, to decide whether threads are worth it.
  virtual double nanoseconds() const { return 0.3 * static_cast<double>(src_size_ + dst_size_); }

  /// Called once before each batch, on one thread: repack parameters that may have changed.
  virtual void prepare(bool training) { static_cast<void>(training); }

  /// Whether backward() looks at what forward() read and wrote. What nobody looks at again is not
  /// kept: it lives in a buffer of the thread's own, in cache, from one step to the next.
  virtual bool backward_reads_src() const { return true; }
  virtual bool backward_reads_dst() const { return true; }

  /// Where forward() writes, for all images of the largest batch, if the step has a place of its own for
  /// it that others know of; null if the model is to find one.
  virtual float* own_dst() { return nullptr; }

  /// Whether the step has parameters to train.
  virtual bool trainable() const { return false; }

  virtual void forward(const Chunk& chunk, const float* src, float* dst) = 0;

  /// Called before and after all backward() calls of one gradient slot: makes it zero; leaves the sum in
  /// it as the optimizer wants it.
  virtual void begin_gradients(const Chunk& chunk) { static_cast<void>(chunk); }
  virtual void end_gradients(const Chunk& chunk) { static_cast<void>(chunk); }

  /// Overwrites d_src, unless it is null because nobody wants it, and adds to the chunk's gradient slots.
  /// May use d_dst as scratch. src and dst are null where the step said that it does not read them.
  virtual void backward(const Chunk& chunk, const float* src, const float* dst, float* d_dst,
                        float* d_src) = 0;

  // What profiles show.

  /// Of the layers that the step belongs to: "conv2d_1", or "conv2d_1 + max_pooling2d_1".
  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }

  /// What one call of forward() or backward() has to do for so many images; `wants_d_src`: whether it is
  /// given a d_src. Unless a step says otherwise it multiplies nothing, and each pass reads and writes the
  /// activations and gradients that it is given.
  virtual Work forward_work(std::int64_t images) const {
    return {.bytes = array_bytes(images * (src_size_ + dst_size_))};
  }
  virtual Work backward_work(std::int64_t images, bool wants_d_src) const {
    const std::int64_t floats = (backward_reads_src() ? src_size_ : 0) +
                                (backward_reads_dst() ? dst_size_ : 0) + dst_size_ +
                                (wants_d_src ? src_size_ : 0);
    return {.bytes = array_bytes(images * floats)};
  }

  /// How, in a few words: "tile 6x2", "max_pool_forward, ReLU".
  virtual std::string forward_kernel() const { return {}; }
  virtual std::string backward_kernel(bool wants_d_src) const {
    static_cast<void>(wants_d_src);
    return {};
  }

 protected:
  template <class T = float>
  static double array_bytes(std::int64_t elements) {
    return static_cast<double>(elements) * static_cast<double>(sizeof(T));
  }
  /// `work` and convolutions or gradients of them, by the multiply-adds of each for an image, with filters of
  /// `wei_size` floats.
  static Work with_convolutions(Work work, std::initializer_list<double> multiply_adds, std::int64_t wei_size,
                                std::int64_t images) {
    work.flops = 0;
    for (const double count : multiply_adds) work.flops += 2 * count * static_cast<double>(images);
    work.bytes += array_bytes(static_cast<std::int64_t>(multiply_adds.size()) * wei_size);
    return work;
  }

 private:
  std::int64_t src_size_;
  std::int64_t dst_size_;
  std::string name_;
};

/// What a layer gets to make its steps from.
struct StepContext {
  const simd::KernelTable& kernels;
  int threads;
  Shape input;  ///< of one image, as the layer is described
  Shape src;    ///< the part of it that is there: all, or a corner (Layer::makes_corners())
  Shape dst;    ///< the part of the output that is wanted, likewise
  std::int64_t max_batch;
  std::uint64_t seed;
  std::uint32_t layer_index;  ///< the layers of branches are counted, too
  bool skip_unread;           ///< in branches: PlanOptions::skip_unread
  simd::ConvAlgorithm convolution;  ///< of what may choose: PlanOptions::winograd
  std::span<Parameter> parameters;  ///< in the order of Layer::parameters()
};

using Steps = std::vector<std::unique_ptr<Step>>;

}  // namespace tilewise
