#include "builder/accounts.h"

#include <algorithm>
#include <charconv>

namespace burrow::builder {
namespace {

using Fields = std::vector<std::string_view>;

Fields Split(std::string_view text, char separator) {
  Fields fields;
  while (true) {
    const size_t at = text.find(separator);
    fields.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return fields;
    text.remove_prefix(at + 1);
  }
}

// Calls visit(fields of the line) until it says false.
void EachLine(std::string_view text, const std::function<bool(const Fields&)>& visit) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.starts_with('#') && !visit(Split(line, ':'))) return;
  }
}

}  // namespace

std::optional<uint32_t> ParseAccountId(std::string_view text) {
  uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id == UINT32_MAX) return std::nullopt;
  return id;
}

std::optional<UserEntry> FindUserEntry(std::string_view passwd, const std::function<bool(const UserEntry&)>& is_meant) {
  std::optional<UserEntry> found;
  EachLine(passwd, [&](const Fields& fields) {
    if (fields.size() < 4) return true;
    const auto uid = ParseAccountId(fields[2]), gid = ParseAccountId(fields[3]);
    if (!uid || !gid) return true;
    const UserEntry entry{
        .name = fields[0], .home = fields.size() > 5 ? fields[5] : std::string_view(), .uid = *uid, .gid = *gid};
    if (is_meant(entry)) found = entry;
    return !found.has_value();
  });
  return found;
}

std::optional<GroupEntry> FindGroupEntry(std::string_view group,
                                         const std::function<bool(const GroupEntry&)>& is_meant) {
  std::optional<GroupEntry> found;
  EachLine(group, [&](const Fields& fields) {
    const auto gid = fields.size() < 3 ? std::nullopt : ParseAccountId(fields[2]);
    if (!gid) return true;
    GroupEntry entry{.name = fields[0], .gid = *gid};
    if (fields.size() > 3) entry.members = Split(fields[3], ',');
    if (is_meant(entry)) found = std::move(entry);
    return !found.has_value();
  });
  return found;
}

}  // namespace burrow::builder
