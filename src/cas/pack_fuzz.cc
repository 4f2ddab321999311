// Bytes of a stranger as a pack: read front to back in two cuts, as a footer, and as a frame.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cas/pack.h"
#include "cas/pack_footer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace burrow;
  using namespace burrow::cas;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  PackReader reader({.blob = [](const Digest& digest, std::string_view blob) -> Status {
                       if (Digest::Of(blob) != digest) std::abort();
                       return {};
                     },
                     .absent = [](const Digest&) -> Status { return {}; },
                     .damaged = [](const Digest&, uint64_t) -> Status { return {}; }});
  size_t cut = size > 0 ? data[0] % size : 0;
  if (reader.Append(bytes.substr(0, cut))) (void)reader.Append(bytes.substr(cut));
  if (auto frames = DecodeFooter(bytes)) {
    if (EncodeFooter(*frames) != bytes) std::abort();
  }
  (void)DecodeFrame(bytes, size % 5'000);
  return 0;
}
