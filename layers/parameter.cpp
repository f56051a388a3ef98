#include "tilewise/layers/parameter.hpp"

#include <utility>

#include "tilewise/core/workspace.hpp"

namespace tilewise {

Parameter::Parameter(std::string name, const Shape& shape, std::int64_t gradient_slots)
    : name_(std::move(name)),
      value_(shape),
      slots_(gradient_slots),
      slot_size_(round_up_to_line(shape.elements())),
      gradients_(checked_product(gradient_slots, slot_size_)) {}

void Parameter::reduce_gradient(const simd::KernelTable& kernels, std::int64_t slots,
                                std::int64_t first, std::int64_t count) {
  // slot i takes in slot i + distance, for distances 1, 2, 4, ...
  for (std::int64_t distance = 1; distance < slots; distance *= 2) {
    for (std::int64_t i = 0; i + distance < slots; i += 2 * distance) {
      kernels.add(count, gradient_slot(i + distance) + first, gradient_slot(i) + first);
    }
  }
}

}  // namespace tilewise
