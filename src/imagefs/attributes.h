// Inodes as the kernel wants them. Private to this module.
#pragma once

#include "imagefs/fuse_abi.h"
#include "imagefs/node_table.h"

namespace burrow::imagefs {

// Images never change: what was said once holds as long as the kernel can count.
inline constexpr uint64_t kForever = 1'000'000'000;
// The block size that stat and statfs tell, in bytes.
inline constexpr uint32_t kBlock = 4096;

// The mount's root, above the images.
abi::Attr RootAttr();
// An empty file beside the images. Who opens and closes it makes the kernel learn that OPEN and FLUSH need not be sent.
abi::Attr ProbeAttr();
inline constexpr char kProbeName[] = ".probe";
abi::Attr AttrOf(const Node& node);
abi::EntryOut EntryOf(const Node& node);
// "There is no such name", to be remembered.
abi::EntryOut NegativeEntry();
// The id that the kernel knows the node by.
inline NodeId IdOf(const Node& node) { return node.image->ids[node.inode]; }

}  // namespace burrow::imagefs
