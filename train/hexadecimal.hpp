#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace tilewise {

/// "0x0080ff", for messages.
std::string hexadecimal(std::span<const std::uint8_t> bytes);

}  // namespace tilewise
