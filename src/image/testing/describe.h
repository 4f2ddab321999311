// Trees as text, for tests that compare them.
#pragma once

#include <string>

#include "image/tree.h"

namespace burrow::image::testing {

// One line a path, sorted: everything that an index keeps, hard links as groups.
std::string Describe(const Tree& tree);

// The index's bytes as Index::Open takes them.
inline std::span<const uint8_t> AsBytes(std::string_view bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace burrow::image::testing
