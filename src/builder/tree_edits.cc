#include "builder/tree_edits.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>

#include "builder/variable_name.h"

namespace burrow::builder {
namespace {

// Absolute, and no empty, "." or ".." part; one '/' at the end is fine.
bool IsPlainAbsolutePath(std::string_view path) {
  if (!path.starts_with('/') || path.size() > 4000 || path.find('\0') != std::string_view::npos) return false;
  path.remove_prefix(1);
  if (path.ends_with('/')) path.remove_suffix(1);
  while (!path.empty()) {
    size_t slash = path.find('/');
    std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == ".." || part.size() > 255) return false;
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return true;
}

std::string Join(std::string destination, const std::string& path) {
  while (destination.ends_with('/')) destination.pop_back();
  return destination + "/" + path;
}

std::shared_ptr<image::TreeInode> FileInode(const burrow::v1::SourceFile& file, const cas::Digest& digest) {
  auto inode = std::make_shared<image::TreeInode>();
  inode->mode = S_IFREG | (file.mode() & 07777);
  inode->size = file.size();
  inode->mtime = kAddedFileTime;
  if (file.size() > 0) inode->digest = digest;
  return inode;
}

Status AddFile(image::Tree& tree, const std::string& path, const burrow::v1::SourceFile& file) {
  if (!IsPlainAbsolutePath(path) || path.ends_with('/'))
    return Fail(Code::kInvalidArgument, "'{}' is no place for a file: it must be absolute, without '.' and '..'", path);
  auto digest = cas::Digest::FromHex(file.digest());
  if (!digest) return Fail(Code::kInvalidArgument, "'{}' is no digest", file.digest());
  size_t slash = path.rfind('/');
  BURROW_ASSIGN_OR_RETURN(auto* parent,
                          tree.MakeDirectories(slash == 0 ? "/" : std::string_view(path).substr(0, slash)));
  auto& node = parent->children[path.substr(slash + 1)];
  if (node && S_ISDIR(node->inode->mode))
    return Fail(Code::kInvalidArgument, "'{}' is a directory in the image: a file cannot take its place", path);
  node = std::make_unique<image::TreeNode>();
  node->inode = FileInode(file, *digest);
  return {};
}

void Measure(const image::TreeNode& node, std::set<const image::TreeInode*>& seen, TreeSize& size) {
  if (S_ISREG(node.inode->mode) && seen.insert(node.inode.get()).second) {
    ++size.files;
    size.bytes += node.inode->size;
  }
  for (const auto& [name, child] : node.children) Measure(*child, seen, size);
}

}  // namespace

Status AddFiles(image::Tree& tree, const burrow::v1::AddFilesStep& step) {
  if (step.single_file()) {
    if (step.files_size() != 1)
      return Fail(Code::kInvalidArgument, "a single file was to be added, but {} came", step.files_size());
    return AddFile(tree, step.destination(), step.files(0));
  }
  if (!IsPlainAbsolutePath(step.destination()))
    return Fail(Code::kInvalidArgument, "'{}' must be an absolute path without '.' and '..'", step.destination());
  BURROW_RETURN_IF_ERROR(tree.MakeDirectories(step.destination()));
  for (const auto& file : step.files())
    BURROW_RETURN_IF_ERROR(AddFile(tree, Join(step.destination(), file.path()), file));
  return {};
}

Status SetEnvironment(burrow::link::v1::Image& image, const burrow::v1::EnvStep& step) {
  std::map<std::string, std::string> variables;
  for (const auto& variable : image.env()) variables[variable.substr(0, variable.find('='))] = variable;
  for (const auto& [name, value] : step.variables()) {
    if (!IsVariableName(name)) return Fail(Code::kInvalidArgument, "'{}' is no name of an environment variable", name);
    if (value.find('\0') != std::string::npos) return Fail(Code::kInvalidArgument, "the value of {} holds a NUL", name);
    variables[name] = fmt::format("{}={}", name, value);
  }
  image.clear_env();
  for (auto& [name, variable] : variables) image.add_env(variable);
  return {};
}

Status SetWorkdir(image::Tree& tree, burrow::link::v1::Image& image, const burrow::v1::WorkdirStep& step) {
  if (!IsPlainAbsolutePath(step.path()))
    return Fail(Code::kInvalidArgument, "the working directory '{}' must be an absolute path without '.' and '..'",
                step.path());
  BURROW_RETURN_IF_ERROR(tree.MakeDirectories(step.path()));
  image.set_workdir(step.path());
  return {};
}

TreeSize MeasureTree(const image::Tree& tree) {
  TreeSize size;
  std::set<const image::TreeInode*> seen;
  Measure(tree.root(), seen, size);
  return size;
}

}  // namespace burrow::builder
