// Which node of a FUSE connection is which inode of which image.
//
// Node ids depend on nothing but the order in which images were added: 1 is the root of the mount, 2 its probe file; an
// image takes the next inode_count() ids in the order of its inodes. A regular file without extended attributes whose
// digest and stat an earlier image has too gets that image's id instead, so that the kernel keeps its pages once (the
// n-th such file of one image matches the n-th of the other: within an image different files stay different). Ids are
// also st_ino, and never change meaning.
#pragma once

#include <memory>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

#include "image/mapped_index.h"

namespace burrow::imagefs {

using NodeId = uint64_t;
inline constexpr NodeId kProbeNode = 2;

// One image of a connection. Immutable, lives as long as its table.
struct ImageNodes {
  std::unique_ptr<image::MappedIndex> mapped;
  NodeId first = 0;
  std::vector<NodeId> ids;  // by inode number

  const image::Index& index() const { return mapped->index(); }
};

struct Node {
  const ImageNodes* image = nullptr;
  image::InodeNumber inode = 0;
};

// Any thread.
class NodeTable {
 public:
  // The image of that digest; null if it was not added.
  const ImageNodes* FindImage(const cas::Digest& digest) const;
  // Adds an image that is not there yet. One thread at a time.
  const ImageNodes* AddImage(const cas::Digest& digest, std::unique_ptr<image::MappedIndex> mapped);
  // The node of an id other than the root's; image is null for an id that was never given out.
  Node Find(NodeId id) const;

 private:
  struct ShareKey {
    cas::Digest digest;
    uint64_t size;
    int64_t mtime;
    uint32_t mtime_ns, mode, uid, gid, nlink;
    uint32_t occurrence;
    bool operator==(const ShareKey&) const = default;
  };
  struct ShareHash {
    size_t operator()(const ShareKey& key) const;
  };
  void AssignIds(ImageNodes& image);

  mutable std::shared_mutex mutex_;
  // All guarded by mutex_.
  std::unordered_map<cas::Digest, const ImageNodes*> by_digest_;
  std::vector<std::unique_ptr<ImageNodes>> images_;  // ascending first ids
  std::unordered_map<ShareKey, NodeId, ShareHash> shared_;
  NodeId next_ = kProbeNode + 1;
};

}  // namespace burrow::imagefs
