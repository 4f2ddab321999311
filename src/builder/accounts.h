// The entries of an image's /etc/passwd and /etc/group. Foreign text; pure. Lines that are comments or lack what an
// entry needs are passed over.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace burrow::builder {

// Views of the text that it was found in.
struct UserEntry {
  std::string_view name, home;  // the home is empty where the line is short
  uint32_t uid = 0, gid = 0;
};
struct GroupEntry {
  std::string_view name;
  uint32_t gid = 0;
  std::vector<std::string_view> members;
};

// A decimal number. The largest one of 32 bits means "nobody is meant" to the kernel and is none.
std::optional<uint32_t> ParseAccountId(std::string_view text);

// The first entry that `is_meant` likes.
std::optional<UserEntry> FindUserEntry(std::string_view passwd, const std::function<bool(const UserEntry&)>& is_meant);
std::optional<GroupEntry> FindGroupEntry(std::string_view group,
                                         const std::function<bool(const GroupEntry&)>& is_meant);

}  // namespace burrow::builder
