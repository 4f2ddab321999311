#include "builder/base_step.h"

#include <ctime>

#include "builder/base_image.h"
#include "builder/tree_edits.h"
#include "image/import.h"

namespace burrow::builder {
namespace {

// What the bootstrap itself wrote gets one date; what came out of packages keeps its own, by which compiled Python
// files are judged.
void DateAnew(image::TreeNode& node, int64_t began) {
  auto& inode = *node.inode;
  if (inode.mtime >= began) {
    inode.mtime = kAddedFileTime;
    inode.mtime_ns = 0;
  }
  for (auto& [name, child] : node.children) DateAnew(*child, began);
}

Result<BuiltImage> DebianSlim(const StepContext& context) {
  BURROW_ASSIGN_OR_RETURN(auto scratch, context.MakeScratch());
  int64_t began = ::time(nullptr);
  DiskWatch disk(context.services.disk, scratch.path(), {scratch.path()});
  auto made = BootstrapDebian({.directory = scratch.path(),
                               .python_version = context.step.step().base().python_version(),
                               .deadline = context.deadline,
                               .check = [&disk] { return disk.Check(); }},
                              context.output, context.cancellation);
  if (!made) return Forward(std::move(made.error()).WithContext("make the Debian base image"));
  image::ImportStats stats;
  BURROW_ASSIGN_OR_RETURN(auto tree, image::ImportDirectory(*made, *context.services.store, &stats));
  DateAnew(tree.root(), began);
  burrow::link::v1::Image image;
  image.add_env("LANG=C.UTF-8");
  image.add_env("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  return StoreImage(context, tree, std::move(image));
}

}  // namespace

Result<BuiltImage> BaseImageStep(const StepContext& context) {
  const std::string& name = context.step.step().base().name();
  if (name == "debian_slim") return DebianSlim(context);
  if (name == "scratch") return StoreImage(context, image::Tree(), {});
  return Fail(Code::kInvalidArgument, "there is no base image '{}': use debian_slim or scratch", name);
}

}  // namespace burrow::builder
