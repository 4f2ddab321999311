#include "builder/owner.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace burrow::builder {
namespace {

constexpr uint64_t kMaxAccounts = 10u << 20;  // bytes of /etc/passwd or /etc/group

// The largest number means "nobody is meant" to the kernel.
std::optional<uint32_t> ParseId(std::string_view text) {
  uint32_t id = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id == UINT32_MAX) return std::nullopt;
  return id;
}

// Empty where the file is not there or is no file.
Result<std::string> ReadAccounts(const image::Tree& tree, const char* path, const ReadFile& read) {
  auto place = FindPlace(tree.root(), path);
  if (!place || !place->exists() || !S_ISREG(place->node().inode->mode)) return std::string();
  const image::TreeInode& inode = *place->node().inode;
  if (inode.size > kMaxAccounts) return Fail(Code::kInvalidArgument, "the image's {} is too large", path);
  if (inode.size == 0) return std::string();
  return read(inode);
}

// "name:password:3:4:..." -> "name", "password", "3", "4"
std::vector<std::string_view> Fields(std::string_view line) {
  std::vector<std::string_view> fields;
  while (fields.size() < 4) {
    size_t colon = line.find(':');
    fields.push_back(line.substr(0, colon));
    if (colon == std::string_view::npos) break;
    line.remove_prefix(colon + 1);
  }
  return fields;
}

// The fields of the line that begins with the name.
std::vector<std::string_view> FindAccount(std::string_view accounts, std::string_view name) {
  while (!accounts.empty()) {
    std::string_view line = accounts.substr(0, accounts.find('\n'));
    accounts.remove_prefix(std::min(accounts.size(), line.size() + 1));
    auto fields = Fields(line);
    if (fields[0] == name) return fields;
  }
  return {};
}

Result<Ownership> FindUser(const image::Tree& tree, const std::string& name, const ReadFile& read) {
  if (auto id = ParseId(name)) return Ownership{*id, *id};
  BURROW_ASSIGN_OR_RETURN(std::string accounts, ReadAccounts(tree, "/etc/passwd", read));
  auto fields = FindAccount(accounts, name);
  auto uid = fields.size() > 3 ? ParseId(fields[2]) : std::nullopt;
  auto gid = fields.size() > 3 ? ParseId(fields[3]) : std::nullopt;
  if (!uid || !gid) return Fail(Code::kInvalidArgument, "the image's /etc/passwd has no user '{}'", name);
  return Ownership{*uid, *gid};
}

Result<uint32_t> FindGroup(const image::Tree& tree, const std::string& name, const ReadFile& read) {
  if (auto id = ParseId(name)) return *id;
  BURROW_ASSIGN_OR_RETURN(std::string accounts, ReadAccounts(tree, "/etc/group", read));
  auto fields = FindAccount(accounts, name);
  auto gid = fields.size() > 2 ? ParseId(fields[2]) : std::nullopt;
  if (!gid) return Fail(Code::kInvalidArgument, "the image's /etc/group has no group '{}'", name);
  return *gid;
}

}  // namespace

Result<Ownership> FindOwner(const image::Tree& tree, const std::string& text, const ReadFile& read) {
  size_t colon = text.find(':');
  std::string user = text.substr(0, colon);
  std::string group = colon == std::string::npos ? "" : text.substr(colon + 1);
  Ownership owner;
  if (!user.empty()) {
    BURROW_ASSIGN_OR_RETURN(owner, FindUser(tree, user, read));
  }
  if (!group.empty()) {
    BURROW_ASSIGN_OR_RETURN(owner.gid, FindGroup(tree, group, read));
  }
  return owner;
}

}  // namespace burrow::builder
