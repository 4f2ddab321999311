#include "builder/image_user.h"

#include <algorithm>
#include <optional>

#include "builder/accounts.h"

namespace burrow::builder {
namespace {

constexpr uint32_t kHighestId = 2'147'483'647;
constexpr size_t kMaxGroups = 65'536;  // of Linux

// Numbers above are no user of a container.
std::optional<uint32_t> ParseUserId(std::string_view text) {
  const auto id = ParseAccountId(text);
  return id && *id <= kHighestId ? id : std::nullopt;
}

std::optional<UserEntry> FindEntry(std::string_view user, std::string_view passwd) {
  const auto number = user.empty() ? std::optional<uint32_t>(0) : ParseUserId(user);
  return FindUserEntry(passwd, [&](const UserEntry& entry) {
    const bool fits = entry.uid <= kHighestId && entry.gid <= kHighestId;
    return fits && (number ? entry.uid == *number : entry.name == user);
  });
}

std::vector<uint32_t> GroupsOf(std::string_view name, std::string_view group) {
  std::vector<uint32_t> groups;
  FindGroupEntry(group, [&](const GroupEntry& entry) {
    const bool lists = std::ranges::find(entry.members, name) != entry.members.end();
    if (lists && entry.gid <= kHighestId) groups.push_back(entry.gid);
    return groups.size() == kMaxGroups;
  });
  return groups;
}

Result<uint32_t> FindGroup(std::string_view wanted, std::string_view group) {
  if (const auto number = ParseUserId(wanted)) return *number;
  const auto found =
      FindGroupEntry(group, [&](const GroupEntry& entry) { return entry.name == wanted && entry.gid <= kHighestId; });
  if (!found) return Fail(Code::kNotFound, "there is no group '{}' in the image's /etc/group", wanted);
  return found->gid;
}

}  // namespace

Result<ImageUser> FindUser(std::string_view user, std::string_view passwd, std::string_view group) {
  const size_t colon = user.find(':');
  const std::string_view name = user.substr(0, colon);
  const std::string_view group_name = colon == std::string_view::npos ? "" : user.substr(colon + 1);
  const auto entry = FindEntry(name, passwd);
  const auto number = name.empty() ? std::optional<uint32_t>(0) : ParseUserId(name);
  if (!entry && !number) return Fail(Code::kNotFound, "there is no user '{}' in the image's /etc/passwd", name);
  ImageUser found;
  found.ids.uid = entry ? entry->uid : *number;
  found.ids.gid = entry ? entry->gid : 0;
  if (entry) found.home = entry->home;
  if (found.home.empty()) found.home = found.ids.uid == 0 ? "/root" : "/";
  if (!group_name.empty()) {
    BURROW_ASSIGN_OR_RETURN(found.ids.gid, FindGroup(group_name, group));
  } else if (entry) {
    found.ids.groups = GroupsOf(entry->name, group);
  }
  return found;
}

std::vector<std::string> WithDefaultVariables(std::vector<std::string> env, const std::string& home) {
  const auto add = [&](const std::string& name, const std::string& value) {
    if (std::ranges::none_of(env, [&](const auto& variable) { return variable.starts_with(name + "="); }))
      env.push_back(fmt::format("{}={}", name, value));
  };
  add("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  add("HOME", home);
  return env;
}

}  // namespace burrow::builder
