#include "imagefs/node_table.h"

#include <sys/stat.h>

#include <algorithm>
#include <mutex>

namespace burrow::imagefs {

size_t NodeTable::ShareHash::operator()(const ShareKey& key) const {
  uint64_t mixed =
      static_cast<uint64_t>(key.mtime) ^ uint64_t { key.mtime_ns } << 32 ^ uint64_t { key.occurrence } << 16 ^ key.mode;
  return std::hash<cas::Digest>()(key.digest) ^ (mixed * 0x9e3779b97f4a7c15u);
}

const ImageNodes* NodeTable::FindImage(const cas::Digest& digest) const {
  std::shared_lock lock(mutex_);
  auto it = by_digest_.find(digest);
  return it == by_digest_.end() ? nullptr : it->second;
}

const ImageNodes* NodeTable::AddImage(const cas::Digest& digest, std::unique_ptr<image::MappedIndex> mapped) {
  auto image = std::make_unique<ImageNodes>();
  image->mapped = std::move(mapped);
  std::lock_guard lock(mutex_);
  AssignIds(*image);
  const ImageNodes* added = image.get();
  images_.push_back(std::move(image));
  by_digest_[digest] = added;
  return added;
}

void NodeTable::AssignIds(ImageNodes& image) {
  const image::Index& index = image.index();
  image.first = next_;
  image.ids.resize(index.inode_count());
  std::unordered_map<ShareKey, uint32_t, ShareHash> occurrences;
  for (image::InodeNumber number = 0; number < index.inode_count(); ++number) {
    NodeId own = next_ + number;
    image.ids[number] = own;
    image::Inode inode = index.inode(number);
    if (!S_ISREG(inode.mode) || inode.size == 0 || !index.xattrs(number).empty()) continue;
    ShareKey key{inode.digest, inode.size, inode.mtime, inode.mtime_ns, inode.mode, inode.uid, inode.gid,
                 inode.nlink,  0};
    key.occurrence = occurrences[key]++;
    image.ids[number] = shared_.emplace(key, own).first->second;
  }
  next_ += index.inode_count();
}

Node NodeTable::Find(NodeId id) const {
  std::shared_lock lock(mutex_);
  auto after = std::upper_bound(images_.begin(), images_.end(), id,
                                [](NodeId wanted, const auto& image) { return wanted < image->first; });
  if (after == images_.begin()) return {};
  const ImageNodes* image = std::prev(after)->get();
  uint64_t inode = id - image->first;
  if (inode >= image->ids.size()) return {};
  return {image, static_cast<image::InodeNumber>(inode)};
}

}  // namespace burrow::imagefs
