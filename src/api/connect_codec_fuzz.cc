// Foreign bytes through the decoders of a request: content type, envelope, timeout, messages, Range, blob names.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/byte_range.h"
#include "api/connect_codec.h"
#include "burrow/v1/calls.pb.h"
#include "cas/digest.h"

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace burrow::api;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)ParseContentType(bytes);
  (void)ParseTimeout(bytes);
  if (auto digest = burrow::cas::Digest::FromHex(bytes)) Check(digest->Hex() == bytes);
  for (uint64_t length : {uint64_t{0}, uint64_t{1}, uint64_t{1000}, UINT64_MAX}) {
    auto range = ParseRange(bytes, length);
    if (range.kind == ByteRange::Kind::kPart) {
      Check(range.length > 0 && range.offset < length && range.length <= length - range.offset);
    }
  }
  auto payload = OpenEnvelope(bytes);
  if (payload) Check(MakeEnvelope(0, *payload) == bytes);
  burrow::v1::SubmitRequest request;
  for (auto encoding : {Encoding::kJson, Encoding::kBinary}) {
    auto decoded = DecodeMessage(encoding, payload ? *payload : bytes, request);
    if (!decoded) (void)EndStreamJson(decoded);
  }
  return 0;
}
