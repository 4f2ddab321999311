#include "builder/owner.h"

#include <sys/stat.h>

#include "builder/accounts.h"

namespace burrow::builder {
namespace {

constexpr uint64_t kMaxAccounts = 10u << 20;  // bytes of /etc/passwd or /etc/group

// Empty where the file is not there or is no file.
Result<std::string> ReadAccounts(const image::Tree& tree, const char* path, const ReadFile& read) {
  auto place = FindPlace(tree.root(), path);
  if (!place || !place->exists() || !S_ISREG(place->node().inode->mode)) return std::string();
  const image::TreeInode& inode = *place->node().inode;
  if (inode.size > kMaxAccounts) return Fail(Code::kInvalidArgument, "the image's {} is too large", path);
  if (inode.size == 0) return std::string();
  return read(inode);
}

Result<Ownership> UserIds(const image::Tree& tree, const std::string& name, const ReadFile& read) {
  if (auto id = ParseAccountId(name)) return Ownership{*id, *id};
  BURROW_ASSIGN_OR_RETURN(std::string accounts, ReadAccounts(tree, "/etc/passwd", read));
  auto found = FindUserEntry(accounts, [&](const UserEntry& entry) { return entry.name == name; });
  if (!found) return Fail(Code::kInvalidArgument, "the image's /etc/passwd has no user '{}'", name);
  return Ownership{found->uid, found->gid};
}

Result<uint32_t> GroupId(const image::Tree& tree, const std::string& name, const ReadFile& read) {
  if (auto id = ParseAccountId(name)) return *id;
  BURROW_ASSIGN_OR_RETURN(std::string accounts, ReadAccounts(tree, "/etc/group", read));
  auto found = FindGroupEntry(accounts, [&](const GroupEntry& entry) { return entry.name == name; });
  if (!found) return Fail(Code::kInvalidArgument, "the image's /etc/group has no group '{}'", name);
  return found->gid;
}

}  // namespace

Result<Ownership> FindOwner(const image::Tree& tree, const std::string& text, const ReadFile& read) {
  size_t colon = text.find(':');
  std::string user = text.substr(0, colon);
  std::string group = colon == std::string::npos ? "" : text.substr(colon + 1);
  Ownership owner;
  if (!user.empty()) {
    BURROW_ASSIGN_OR_RETURN(owner, UserIds(tree, user, read));
  }
  if (!group.empty()) {
    BURROW_ASSIGN_OR_RETURN(owner.gid, GroupId(tree, group, read));
  }
  return owner;
}

}  // namespace burrow::builder
