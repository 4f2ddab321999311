#include "cas/disk_blob_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <atomic>
#include <cstring>
#include <optional>

#include "base/faults.h"
#include "base/ids.h"
#include "os/directory_stream.h"
#include "os/fs.h"

namespace burrow::cas {
namespace {

constexpr size_t kChunk = 256u << 10;
constexpr char kTemporary[] = "tmp";

std::string PathOf(const Digest& digest) {
  std::string hex = digest.Hex();
  return hex.substr(0, 2) + "/" + hex.substr(2);
}

std::unexpected<Error> FailStore(std::string_view what, int os_errno = errno) {
  if (os_errno != ENOSPC && os_errno != EDQUOT) return FailErrno(what, os_errno);
  return std::unexpected(Error(Code::kResourceExhausted,
                               fmt::format("{}: the disk of the blob directory is full; free some space there", what),
                               os_errno));
}

// Calls `visit` with each name in the directory but "." and "..".
template <class Visit>
void ForEachName(int directory, Visit visit) {
  os::DirectoryStream dir = os::OpenDirectoryStream(directory, ".");
  if (!dir) return;
  while (dirent* entry = ::readdir(dir.get())) {
    std::string_view name = entry->d_name;
    if (name != "." && name != "..") visit(entry->d_name);
  }
}

// Removes the temporary directories of stores whose process has ended: nobody holds their lock any more.
void RemoveLeftovers(int temporary) {
  ForEachName(temporary, [&](const char* name) {
    UniqueFd old(::openat(temporary, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!old.valid() || ::flock(old.get(), LOCK_EX | LOCK_NB) != 0) return;
    ForEachName(old.get(), [&](const char* file) { ::unlinkat(old.get(), file, 0); });
    ::unlinkat(temporary, name, AT_REMOVEDIR);
  });
}

struct OwnDirectory {
  std::string name;
  UniqueFd fd;
};

// A locked directory of this store's own for half-written blobs.
Result<OwnDirectory> MakeOwnDirectory(int temporary) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    OwnDirectory own{.name = NewIdText("w")};
    if (::mkdirat(temporary, own.name.c_str(), 0700) != 0) return FailStore("make a directory for temporary files");
    own.fd.Reset(::openat(temporary, own.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat st;
    // Between mkdir and flock another process may have taken the directory for a leftover.
    if (own.fd.valid() && ::flock(own.fd.get(), LOCK_EX | LOCK_NB) == 0 && ::fstat(own.fd.get(), &st) == 0 &&
        st.st_nlink > 0) {
      return own;
    }
  }
  return Fail(Code::kInternal, "cannot keep a directory for temporary files: it is removed again and again");
}

}  // namespace

struct DiskBlobStore::Directory {
  UniqueFd root, temporary;
  OwnDirectory own;
  std::atomic<uint64_t> next_name = 0;

  ~Directory() {
    if (own.fd.valid()) ::unlinkat(temporary.get(), own.name.c_str(), AT_REMOVEDIR);
  }
  // Moves a finished temporary file to its blob's name.
  Status Commit(const std::string& temporary_name, const Digest& digest) const {
    std::string path = PathOf(digest);
    if (::renameat(own.fd.get(), temporary_name.c_str(), root.get(), path.c_str()) == 0) return {};
    if (errno != ENOENT) return FailStore("store a blob");
    if (::mkdirat(root.get(), path.substr(0, 2).c_str(), 0700) != 0 && errno != EEXIST)
      return FailStore("store a blob");
    if (::renameat(own.fd.get(), temporary_name.c_str(), root.get(), path.c_str()) != 0)
      return FailStore("store a blob");
    return {};
  }
};

struct DiskBlobWriter::State {
  std::shared_ptr<DiskBlobStore::Directory> directory;
  std::string name;
  UniqueFd fd;
  std::optional<Hasher> hasher;  // none: the source verifies
  bool committed = false;

  ~State() {
    if (!committed) ::unlinkat(directory->own.fd.get(), name.c_str(), 0);
  }
};

DiskBlobWriter::DiskBlobWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
DiskBlobWriter::DiskBlobWriter(DiskBlobWriter&&) noexcept = default;
DiskBlobWriter& DiskBlobWriter::operator=(DiskBlobWriter&&) noexcept = default;
DiskBlobWriter::~DiskBlobWriter() = default;

Status DiskBlobWriter::Append(std::string_view data) {
  if (state_->hasher) state_->hasher->Update(data);
  while (!data.empty()) {
    ssize_t n = ::write(state_->fd.get(), data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailStore("write a blob");
    data.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Status DiskBlobWriter::Commit(const Digest& expected) {
  if (Digest actual = state_->hasher ? state_->hasher->Finish() : expected; actual != expected) {
    return Fail(Code::kInvalidArgument, "the bytes hash to {}, not to {}", actual.Hex(), expected.Hex());
  }
  BURROW_RETURN_IF_ERROR(FaultPoint("cas.commit.before_rename"));
  BURROW_RETURN_IF_ERROR(state_->directory->Commit(state_->name, expected));
  state_->committed = true;
  return {};
}

DiskBlobStore::DiskBlobStore(std::shared_ptr<Directory> directory) : directory_(std::move(directory)) {}
DiskBlobStore::~DiskBlobStore() = default;

Result<std::unique_ptr<DiskBlobStore>> DiskBlobStore::Open(const std::string& directory) {
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(directory, 0700));
  auto state = std::make_shared<Directory>();
  BURROW_ASSIGN_OR_RETURN(state->root, os::Open(directory, O_RDONLY | O_DIRECTORY));
  if (::mkdirat(state->root.get(), kTemporary, 0700) != 0 && errno != EEXIST) return FailStore("prepare " + directory);
  state->temporary.Reset(::openat(state->root.get(), kTemporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!state->temporary.valid()) return FailErrno("open " + directory + "/tmp");
  RemoveLeftovers(state->temporary.get());
  BURROW_ASSIGN_OR_RETURN(state->own, MakeOwnDirectory(state->temporary.get()));
  return std::unique_ptr<DiskBlobStore>(new DiskBlobStore(std::move(state)));
}

Result<UniqueFd> DiskBlobStore::OpenBlob(const Digest& digest) {
  UniqueFd fd(::openat(directory_->root.get(), PathOf(digest).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (fd.valid()) return fd;
  if (errno == ENOENT) return Fail(Code::kNotFound, "there is no blob {}", digest.Hex());
  return FailErrno("open blob " + digest.Hex());
}

Result<DiskBlobWriter> DiskBlobStore::NewWriter(Bytes bytes) {
  auto state = std::make_unique<DiskBlobWriter::State>();
  if (bytes == Bytes::kToVerify) state->hasher.emplace();
  state->directory = directory_;
  state->name = std::to_string(directory_->next_name.fetch_add(1));
  state->fd.Reset(
      ::openat(directory_->own.fd.get(), state->name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!state->fd.valid()) return FailStore("make a temporary file for a blob");
  return DiskBlobWriter(std::move(state));
}

Result<uint64_t> DiskBlobStore::Size(const Digest& digest) {
  struct stat st;
  if (::fstatat(directory_->root.get(), PathOf(digest).c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) {
    return static_cast<uint64_t>(st.st_size);
  }
  if (errno == ENOENT) return Fail(Code::kNotFound, "there is no blob {}", digest.Hex());
  return FailErrno("stat blob " + digest.Hex());
}

Status DiskBlobStore::Remove(const Digest& digest) {
  if (::unlinkat(directory_->root.get(), PathOf(digest).c_str(), 0) != 0 && errno != ENOENT) {
    return FailErrno("remove blob " + digest.Hex());
  }
  return {};
}

Result<bool> DiskBlobStore::Has(const Digest& digest) {
  auto size = Size(digest);
  if (size) return true;
  if (size.error().code() == Code::kNotFound) return false;
  return Forward(std::move(size.error()));
}

Result<std::vector<Digest>> DiskBlobStore::Missing(const std::vector<Digest>& digests) {
  std::vector<Digest> missing;
  for (const Digest& digest : digests) {
    BURROW_ASSIGN_OR_RETURN(bool has, Has(digest));
    if (!has) missing.push_back(digest);
  }
  return missing;
}

Status DiskBlobStore::Get(const Digest& digest, const BlobSink& sink) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd fd, OpenBlob(digest));
  auto buffer = std::make_unique_for_overwrite<char[]>(kChunk);
  Hasher hasher;
  for (;;) {
    ssize_t n = ::read(fd.get(), buffer.get(), kChunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("read blob " + digest.Hex());
    if (n == 0) break;
    std::string_view data(buffer.get(), static_cast<size_t>(n));
    hasher.Update(data);
    BURROW_RETURN_IF_ERROR(sink(data));
  }
  if (hasher.Finish() != digest) return Fail(Code::kDataLoss, "blob {} is damaged on disk", digest.Hex());
  return {};
}

Status DiskBlobStore::GetRange(const Digest& digest, uint64_t offset, uint64_t length, const BlobSink& sink) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd fd, OpenBlob(digest));
  auto buffer = std::make_unique_for_overwrite<char[]>(std::min<uint64_t>(kChunk, length));
  while (length > 0) {
    ssize_t n = ::pread(fd.get(), buffer.get(), std::min<uint64_t>(kChunk, length), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("read blob " + digest.Hex());
    if (n == 0) return Fail(Code::kOutOfRange, "blob {} ends at byte {}", digest.Hex(), offset);
    BURROW_RETURN_IF_ERROR(sink({buffer.get(), static_cast<size_t>(n)}));
    offset += static_cast<uint64_t>(n);
    length -= static_cast<uint64_t>(n);
  }
  return {};
}

Status DiskBlobStore::Put(const Digest& digest, std::string_view data) { return Put(digest, data, Bytes::kToVerify); }

Status DiskBlobStore::Put(const Digest& digest, std::string_view data, Bytes bytes) {
  // A size that differs is what a power failure leaves of a blob that was never synced: it is written again.
  if (auto size = Size(digest); size && *size == data.size()) return {};
  BURROW_ASSIGN_OR_RETURN(DiskBlobWriter writer, NewWriter(bytes));
  BURROW_RETURN_IF_ERROR(writer.Append(data));
  return writer.Commit(digest);
}

Status DiskBlobStore::PutFile(const Digest& digest, int fd) {
  struct stat st;
  if (::fstat(fd, &st) != 0) return FailErrno("stat the file to store");
  if (auto size = Size(digest); size && *size == static_cast<uint64_t>(st.st_size)) return {};
  BURROW_ASSIGN_OR_RETURN(DiskBlobWriter writer, NewWriter());
  auto buffer = std::make_unique_for_overwrite<char[]>(kChunk);
  for (off_t offset = 0;;) {
    ssize_t n = ::pread(fd, buffer.get(), kChunk, offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("read the file to store");
    if (n == 0) return writer.Commit(digest);
    BURROW_RETURN_IF_ERROR(writer.Append({buffer.get(), static_cast<size_t>(n)}));
    offset += n;
  }
}

Result<std::unique_ptr<BlobWriter>> DiskBlobStore::StartBlob() {
  BURROW_ASSIGN_OR_RETURN(DiskBlobWriter writer, NewWriter());
  return std::make_unique<DiskBlobWriter>(std::move(writer));
}

Status DiskBlobStore::List(const BlobVisitor& visit) {
  Status status;
  ForEachName(directory_->root.get(), [&](const char* name) {
    if (!status || std::strlen(name) != 2) return;
    UniqueFd fan(::openat(directory_->root.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fan.valid()) return;
    ForEachName(fan.get(), [&](const char* rest) {
      auto digest = Digest::FromHex(std::string(name) + rest);
      struct stat st;
      if (!status || !digest || ::fstatat(fan.get(), rest, &st, AT_SYMLINK_NOFOLLOW) != 0) return;
      auto ms = static_cast<uint64_t>(st.st_mtim.tv_sec) * 1000 + static_cast<uint64_t>(st.st_mtim.tv_nsec) / 1'000'000;
      status = visit(*digest, {.size = static_cast<uint64_t>(st.st_size), .stored_ms = ms});
    });
  });
  return status;
}

Status DiskBlobStore::Sync() {
  if (::syncfs(directory_->root.get()) != 0) return FailErrno("sync the blob directory");
  return {};
}

}  // namespace burrow::cas
