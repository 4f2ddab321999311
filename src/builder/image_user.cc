#include "builder/image_user.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>

namespace burrow::builder {
namespace {

constexpr uint32_t kHighestId = 2'147'483'647;
constexpr size_t kMaxGroups = 65'536;  // of Linux

std::optional<uint32_t> ParseId(std::string_view text) {
  uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id > kHighestId) return std::nullopt;
  return id;
}

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

// Calls visit(fields of the line) until it says false. Lines with fewer fields are left out.
void EachLine(std::string_view text, size_t fields, const std::function<bool(const Fields&)>& visit) {
  for (std::string_view line : Split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    const Fields parts = Split(line, ':');
    if (parts.size() >= fields && !line.starts_with('#') && !visit(parts)) return;
  }
}

struct PasswdEntry {
  std::string name, home;
  uint32_t uid = 0, gid = 0;
};

std::optional<PasswdEntry> FindEntry(std::string_view user, std::string_view passwd) {
  const auto number = user.empty() ? std::optional<uint32_t>(0) : ParseId(user);
  std::optional<PasswdEntry> found;
  EachLine(passwd, 4, [&](const Fields& fields) {
    const auto uid = ParseId(fields[2]), gid = ParseId(fields[3]);
    if (!uid || !gid || (number ? *uid != *number : fields[0] != user)) return true;
    found = {.name = std::string(fields[0]),
             .home = std::string(fields.size() > 5 ? fields[5] : ""),
             .uid = *uid,
             .gid = *gid};
    return false;
  });
  return found;
}

std::vector<uint32_t> GroupsOf(std::string_view name, std::string_view group) {
  std::vector<uint32_t> groups;
  EachLine(group, 4, [&](const Fields& fields) {
    const auto members = Split(fields[3], ',');
    const auto gid = ParseId(fields[2]);
    if (gid && std::ranges::find(members, name) != members.end()) groups.push_back(*gid);
    return groups.size() < kMaxGroups;
  });
  return groups;
}

Result<uint32_t> FindGroup(std::string_view wanted, std::string_view group) {
  const auto number = ParseId(wanted);
  if (number) return *number;
  std::optional<uint32_t> found;
  EachLine(group, 3, [&](const Fields& fields) {
    if (fields[0] == wanted) found = ParseId(fields[2]);
    return !found.has_value();
  });
  if (!found) return Fail(Code::kNotFound, "there is no group '{}' in the image's /etc/group", wanted);
  return *found;
}

}  // namespace

Result<ImageUser> FindUser(std::string_view user, std::string_view passwd, std::string_view group) {
  const size_t colon = user.find(':');
  const std::string_view name = user.substr(0, colon);
  const std::string_view group_name = colon == std::string_view::npos ? "" : user.substr(colon + 1);
  const auto entry = FindEntry(name, passwd);
  const auto number = name.empty() ? std::optional<uint32_t>(0) : ParseId(name);
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
