// Tars for tests, header by header: also those that no tool would write.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace burrow::oci::testing {

struct TarMember {
  std::string name;
  char type = '0';  // '0' file, '1' hard link, '2' symbolic link, '3' and '4' devices, '5' directory, '6' fifo
  std::string content;
  std::string link;
  uint32_t mode = 0644;
  uint32_t uid = 0, gid = 0, major = 0, minor = 0;
  int64_t mtime = 0;
  std::map<std::string, std::string> pax;  // records of an extended header before it
};

// A whole tar with its end.
std::string MakeTar(const std::vector<TarMember>& members);
std::string Gzip(std::string_view bytes);
std::string Zstd(std::string_view bytes);

}  // namespace burrow::oci::testing
