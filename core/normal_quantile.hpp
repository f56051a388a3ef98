#pragma once

namespace tilewise {

/// The distribution function Phi of the standard normal distribution.
double normal_distribution(double x);

/// Its inverse: the x for which Phi(x) = p, 1e-10 <= p <= 1 - 1e-10, with a relative error below 2e-7.
/// M. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics
/// 37(3), 1988, the function PPND7 without its furthest tails.
double normal_quantile(double p);

}  // namespace tilewise
