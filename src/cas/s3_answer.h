// What S3 says in XML, as far as a blob store needs it. Pure; takes any bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace burrow::cas {

// The text of the first element of this name, its entities decoded; "" where there is none.
std::string XmlText(std::string_view xml, std::string_view name);

struct S3Listed {
  std::string key;
  uint64_t size = 0;
  uint64_t modified_ms = 0;  // Unix time
};
struct S3List {
  std::vector<S3Listed> objects;
  std::string next;  // token of the next page; "" on the last
};
// Nothing where it is no answer to ListObjectsV2.
std::optional<S3List> ParseS3List(std::string_view xml);

// "2009-10-12T17:50:30.000Z"; 0 for anything else.
uint64_t ParseS3Time(std::string_view text);

}  // namespace burrow::cas
