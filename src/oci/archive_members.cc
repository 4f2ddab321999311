#include "oci/archive_members.h"

#include "oci/entry_path.h"
#include "oci/tar_stream.h"

namespace burrow::oci {
namespace {

// The content of the member whose header is at `position`.
class MemberSource final : public ByteSource {
 public:
  MemberSource(int fd, uint64_t position) : file_(fd, position), tar_(file_) {}
  Status Open() {
    BURROW_RETURN_IF_ERROR(tar_.Open());
    BURROW_ASSIGN_OR_RETURN(bool there, tar_.Next());
    return there ? Status() : Fail(Code::kInvalidArgument, "the archive changed while it was read");
  }
  Result<std::string_view> Next() override { return tar_.NextContent(); }

 private:
  FileSource file_;
  TarStream tar_;
};

// "../abc/layer.tar" in "def/layer.tar" means "abc/layer.tar"; "" for what leaves the archive.
std::string LinkTarget(const std::string& name, std::string target) {
  std::string directory = name.substr(0, name.rfind('/') == std::string::npos ? 0 : name.rfind('/'));
  while (target.starts_with("../")) {
    if (directory.empty()) return {};
    target.erase(0, 3);
    size_t slash = directory.rfind('/');
    directory = slash == std::string::npos ? "" : directory.substr(0, slash);
  }
  auto path = EntryPath(directory + "/" + target);
  return path ? *path : std::string();
}

}  // namespace

Result<ArchiveMembers> ArchiveMembers::List(int fd, const std::stop_token& stop) {
  FileSource file(fd);
  TarStream tar(file);
  BURROW_RETURN_IF_ERROR(tar.Open());
  ArchiveMembers members(fd);
  for (;;) {
    if (stop.stop_requested()) return Fail(Code::kCancelled, "the import was cancelled");
    BURROW_ASSIGN_OR_RETURN(bool more, tar.Next());
    if (!more) return members;
    const char* raw = archive_entry_pathname(tar.entry());
    auto name = EntryPath(raw ? raw : "");
    if (!name) continue;  // a rootfs may hold it; archives of images do not
    if (members.members_.size() == kMaxMembers) return Fail(Code::kOutOfRange, "the archive has too many members");
    Member member{.position = tar.header_position(), .size = tar.size()};
    const char* symlink = archive_entry_symlink(tar.entry());
    const char* hardlink = archive_entry_hardlink(tar.entry());
    if (symlink) member.link = LinkTarget(*name, symlink);
    if (hardlink) member.link = EntryPath(hardlink).value_or("");
    if (!symlink && !hardlink && archive_entry_filetype(tar.entry()) != AE_IFREG) continue;
    members.members_.insert_or_assign(std::move(*name), std::move(member));
  }
}

const ArchiveMembers::Member* ArchiveMembers::Find(const std::string& name) const {
  auto found = members_.find(name);
  if (found != members_.end() && !found->second.link.empty()) found = members_.find(found->second.link);
  return found == members_.end() || !found->second.link.empty() ? nullptr : &found->second;
}

Result<const ArchiveMembers::Member*> ArchiveMembers::Require(const std::string& name) const {
  const Member* member = Find(name);
  if (!member) return Fail(Code::kNotFound, "the archive has no '{}'", name);
  return member;
}

Result<uint64_t> ArchiveMembers::Size(const std::string& name) const {
  BURROW_ASSIGN_OR_RETURN(const Member* member, Require(name));
  return member->size;
}

Result<std::unique_ptr<ByteSource>> ArchiveMembers::Open(const std::string& name) const {
  BURROW_ASSIGN_OR_RETURN(const Member* member, Require(name));
  auto source = std::make_unique<MemberSource>(fd_, member->position);
  BURROW_RETURN_IF_ERROR(source->Open());
  return source;
}

Result<std::string> ArchiveMembers::Read(const std::string& name, uint64_t limit) const {
  BURROW_ASSIGN_OR_RETURN(auto source, Open(name));
  std::string content;
  for (;;) {
    BURROW_ASSIGN_OR_RETURN(std::string_view bytes, source->Next());
    if (bytes.empty()) return content;
    if (bytes.size() > limit - content.size()) return Fail(Code::kOutOfRange, "the archive's '{}' is too large", name);
    content += bytes;
  }
}

}  // namespace burrow::oci
