#include "image/erofs_writer.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "image/erofs_format.h"
#include "image/erofs_layout.h"
#include "image/erofs_xattrs.h"

namespace burrow::image {
namespace {

using namespace erofs;

// Beyond the attributes of one inode. Memory that is used again and again costs less than the whole image at once.
constexpr uint64_t kWindow = 512u << 10;

// As getdents tells it: regular file, directory, character and block device, fifo, link.
uint8_t FileType(uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return 1;
    case S_IFDIR:
      return 2;
    case S_IFCHR:
      return 3;
    case S_IFBLK:
      return 4;
    case S_IFIFO:
      return 5;
    default:
      return 7;
  }
}

// Room in the image that is written from front to back. What is skipped stays zero.
class Window {
 public:
  explicit Window(const ErofsSink& sink) : sink_(sink), bytes_(kWindow, '\0') {}

  // Zeroed room, at most kWindow, behind all that was asked for before; until the next call.
  char* At(uint64_t offset, uint64_t size) {
    if (offset + size > begin_ + kWindow) Flush();
    if (used_ == 0) begin_ = offset;
    used_ = offset + size - begin_;
    return bytes_.data() + (offset - begin_);
  }
  void Flush() {
    if (used_ > 0 && status_) status_ = sink_(begin_, std::string_view(bytes_).substr(0, used_));
    std::memset(bytes_.data(), 0, used_);
    used_ = 0;
  }
  const Status& status() const { return status_; }

 private:
  const ErofsSink& sink_;
  std::string bytes_;
  uint64_t begin_ = 0, used_ = 0;
  Status status_;
};

class Writer {
 public:
  Writer(const Index& index, std::span<const Place> places, uint64_t size, const ErofsSink& sink)
      : index_(index), places_(places), size_(size), inodes_(sink), blocks_(sink) {}

  Status Write() {
    WriteSuperBlock();
    for (InodeNumber number = 0; number < index_.inode_count(); ++number) {
      WriteInode(number);
      BURROW_RETURN_IF_ERROR(inodes_.status());
      BURROW_RETURN_IF_ERROR(blocks_.status());
    }
    inodes_.Flush();
    blocks_.Flush();
    BURROW_RETURN_IF_ERROR(inodes_.status());
    return blocks_.status();
  }

 private:
  template <class Record>
  static void Put(Window& window, uint64_t offset, const Record& record) {
    std::memcpy(window.At(offset, sizeof record), &record, sizeof record);
  }
  static void PutText(Window& window, uint64_t offset, std::string_view text) {
    text.copy(window.At(offset, text.size()), text.size());
  }

  void WriteInode(InodeNumber number) {
    const Place& place = places_[number];
    Inode inode = index_.inode(number);
    Put(inodes_, place.offset,
        ExtendedInode{.format = ExtendedFormat(place.layout),
                      .xattr_units = XattrUnits(place.xattr_bytes),
                      .mode = static_cast<uint16_t>(inode.mode),
                      .size = place.size,
                      .data = DataWord(inode, place),
                      .number = number + 1,
                      .uid = inode.uid,
                      .gid = inode.gid,
                      .mtime = inode.mtime,
                      .mtime_ns = inode.mtime_ns,
                      .nlink = inode.nlink});
    if (place.xattr_bytes > 0) {
      std::string content = HasContent(inode) ? ContentPath(inode.digest) : std::string();
      char* at = inodes_.At(place.offset + sizeof(ExtendedInode), place.xattr_bytes);
      WriteXattrs(index_.xattrs(number), content, at);
    }
    if (S_ISDIR(inode.mode)) WriteDirectory(number, place);
    if (S_ISLNK(inode.mode)) {
      const bool behind_inode = place.layout == kInline;
      PutText(behind_inode ? inodes_ : blocks_, behind_inode ? place.TailOffset() : place.data, inode.target);
    }
    if (place.layout == kChunks) Put(inodes_, place.TailOffset(), kNoBlock);
  }

  static uint32_t DataWord(const Inode& inode, const Place& place) {
    if (place.layout == kChunks) return kLargestChunks;
    if (S_ISCHR(inode.mode) || S_ISBLK(inode.mode)) return inode.rdev;
    return place.BlockBytes() > 0 ? static_cast<uint32_t>(place.data / kBlock) : kNoBlock;
  }

  void WriteDirectory(InodeNumber number, const Place& place) {
    ListDirectory(index_, number, entries_);
    uint64_t written = 0;
    for (size_t at = 0; at < entries_.size();) {
      PackedEntries packed = PackBlock(entries_, at);
      bool behind_inode = written >= place.BlockBytes();
      uint64_t offset = behind_inode ? place.TailOffset() : place.data + written;
      WriteDirectoryBlock(at, packed, (behind_inode ? inodes_ : blocks_).At(offset, packed.bytes));
      written += kBlock;
      at = packed.end;
    }
  }

  void WriteDirectoryBlock(size_t begin, const PackedEntries& packed, char* at) {
    uint64_t name_offset = (packed.end - begin) * sizeof(Dirent);
    for (size_t i = begin; i < packed.end; ++i) {
      const DirectoryEntry& entry = entries_[i];
      const Dirent record{.nid = places_[entry.inode].Nid(),
                          .name_offset = static_cast<uint16_t>(name_offset),
                          .type = FileType(entry.type)};
      std::memcpy(at + (i - begin) * sizeof record, &record, sizeof record);
      entry.name.copy(at + name_offset, entry.name.size());
      name_offset += entry.name.size();
    }
  }

  void WriteSuperBlock() {
    Put(inodes_, kSuperOffset,
        SuperBlock{.magic = kMagic,
                   .feature_compat = kCompatMtime,
                   .block_bits = 12,
                   .root_nid = static_cast<uint16_t>(places_[kRootInode].Nid()),
                   .inodes = index_.inode_count(),
                   .blocks = static_cast<uint32_t>(size_ / kBlock),
                   .feature_incompat = kIncompatChunks});
  }

  const Index& index_;
  const std::span<const Place> places_;
  const uint64_t size_;
  Window inodes_, blocks_;
  Entries entries_;  // of the directory at hand
};

}  // namespace

std::string ContentPath(const cas::Digest& digest) {
  std::string path = "//" + digest.Hex();  // "//abcdef" becomes "/ab/cdef"
  std::copy(path.begin() + 2, path.begin() + 4, path.begin() + 1);
  path[3] = '/';
  return path;
}

struct ErofsWriter::Plan {
  const Index& index;
  PlacedInodes placed;
};

ErofsWriter::ErofsWriter(std::unique_ptr<const Plan> plan) : plan_(std::move(plan)) {}
ErofsWriter::ErofsWriter(ErofsWriter&&) noexcept = default;
ErofsWriter::~ErofsWriter() = default;

Result<ErofsWriter> ErofsWriter::For(const Index& index) {
  BURROW_ASSIGN_OR_RETURN(PlacedInodes placed, PlaceInodes(index));
  return ErofsWriter(std::make_unique<const Plan>(Plan{.index = index, .placed = std::move(placed)}));
}

uint64_t ErofsWriter::size() const { return plan_->placed.size; }

Status ErofsWriter::Write(const ErofsSink& sink) const {
  return Writer(plan_->index, plan_->placed.places, size(), sink).Write();
}

Result<std::string> WriteErofs(const Index& index) {
  BURROW_ASSIGN_OR_RETURN(const ErofsWriter writer, ErofsWriter::For(index));
  std::string image(writer.size(), '\0');
  BURROW_RETURN_IF_ERROR(writer.Write([&](uint64_t offset, std::string_view bytes) {
    bytes.copy(image.data() + offset, bytes.size());
    return Status();
  }));
  return image;
}

}  // namespace burrow::image
