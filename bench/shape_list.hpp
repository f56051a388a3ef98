#pragma once

#include <string>
#include <vector>

#include "bench/case.hpp"

namespace tilewise::bench {

/// Reads a list of shapes, one a line; '#' starts a comment. The numbers are free, but positive:
///
///   gemm NN 64x128x256           C (m x n) = A (m x k) B (k x n); NT, TN: B, A stored transposed
///   conv n32ic64ih16iw16oc128kh3kw3s2p1
///                                oneDNN's names; s and sh, sw: stride (1); p and pt, pl, pb, pr:
///                                padding (0); d and dh, dw: dilation (1: adjacent taps)
///   depthwise n1ic64ih56iw56kh3kw3p1
///                                each channel with a filter of its own; oc is ic
///   pooled_conv n128ic32ih13iw13oc64kh3kw3
///                                with its output pooled 2x2, and its gradients
///   max_pool n128c32ih26iw26kh2kw2
///                                and average; s, sh, sw: stride (the window's); p, pt, pl, pb, pr:
///                                padding (0)
///   vector 65536                 what works on arrays: add, activations, dropout, optimizers,
///                                filters
///   matrix 128x10                what works on rows: softmax, loss, bias gradient, copies
///   batch 128x784                images x pixels
///   images n128h28w28c1          what works on images of bytes: warping
///
/// Throws FileError, naming file and line, for anything else.
std::vector<Shape> read_shapes(const std::string& path);

}  // namespace tilewise::bench
