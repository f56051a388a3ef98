#pragma once

// What the files that make up Tilewise's side of the benchmarks share.

#include <map>
#include <string>

#include "bench/library.hpp"
#include "tilewise/core/aligned_buffer.hpp"
#include "tilewise/simd/kernel_table.hpp"

namespace tilewise::bench {

using Buffer = AlignedBuffer<float>;

/// operand() in aligned memory.
Buffer operand_buffer(const Case& c, int which, std::int64_t size);

std::vector<float> copy(const Buffer& buffer);

inline const simd::KernelTable& kernels() { return simd::default_kernels(); }

using Prepare = std::unique_ptr<Contender> (*)(const Case& c, Executor& executor);

// tilewise_products.cpp
std::unique_ptr<Contender> gemm(const Case& c, Executor& executor);
std::unique_ptr<Contender> conv_forward(const Case& c, Executor& executor);
std::unique_ptr<Contender> conv_backward_data(const Case& c, Executor& executor);
std::unique_ptr<Contender> conv_backward_weights(const Case& c, Executor& executor);
/// How Tilewise prefers to compute a convolution or a gradient of one; "" of what is neither.
std::string automatic_kernel(const Case& c);
/// Such a case that it prefers to compute otherwise, done directly.
std::unique_ptr<Contender> direct_conv(const Case& c, Executor& executor);
std::unique_ptr<Contender> pooled_conv_forward(const Case& c, Executor& executor);
std::unique_ptr<Contender> pooled_conv_backward_data(const Case& c, Executor& executor);
std::unique_ptr<Contender> pooled_conv_backward_weights(const Case& c, Executor& executor);
std::unique_ptr<Contender> depthwise(const Case& c, Executor& executor);

// tilewise_images.cpp
std::unique_ptr<Contender> pool(const Case& c, Executor& executor);
std::unique_ptr<Contender> batch_assembly(const Case& c, Executor& executor);
std::unique_ptr<Contender> warp(const Case& c, Executor& executor);

// tilewise_pointwise.cpp
std::unique_ptr<Contender> pointwise(const Case& c, Executor& executor);

/// Operations of the other kernels in simd/kernel_table.hpp, one at least for each.
std::map<std::string, Prepare> memory_operations();  // tilewise_memory.cpp

}  // namespace tilewise::bench
