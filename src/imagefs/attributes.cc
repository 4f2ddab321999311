#include "imagefs/attributes.h"

#include <sys/stat.h>

namespace burrow::imagefs {
abi::Attr RootAttr() {
  return {.ino = abi::kRootNode, .size = kBlock, .mode = S_IFDIR | 0755, .nlink = 2, .blksize = kBlock};
}

abi::Attr ProbeAttr() { return {.ino = kProbeNode, .mode = S_IFREG | 0400, .nlink = 1, .blksize = kBlock}; }

abi::Attr AttrOf(const Node& node) {
  image::Inode inode = node.image->index().inode(node.inode);
  auto seconds = static_cast<uint64_t>(inode.mtime);
  return {.ino = IdOf(node),
          .size = S_ISDIR(inode.mode) ? kBlock : inode.size,
          .blocks = S_ISREG(inode.mode) ? (inode.size + 511) / 512 : 0,
          .atime = seconds,
          .mtime = seconds,
          .ctime = seconds,
          .atimensec = inode.mtime_ns,
          .mtimensec = inode.mtime_ns,
          .ctimensec = inode.mtime_ns,
          .mode = inode.mode,
          .nlink = inode.nlink,
          .uid = inode.uid,
          .gid = inode.gid,
          .rdev = inode.rdev,
          .blksize = kBlock};
}

abi::EntryOut EntryOf(const Node& node) {
  return {.nodeid = IdOf(node), .entry_valid = kForever, .attr_valid = kForever, .attr = AttrOf(node)};
}

abi::EntryOut NegativeEntry() { return {.nodeid = 0, .entry_valid = kForever}; }

}  // namespace burrow::imagefs
