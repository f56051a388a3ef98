#pragma once

namespace tilewise {

/// What a computation has to do, whatever it takes to do it: floating-point operations of matrix
/// products and convolutions as they are executed, a multiply-add counted as two, padding counted; and
/// bytes of the arrays that it reads and writes, each array counted once.
struct Work {
  double flops = 0;
  double bytes = 0;
};

}  // namespace tilewise
