// Tree::Encode: numbers inodes breadth-first by sorted names and writes the records in that order.
#include <sys/stat.h>

#include <limits>
#include <unordered_map>

#include "cas/frames.h"
#include "image/index_format.h"
#include "image/tree.h"

namespace burrow::image {
namespace {

using format::EntryRecord;
using format::FrameRecord;
using format::InodeRecord;
using format::XattrRecord;

class Encoder {
 public:
  Result<std::string> Encode(const TreeNode& root);

 private:
  Status AddInode(const TreeNode& node, InodeNumber parent, InodeNumber* number);
  Status AddEntries(InodeNumber directory);
  void AddTargets();
  void AddXattrs();
  std::string Bytes() const;
  // The position of the file's frame record; 0 where it needs none.
  uint32_t AddFrames(const TreeInode& inode) {
    if (inode.size < cas::kFramedFrom) return 0;
    FrameRecord record;
    std::memcpy(record.table, inode.frames.bytes().data(), sizeof record.table);
    frames_.push_back(record);
    return static_cast<uint32_t>(frames_.size() - 1);
  }
  uint32_t AddString(std::string_view text) {
    auto offset = static_cast<uint32_t>(strings_.size());
    strings_.append(text);
    return offset;
  }

  std::vector<InodeRecord> inodes_;
  std::vector<const TreeNode*> nodes_;  // by inode: the first node that names it
  std::vector<FrameRecord> frames_;
  std::vector<XattrRecord> xattrs_;
  std::vector<EntryRecord> entries_;
  std::string strings_;
  std::unordered_map<const TreeInode*, InodeNumber> numbers_;
};

Status Encoder::AddInode(const TreeNode& node, InodeNumber parent, InodeNumber* number) {
  if (!node.inode) return Fail(Code::kInvalidArgument, "a node without an inode");
  auto [it, first] = numbers_.emplace(node.inode.get(), static_cast<InodeNumber>(inodes_.size()));
  *number = it->second;
  const TreeInode& inode = *node.inode;
  if (!S_ISDIR(inode.mode) && !node.children.empty()) return Fail(Code::kInvalidArgument, "a file with entries");
  if (!first) {
    ++inodes_[*number].nlink;
    return S_ISDIR(inode.mode) ? Fail(Code::kInvalidArgument, "a directory with two names") : Status();
  }
  InodeRecord record{};
  record.mode = inode.mode;
  record.uid = inode.uid;
  record.gid = inode.gid;
  record.nlink = S_ISDIR(inode.mode) ? 2 : 1;
  record.special = S_ISREG(inode.mode) ? AddFrames(inode) : inode.rdev;
  record.mtime_ns = inode.mtime_ns;
  record.size = S_ISLNK(inode.mode) ? inode.target.size() : inode.size;
  record.mtime = inode.mtime;
  if (S_ISREG(inode.mode)) std::memcpy(record.digest, inode.digest.bytes().data(), sizeof record.digest);
  if (S_ISDIR(inode.mode)) {
    record.size = 0;
    record.directory.parent = parent;
  }
  if (inodes_.size() == std::numeric_limits<uint32_t>::max()) return Fail(Code::kInvalidArgument, "too many files");
  inodes_.push_back(record);
  nodes_.push_back(&node);
  return {};
}

Status Encoder::AddEntries(InodeNumber directory) {
  inodes_[directory].directory.first_entry = static_cast<uint32_t>(entries_.size());
  inodes_[directory].directory.entry_count = static_cast<uint32_t>(nodes_[directory]->children.size());
  for (const auto& [name, child] : nodes_[directory]->children) {
    if (name.size() > format::kMaxName) return Fail(Code::kInvalidArgument, "a name of {} bytes", name.size());
    InodeNumber number;
    BURROW_RETURN_IF_ERROR(AddInode(*child, directory, &number));
    if (S_ISDIR(child->inode->mode)) ++inodes_[directory].nlink;
    entries_.push_back(
        {AddString(name), number, static_cast<uint16_t>(name.size()), static_cast<uint16_t>(child->inode->mode >> 12)});
    if (strings_.size() > kMaxIndexBytes) return Fail(Code::kInvalidArgument, "too many names");
  }
  return {};
}

void Encoder::AddTargets() {
  for (size_t i = 0; i < inodes_.size(); ++i) {
    if (S_ISLNK(inodes_[i].mode)) inodes_[i].link.target_offset = AddString(nodes_[i]->inode->target);
  }
}

void Encoder::AddXattrs() {
  for (size_t i = 0; i < inodes_.size(); ++i) {
    const auto& attributes = nodes_[i]->inode->xattrs;
    inodes_[i].first_xattr = static_cast<uint32_t>(xattrs_.size());
    inodes_[i].xattr_count = static_cast<uint32_t>(attributes.size());
    for (const auto& [name, value] : attributes) {
      uint32_t name_offset = AddString(name);
      xattrs_.push_back(
          {name_offset, AddString(value), static_cast<uint32_t>(value.size()), static_cast<uint32_t>(name.size())});
    }
  }
}

template <class Record>
void AppendRecords(std::string& bytes, const std::vector<Record>& records) {
  bytes.append(reinterpret_cast<const char*>(records.data()), records.size() * sizeof(Record));
}

std::string Encoder::Bytes() const {
  format::Header header{};
  std::memcpy(header.magic, format::kMagic, sizeof header.magic);
  header.version = format::kVersion;
  header.inode_count = static_cast<uint32_t>(inodes_.size());
  header.entry_count = static_cast<uint32_t>(entries_.size());
  header.frame_count = static_cast<uint32_t>(frames_.size());
  header.xattr_count = static_cast<uint32_t>(xattrs_.size());
  header.string_bytes = strings_.size();
  for (const InodeRecord& inode : inodes_) {
    if (!S_ISREG(inode.mode)) continue;
    ++header.file_count;
    header.total_file_bytes += inode.size;
  }
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  AppendRecords(bytes, inodes_);
  AppendRecords(bytes, frames_);
  AppendRecords(bytes, xattrs_);
  AppendRecords(bytes, entries_);
  bytes += strings_;
  return bytes;
}

Result<std::string> Encoder::Encode(const TreeNode& root) {
  InodeNumber number;
  BURROW_RETURN_IF_ERROR(AddInode(root, kRootInode, &number));
  if (!S_ISDIR(root.inode->mode)) return Fail(Code::kInvalidArgument, "a root that is no directory");
  for (number = 0; number < inodes_.size(); ++number) {
    if (S_ISDIR(inodes_[number].mode)) BURROW_RETURN_IF_ERROR(AddEntries(number));
  }
  AddTargets();
  AddXattrs();
  return Bytes();
}

}  // namespace

Result<std::string> Tree::Encode() const {
  auto bytes = Encoder().Encode(*root_);
  if (!bytes) return Forward(std::move(bytes.error()).WithContext("an image index cannot hold this tree"));
  // The reader's checks are the definition of what an index can hold.
  auto index = Index::Open({reinterpret_cast<const uint8_t*>(bytes->data()), bytes->size()});
  if (!index) return Fail(Code::kInvalidArgument, "an image index cannot hold this tree: {}", index.error().message());
  return bytes;
}

}  // namespace burrow::image
