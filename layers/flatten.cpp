#include "tilewise/layers/flatten.hpp"

namespace tilewise {

void Flatten::append_steps(const StepContext&, Steps&) const {}

}  // namespace tilewise
