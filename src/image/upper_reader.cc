#include "image/upper_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <string_view>

#include "image/content.h"
#include "image/upper_scan.h"
#include "image/walk.h"
#include "os/fs.h"

namespace burrow::image {
namespace {

constexpr size_t kCopyChunk = 1u << 20;

// ENODATA: an attribute went between two calls. kAborted: a file became something else.
bool IsGone(const Error& error) {
  return error.code() == Code::kAborted || HasGone(error.os_errno()) || error.os_errno() == ENODATA;
}

// By which the kernel dates changes.
int64_t CoarseNow() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

// A change within the same tick of the clock may leave the fingerprint as it is.
void Remember(UpperRead& read, const Fingerprint& print, int64_t looked_at) {
  read.told.print = print;
  read.told.unsettled.reset();
  if (print.ctime_ns >= looked_at) read.told.unsettled = SignatureOf(read.entry);
}

Result<UniqueFd> OpenParent(int upper, const std::string& path) {
  const size_t slash = path.rfind('/');
  return os::OpenBeneath(upper, slash == path.npos ? "." : path.substr(0, slash), O_PATH | O_DIRECTORY);
}

std::string NameOf(const std::string& path) { return path.empty() ? "." : path.substr(path.rfind('/') + 1); }

struct Looked {
  struct stat st;
  int64_t at;
};
// Begins to write the file's pages back, which makes a later write through a mapping touch its times again.
Result<Looked> LookBeforeReading(int file) {
  (void)::sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE);
  Looked looked{.st = {}, .at = CoarseNow()};
  if (::fstat(file, &looked.st) != 0) return FailErrno("stat it");
  return looked;
}

}  // namespace

cas::Digest SignatureOf(const UpperEntry& entry) {
  const TreeInode& inode = *entry.inode;
  std::string text = fmt::format("{} {} {} {} {} {} {} {} {} {}:{}", static_cast<int>(entry.kind), inode.mode,
                                 inode.uid, inode.gid, inode.rdev, inode.size, inode.mtime, inode.mtime_ns,
                                 inode.digest.Hex(), inode.target.size(), inode.target);
  for (const auto& [name, value] : inode.xattrs)
    text += fmt::format(" {}:{} {}:{}", name.size(), name, value.size(), value);
  return cas::Digest::Of(text);
}

Result<std::optional<UpperRead>> UpperReader::Read(const std::string& path) const {
  auto read = ReadThere(path);
  if (read) return std::move(*read);
  if (IsGone(read.error())) return std::nullopt;
  return Forward(std::move(read.error()).WithContext("/" + path));
}

// The fingerprint is taken before everything else that is told.
Result<UpperRead> UpperReader::ReadThere(const std::string& path) const {
  BURROW_ASSIGN_OR_RETURN(const UniqueFd parent, OpenParent(upper_, path));
  const std::string name = NameOf(path);
  Looked looked{.st = {}, .at = CoarseNow()};
  if (::fstatat(parent.get(), name.c_str(), &looked.st, AT_SYMLINK_NOFOLLOW) != 0) return FailErrno("stat it");
  UniqueFd file;
  if (S_ISREG(looked.st.st_mode)) {
    BURROW_ASSIGN_OR_RETURN(file, OpenWalked(parent.get(), name));
    BURROW_ASSIGN_OR_RETURN(looked, LookBeforeReading(file.get()));
  }
  if (S_ISSOCK(looked.st.st_mode) || IsWhiteout(looked.st)) return FailErrno("read it", ENOENT);
  UpperRead read;
  BURROW_ASSIGN_OR_RETURN(read.entry, ReadEntry(parent.get(), name, path, looked.st));
  if (file.valid()) {
    TreeInode& inode = *read.entry.inode;
    Status hashed = HashContent(file.get(), inode.size, inode, store_);
    if (!hashed && hashed.error().code() == Code::kAborted) hashed = PutCopy(file.get(), read);
    BURROW_RETURN_IF_ERROR(hashed);
  }
  Remember(read, FingerprintOf(looked.st, path.empty()), looked.at);
  return read;
}

Result<bool> UpperReader::Put(UpperRead& read) const {
  auto file = OpenWalked(upper_, read.entry.path);
  if (!file && IsGone(file.error())) return false;
  if (!file) return Forward(std::move(file.error()));
  struct stat st{};
  if (::fstat(file->get(), &st) != 0) return FailErrno("stat /" + read.entry.path);
  if (FingerprintOf(st, false) == read.told.print) {
    Status put = store_.PutFile(read.entry.inode->digest, file->get());
    if (put) return true;
    if (put.error().code() != Code::kInvalidArgument)
      return Forward(std::move(put.error()).WithContext("/" + read.entry.path));
  }
  Status copied = PutCopy(file->get(), read);
  if (!copied) return Forward(std::move(copied.error()).WithContext("/" + read.entry.path));
  return true;
}

Status UpperReader::PutCopy(int file, UpperRead& read) const {
  BURROW_ASSIGN_OR_RETURN(const Looked looked, LookBeforeReading(file));
  BURROW_ASSIGN_OR_RETURN(UniqueFd copy, os::Open(scratch_, O_TMPFILE | O_RDWR, 0600));
  std::string buffer(kCopyChunk, '\0');
  uint64_t left = static_cast<uint64_t>(looked.st.st_size), size = 0;
  while (left > 0) {
    const ssize_t n = ::pread(file, buffer.data(), std::min<uint64_t>(left, buffer.size()), static_cast<off_t>(size));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("read it");
    if (n == 0) break;
    BURROW_RETURN_IF_ERROR(os::WriteAll(copy.get(), {buffer.data(), static_cast<size_t>(n)}));
    size += static_cast<uint64_t>(n);
    left -= static_cast<uint64_t>(n);
  }
  if (::lseek(copy.get(), 0, SEEK_SET) != 0) return FailErrno("rewind a copy");
  TreeInode& inode = *read.entry.inode;
  inode.size = size;
  inode.mtime = looked.st.st_mtim.tv_sec;
  inode.mtime_ns = static_cast<uint32_t>(looked.st.st_mtim.tv_nsec);
  BURROW_RETURN_IF_ERROR(HashContent(copy.get(), std::numeric_limits<uint64_t>::max(), inode, store_));
  // The rest of what is told is older than this copy, and looked at again.
  Remember(read, FingerprintOf(looked.st, false), 0);
  return size > 0 ? store_.PutFile(inode.digest, copy.get()) : Status();
}

}  // namespace burrow::image
