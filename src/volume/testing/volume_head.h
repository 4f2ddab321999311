// A volume's head for tests, as control would have it: changes are applied to it, and each head lies in a directory
// that can be mounted.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "burrow/v1/volumes.pb.h"
#include "cas/blob_store.h"
#include "image/tree.h"

namespace burrow::volume::testing {

inline cas::Digest DigestFrom(const std::string& bytes) {
  std::array<uint8_t, cas::Digest::kSize> raw{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), raw.size()), raw.begin());
  return cas::Digest(raw);
}

// What ToMessage made, back.
inline std::vector<image::UpperEntry> FromMessage(const burrow::v1::VolumeChanges& changes) {
  using burrow::v1::VolumeChange;
  using Kind = image::UpperEntry::Kind;
  std::vector<image::UpperEntry> entries;
  for (const VolumeChange& change : changes.changes()) {
    image::UpperEntry entry{.path = change.path()};
    if (change.kind() == VolumeChange::REMOVE) entry.kind = Kind::kWhiteout;
    if (change.kind() == VolumeChange::OPAQUE_DIRECTORY) entry.kind = Kind::kOpaqueDirectory;
    if (change.kind() == VolumeChange::HARD_LINK) {
      entry.kind = Kind::kHardLink;
      entry.target = change.target();
    }
    if (change.mode() != 0) {
      entry.inode = std::make_shared<image::TreeInode>();
      entry.inode->mode = change.mode();
      entry.inode->uid = change.uid();
      entry.inode->gid = change.gid();
      entry.inode->rdev = change.rdev();
      entry.inode->size = change.size();
      entry.inode->mtime = change.mtime();
      entry.inode->mtime_ns = change.mtime_ns();
      entry.inode->digest = DigestFrom(change.digest());
      entry.inode->frames = DigestFrom(change.frames());
      entry.inode->target = change.target();
      entry.inode->xattrs.insert(change.xattrs().begin(), change.xattrs().end());
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

class VolumeHead {
 public:
  // `store` is not owned; heads lie below `directory`.
  VolumeHead(cas::BlobStore* store, std::string directory) : store_(store), directory_(std::move(directory)) { Lay(); }

  Status Apply(const std::vector<image::UpperEntry>& entries) {
    BURROW_RETURN_IF_ERROR(image::ApplyLayer(tree_, entries));
    ++version_;
    Lay();
    return {};
  }
  // Of a blob that holds VolumeChanges.
  Status ApplyBlob(const std::string& hex) {
    const auto digest = cas::Digest::FromHex(hex);
    BURROW_ASSIGN_OR_RETURN(const std::string bytes, cas::GetAll(*store_, *digest, 64u << 20));
    burrow::v1::VolumeChanges changes;
    if (!changes.ParseFromString(bytes)) return Fail(Code::kInvalidArgument, "no VolumeChanges");
    return Apply(FromMessage(changes));
  }
  // Puts a file as another container would.
  Status PutFile(const std::string& path, const std::string& content) {
    auto inode = std::make_shared<image::TreeInode>();
    inode->mode = S_IFREG | 0644;
    inode->size = content.size();
    if (!content.empty()) inode->digest = cas::Digest::Of(content);
    if (!content.empty()) BURROW_RETURN_IF_ERROR(store_->Put(inode->digest, content));
    return Apply({{.path = path, .inode = inode}});
  }

  uint64_t version() const { return version_; }
  const std::string& path() const { return path_; }  // of the head
  cas::Digest index() const { return cas::Digest::Of(tree_.Encode().value()); }
  // Nothing where there is no such file.
  std::string Read(const std::string& file) const {
    std::ifstream stream(path_ + "/" + file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  bool Has(const std::string& file) const {
    return std::filesystem::exists(std::filesystem::symlink_status(path_ + "/" + file));
  }

 private:
  void Lay() {
    path_ = directory_ + "/" + std::to_string(version_);
    std::filesystem::create_directories(path_);
    LayNode(tree_.root(), path_);
  }
  void LayNode(const image::TreeNode& node, const std::string& at) {
    const image::TreeInode& inode = *node.inode;
    if (S_ISREG(inode.mode)) {
      std::ofstream file(at, std::ios::binary);
      if (inode.size > 0) file << cas::GetAll(*store_, inode.digest, 64u << 20).value();
    } else if (S_ISLNK(inode.mode)) {
      std::filesystem::create_symlink(inode.target, at);
    } else if (S_ISDIR(inode.mode)) {
      std::filesystem::create_directories(at);
      for (const auto& [name, child] : node.children) LayNode(*child, at + "/" + name);
    }
    if (!S_ISLNK(inode.mode)) ::chmod(at.c_str(), inode.mode & 07777);
  }

  cas::BlobStore* store_;
  std::string directory_, path_;
  image::Tree tree_;
  uint64_t version_ = 1;
};

}  // namespace burrow::volume::testing
