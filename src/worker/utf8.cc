#include "worker/utf8.h"

#include <algorithm>
#include <cstdint>

namespace burrow::worker {
namespace {

bool IsTail(char c) { return (static_cast<uint8_t>(c) & 0xc0) == 0x80; }

// Length of the well-formed sequence at the head of `rest`; 0 if there is none.
size_t SequenceLength(std::string_view rest) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(rest[i]); };
  uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  size_t length = lead >= 0xc2 && lead <= 0xdf   ? 2
                  : lead >= 0xe0 && lead <= 0xef ? 3
                  : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                 : 0;
  if (length == 0 || rest.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (!IsTail(rest[i])) return 0;
  }
  if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) > 0x9f)) return 0;  // overlong; surrogates
  if ((lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) > 0x8f)) return 0;  // overlong; above U+10FFFF
  return length;
}

}  // namespace

std::string ToUtf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    auto plain = static_cast<size_t>(
        std::find_if(bytes.begin(), bytes.end(), [](char c) { return static_cast<uint8_t>(c) >= 0x80; }) -
        bytes.begin());
    out.append(bytes.substr(0, plain));
    bytes.remove_prefix(plain);
    if (bytes.empty()) break;
    size_t length = SequenceLength(bytes);
    if (length == 0) {
      out.append("\xef\xbf\xbd");
    } else {
      out.append(bytes.substr(0, length));
    }
    bytes.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

size_t Utf8CutBefore(std::string_view bytes, size_t limit) {
  if (bytes.size() <= limit) return bytes.size();
  size_t cut = limit;
  for (int back = 0; back < 3 && cut > 0 && IsTail(bytes[cut]); ++back) --cut;
  return IsTail(bytes[cut]) || cut == 0 ? limit : cut;
}

}  // namespace burrow::worker
