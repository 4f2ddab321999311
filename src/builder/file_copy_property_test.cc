// Whatever links a source, a target and an archive have: a copy changes nothing outside of where it goes.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "builder/file_copy.h"
#include "builder/testing/tree_maker.h"

namespace burrow::builder {
namespace {

using image::Tree;
using image::TreeNode;
using image::UpperEntry;

// Few names, so that paths meet.
std::string Name() { return *rc::gen::element<std::string>("a", "b", "c"); }

std::string Path(bool absolute) {
  std::string path = absolute ? "" : Name();
  for (int parts = *rc::gen::inRange(absolute ? 1 : 0, 4); parts > 0; --parts)
    path += "/" + (*rc::gen::inRange(0, 6) == 0 ? std::string("..") : Name());
  return path;
}

image::TreeInode Inode() {
  switch (*rc::gen::inRange(0, 3)) {
    case 0:
      return testing::Directory();
    case 1:
      return testing::File(Name());
    default:
      return testing::Link(*rc::gen::element<std::string>("/", "..", "../..", "/../..", ".", "a", "/b", "../c/a",
                                                          "/jail/../a", Path(true), Path(false)));
  }
}

// Adds nodes below `top` where nothing is in their way.
void Grow(TreeNode& top, int nodes) {
  while (nodes-- > 0) {
    TreeNode* node = &top;
    for (int depth = *rc::gen::inRange(0, 4); depth >= 0; --depth) {
      auto& child = node->children[Name()];
      if (!child) {
        child = std::make_unique<TreeNode>();
        child->inode = std::make_shared<image::TreeInode>(depth > 0 ? testing::Directory() : Inode());
      }
      if (!S_ISDIR(child->inode->mode)) break;
      node = child.get();
    }
  }
}

using Nodes = std::map<std::string, std::shared_ptr<image::TreeInode>>;  // by path

// Every node with its inode: what must not change. The place itself may be replaced, and what is below it.
void Remember(const TreeNode& node, const std::string& path, const std::string& place, Nodes& nodes) {
  if (path == place) return;
  nodes[path] = node.inode;
  for (const auto& [name, child] : node.children) Remember(*child, path + "/" + name, place, nodes);
}

std::vector<UpperEntry> Archive() {
  std::vector<UpperEntry> entries;
  for (int i = *rc::gen::inRange(1, 8); i > 0; --i) {
    UpperEntry entry{.path = Path(false)};
    if (*rc::gen::inRange(0, 4) == 0) {
      entry.kind = UpperEntry::Kind::kHardLink;
      entry.target = Path(false);
    } else {
      entry.inode = std::make_shared<image::TreeInode>(Inode());
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

TEST(FileCopyProperty, NothingOutsideOfTheDestinationChanges) {
  EXPECT_TRUE(rc::check([] {
    Tree source, target;
    Grow(source.root(), *rc::gen::inRange(1, 12));
    Grow(target.root(), *rc::gen::inRange(1, 12));
    dockerfile::Copy copy{.sources = {*rc::gen::element<std::string>(".", "*", "a", "a/b", "*/*", Path(true))},
                          .destination = Path(true) + (*rc::gen::arbitrary<bool>() ? "/" : ""),
                          .link = *rc::gen::arbitrary<bool>(),
                          .parents = *rc::gen::arbitrary<bool>()};
    // Where it goes: with --link the path as it is, else what its links lead to.
    std::string place = CleanPath(copy.destination);
    if (!copy.link) {
      auto found = FindPlace(target.root(), place);
      RC_PRE(found.has_value());
      place.clear();
      for (const auto& names : {found->names, found->missing}) {
        for (const std::string& name : names) place += "/" + name;
      }
    } else {
      RC_PRE(FindPlace(target.root(), place, LastLink::kKeep).has_value());
    }
    if (place == "/") place.clear();
    RC_LOG() << testing::List(source) << " to " << copy.destination << " in " << testing::List(target);
    Nodes before, after;
    Remember(target.root(), "", place, before);
    testing::World world;
    if (!world.Copy(source, target, copy)) return;
    Remember(target.root(), "", place, after);
    for (const auto& [path, inode] : before) {
      bool replaced = copy.link && place.starts_with(path + "/") && !S_ISDIR(inode->mode);  // a link on the way
      if (!replaced) RC_ASSERT(after.contains(path) && after.at(path) == inode);
    }
    for (const auto& [path, inode] : after) RC_ASSERT(before.contains(path) || place.starts_with(path + "/"));
  }));
}

TEST(FileCopyProperty, AnArchiveStaysBelowItsDestination) {
  EXPECT_TRUE(rc::check([] {
    Tree target;
    Grow(target.root(), *rc::gen::inRange(1, 8));
    testing::Add(target, "/jail", testing::Directory());
    Grow(*target.root().children.at("jail"), *rc::gen::inRange(0, 8));
    Nodes before, after;
    Remember(target.root(), "", "/jail", before);
    testing::World world;
    world.archives[cas::Digest::Of("tar")] = Archive();
    Tree source = testing::MakeTree({{"/x.tar", testing::File("tar")}});
    (void)world.Copy(source, target, {.add = true, .sources = {"x.tar"}, .destination = "/jail"});
    Remember(target.root(), "", "/jail", after);
    RC_ASSERT(before == after);
  }));
}

}  // namespace
}  // namespace burrow::builder
