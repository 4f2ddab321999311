#include "api/byte_range.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace burrow::api {
namespace {

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

ByteRange Part(uint64_t first, uint64_t last, uint64_t size) {
  if (first >= size) return {ByteRange::Kind::kUnsatisfiable, 0, 0};
  return {ByteRange::Kind::kPart, first, std::min(last, size - 1) - first + 1};
}

}  // namespace

ByteRange ParseRange(std::string_view header, uint64_t size) {
  const ByteRange whole{ByteRange::Kind::kWhole, 0, size};
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit)) return whole;
  header.remove_prefix(kUnit.size());
  size_t dash = header.find('-');
  if (dash == std::string_view::npos) return whole;
  auto first_text = header.substr(0, dash);
  auto last_text = header.substr(dash + 1);
  auto last = Number(last_text);
  if (first_text.empty()) {
    if (!last) return whole;
    if (*last == 0) return {ByteRange::Kind::kUnsatisfiable, 0, 0};
    return Part(size - std::min(*last, size), UINT64_MAX, size);
  }
  auto first = Number(first_text);
  if (!first || (!last && !last_text.empty())) return whole;
  if (last && *last < *first) return whole;
  return Part(*first, last.value_or(UINT64_MAX), size);
}

}  // namespace burrow::api
