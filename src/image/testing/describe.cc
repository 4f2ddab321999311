#include "image/testing/describe.h"

#include <fmt/format.h>
#include <sys/stat.h>

namespace burrow::image::testing {
namespace {

using Groups = std::map<const TreeInode*, std::string>;  // inode -> its first path

void DescribeNode(const TreeNode& node, const std::string& path, Groups& groups, std::string& text) {
  const TreeInode& inode = *node.inode;
  const std::string& first = groups.emplace(&inode, path).first->second;
  text += fmt::format(
      "{} mode={:o} uid={} gid={} rdev={:x} size={} mtime={}.{:09} digest={} frames={} target={} same={}", path,
      inode.mode, inode.uid, inode.gid, inode.rdev, S_ISDIR(inode.mode) ? 0 : inode.size, inode.mtime, inode.mtime_ns,
      inode.digest.Hex().substr(0, 12), inode.frames.Hex().substr(0, 12), inode.target, first);
  for (const auto& [name, value] : inode.xattrs) text += fmt::format(" {}={}", name, value);
  text += '\n';
  for (const auto& [name, child] : node.children) DescribeNode(*child, path + "/" + name, groups, text);
}

}  // namespace

std::string Describe(const Tree& tree) {
  Groups groups;
  std::string text;
  DescribeNode(tree.root(), "", groups, text);
  return text;
}

}  // namespace burrow::image::testing
