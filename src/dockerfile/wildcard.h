// A pattern of path components, taken apart into what each position accepts. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace burrow::dockerfile {

struct WildcardToken {
  enum class Kind {
    kRune,
    kOne,       // ?: one character but '/'
    kClass,     // [a-z]
    kStar,      // *: any number of characters but '/'
    kLevels,    // **/: nothing, or anything that ends in '/'
    kAnything,  // a last **: any number of characters
  };
  Kind kind = Kind::kRune;
  char32_t rune = 0;
  bool negated = false;                               // of kClass
  std::vector<std::pair<char32_t, char32_t>> ranges;  // of kClass

  // Whether the one character is accepted; of the kinds that take exactly one.
  bool Accepts(char32_t character) const;
};

enum class Levels {
  kOne,   // ** means *
  kMany,  // ** crosses components
};

// kInvalidArgument for a class that does not end or is empty, and for a last backslash.
Result<std::vector<WildcardToken>> ParseWildcard(std::string_view pattern, Levels levels);

}  // namespace burrow::dockerfile
