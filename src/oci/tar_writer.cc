#include "oci/tar_writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <new>
#include <optional>

namespace burrow::oci {
namespace {

struct EntryDeleter {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};
using EntryHandle = std::unique_ptr<archive_entry, EntryDeleter>;

EntryHandle NewEntry(const std::string& path) {
  EntryHandle entry(archive_entry_new());
  if (!entry) throw std::bad_alloc();
  archive_entry_set_pathname(entry.get(), path.c_str());
  return entry;
}

// libarchive writes seconds and fraction one behind the other: "-1.25" is -1 and .25, and "-0.25" cannot be said.
void SetTime(archive_entry* entry, const image::Inode& inode) {
  if (inode.mtime >= 0 || inode.mtime_ns == 0) return archive_entry_set_mtime(entry, inode.mtime, inode.mtime_ns);
  if (inode.mtime == -1) return archive_entry_set_mtime(entry, -1, 0);
  archive_entry_set_mtime(entry, inode.mtime + 1, 1'000'000'000 - inode.mtime_ns);
}

}  // namespace

struct TarWriter::State {
  explicit State(const TarSink& s) : sink(s), writer(archive_write_new()) {
    if (!writer) throw std::bad_alloc();
  }
  ~State() { archive_write_free(writer); }

  static la_ssize_t Write(archive*, void* self, const void* bytes, size_t size) {
    auto* state = static_cast<State*>(self);
    Status written = state->sink({static_cast<const char*>(bytes), size});
    if (written) return static_cast<la_ssize_t>(size);
    state->failure = std::move(written.error());
    return -1;
  }
  Status Check(la_ssize_t result) {
    if (result >= ARCHIVE_OK) return {};
    if (failure) return Forward(*failure);
    const char* words = archive_error_string(writer);
    return Fail(Code::kInternal, "write a tar: {}", words ? words : "it cannot be written");
  }

  const TarSink& sink;
  archive* writer;
  std::optional<Error> failure;
};

TarWriter::TarWriter(const TarSink& sink) : state_(std::make_unique<State>(sink)) {
  archive_write_set_format_pax(state_->writer);
  // Names are bytes, not text of some character set.
  archive_write_set_options(state_->writer, "hdrcharset=BINARY,xattrheader=SCHILY");
  archive_write_set_bytes_per_block(state_->writer, 0);
  archive_write_open(state_->writer, state_.get(), nullptr, State::Write, nullptr);
}

TarWriter::~TarWriter() = default;

Status TarWriter::Begin(const std::string& path, const image::Inode& inode,
                        const std::vector<image::ExtendedAttribute>& xattrs) {
  EntryHandle entry = NewEntry(path);
  archive_entry_set_mode(entry.get(), inode.mode);
  archive_entry_set_uid(entry.get(), inode.uid);
  archive_entry_set_gid(entry.get(), inode.gid);
  SetTime(entry.get(), inode);
  if (S_ISREG(inode.mode)) archive_entry_set_size(entry.get(), static_cast<la_int64_t>(inode.size));
  if (S_ISLNK(inode.mode)) archive_entry_set_symlink(entry.get(), std::string(inode.target).c_str());
  if (S_ISCHR(inode.mode) || S_ISBLK(inode.mode)) {
    archive_entry_set_rdevmajor(entry.get(), major(inode.rdev));
    archive_entry_set_rdevminor(entry.get(), minor(inode.rdev));
  }
  for (const image::ExtendedAttribute& xattr : xattrs) {
    archive_entry_xattr_add_entry(entry.get(), std::string(xattr.name).c_str(), xattr.value.data(), xattr.value.size());
  }
  return state_->Check(archive_write_header(state_->writer, entry.get()));
}

Status TarWriter::Link(const std::string& path, const std::string& earlier) {
  EntryHandle entry = NewEntry(path);
  archive_entry_set_mode(entry.get(), S_IFREG | 0644);
  archive_entry_set_hardlink(entry.get(), earlier.c_str());
  return state_->Check(archive_write_header(state_->writer, entry.get()));
}

Status TarWriter::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    la_ssize_t n = archive_write_data(state_->writer, bytes.data(), bytes.size());
    BURROW_RETURN_IF_ERROR(state_->Check(n));
    if (n == 0) return Fail(Code::kDataLoss, "a file is longer than the image says");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Status TarWriter::AddFile(const std::string& path, std::string_view content) {
  BURROW_RETURN_IF_ERROR(Begin(path, {.mode = S_IFREG | 0644, .size = content.size()}, {}));
  return Append(content);
}

Status TarWriter::Finish() { return state_->Check(archive_write_close(state_->writer)); }

}  // namespace burrow::oci
