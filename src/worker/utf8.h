// Foreign bytes as text that a protobuf string may hold. Pure.
#pragma once

#include <string>
#include <string_view>

namespace burrow::worker {

// The same text, each byte that is not part of well-formed UTF-8 replaced by U+FFFD.
std::string ToUtf8(std::string_view bytes);

// The greatest length <= limit that does not cut a UTF-8 sequence of `bytes` in two.
size_t Utf8CutBefore(std::string_view bytes, size_t limit);

}  // namespace burrow::worker
