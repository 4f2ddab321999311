// How far two words are apart. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace burrow {

// How many letters must be inserted, removed, replaced or swapped with their neighbour.
size_t EditDistance(std::string_view a, std::string_view b);

}  // namespace burrow
