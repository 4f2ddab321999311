// Characters of UTF-8 text. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace burrow::dockerfile {

// The character at `at`, which moves behind it; `at` is inside the text. A byte that belongs to no character is a
// character of its own, equal to no other one.
inline char32_t NextRune(std::string_view text, size_t& at) {
  auto first = static_cast<unsigned char>(text[at++]);
  if (first < 0x80) return first;
  size_t more = first >= 0xf0 && first < 0xf5 ? 3 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xc2 ? 1 : 0;
  if (more == 0 || first >= 0xf5 || text.size() - at < more) return 0x110000 + first;
  char32_t rune = first & (0x3f >> more);
  for (size_t i = 0; i < more; ++i) {
    auto byte = static_cast<unsigned char>(text[at + i]);
    if ((byte & 0xc0) != 0x80) return 0x110000 + first;
    rune = rune << 6 | (byte & 0x3f);
  }
  at += more;
  return rune;
}

}  // namespace burrow::dockerfile
