// Bytes of a stranger as what S3 answers.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cas/s3_answer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)burrow::cas::ParseS3List(bytes);
  (void)burrow::cas::XmlText(bytes, "Code");
  (void)burrow::cas::ParseS3Time(bytes);
  return 0;
}
