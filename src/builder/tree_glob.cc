#include "builder/tree_glob.h"

#include <sys/stat.h>

#include "builder/tree_path.h"
#include "dockerfile/patterns.h"

namespace burrow::builder {
namespace {

using image::TreeNode;

std::vector<std::string> Parts(std::string_view clean_path) {
  std::vector<std::string> parts;
  while (clean_path.size() > 1) {
    clean_path.remove_prefix(1);
    parts.emplace_back(clean_path.substr(0, clean_path.find('/')));
    clean_path.remove_prefix(parts.back().size());
  }
  return parts;
}

Result<const TreeNode*> Existing(const TreeNode& root, const std::string& path, std::string_view named) {
  auto place = FindPlace(root, path);
  if (!place || !place->exists()) {
    bool loop = !place && place.error().message().find("too many") != std::string::npos;
    if (loop) return Forward(std::move(place.error()));
    return Fail(Code::kNotFound, "'{}' is not there", named);
  }
  return &place->node();
}

// The parts of a pattern from its first wildcard on, against the children of directories.
class Matcher {
 public:
  Matcher(const TreeNode& root, std::vector<std::string> parts, std::vector<GlobMatch>& matches)
      : root_(root), parts_(std::move(parts)), matches_(matches) {}

  // `named` and `real`: the directory's path as the pattern has it, and without links.
  Status Match(const TreeNode& directory, size_t part, const std::string& named, const std::string& real) {
    for (const auto& [name, child] : directory.children) {
      BURROW_ASSIGN_OR_RETURN(bool fits, dockerfile::MatchComponent(parts_[part], name));
      if (!fits) continue;
      std::string child_named = fmt::format("{}/{}", named, name), child_real = fmt::format("{}/{}", real, name);
      if (part + 1 < parts_.size()) {
        if (S_ISDIR(child->inode->mode)) BURROW_RETURN_IF_ERROR(Match(*child, part + 1, child_named, child_real));
        continue;
      }
      BURROW_ASSIGN_OR_RETURN(const TreeNode* node, Existing(root_, child_real, child_named));
      matches_.push_back({std::move(child_named), node});
    }
    return {};
  }

 private:
  const TreeNode& root_;
  const std::vector<std::string> parts_;
  std::vector<GlobMatch>& matches_;
};

}  // namespace

Result<std::vector<GlobMatch>> Glob(const image::Tree& tree, std::string_view pattern) {
  std::vector<std::string> parts = Parts(CleanPath(pattern));
  size_t first = 0;
  std::string prefix;
  while (first < parts.size() && !dockerfile::HasWildcard(parts[first])) prefix += "/" + parts[first++];
  std::vector<GlobMatch> matches;
  if (first == parts.size()) {
    BURROW_ASSIGN_OR_RETURN(const TreeNode* node, Existing(tree.root(), prefix, pattern));
    matches.push_back({prefix.empty() ? "/" : prefix, node});
    return matches;
  }
  auto place = FindPlace(tree.root(), prefix);
  if (!place || !place->exists()) return matches;
  std::string real;
  for (const std::string& name : place->names) real += "/" + name;
  parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(first));
  // A bad pattern is told also where there is nothing that it could match.
  for (const std::string& part : parts) BURROW_RETURN_IF_ERROR(dockerfile::MatchComponent(part, ""));
  BURROW_RETURN_IF_ERROR(Matcher(tree.root(), std::move(parts), matches).Match(place->node(), 0, prefix, real));
  return matches;
}

}  // namespace burrow::builder
