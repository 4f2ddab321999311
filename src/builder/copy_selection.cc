#include "builder/copy_selection.h"

#include <sys/stat.h>

#include <optional>

#include "builder/tree_edits.h"
#include "builder/tree_glob.h"
#include "builder/tree_path.h"
#include "dockerfile/expand_copy.h"
#include "dockerfile/patterns.h"

namespace burrow::builder {
namespace {

using dockerfile::PathFilter;
using image::TreeNode;

// A source of --parents: from where it keeps directories, and what of that is meant.
struct Pivot {
  std::string root;
  std::string pattern;  // relative, perhaps with "**"; empty: everything
};

Pivot FindPivot(const std::string& source) {
  size_t pivot = source.find("/./");
  if (pivot == std::string::npos) return {"/", CleanPath(source).substr(1)};
  return {source.substr(0, pivot), CleanPath(source.substr(pivot + 2)).substr(1)};
}

bool IsFileName(std::string_view name) {
  bool plain = name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
  return plain && !name.empty() && name.size() <= 255 && name != "." && name != "..";
}

// Lists what is below a directory and wanted.
class Lister {
 public:
  Lister(const PathFilter* exclude, const PathFilter* include, size_t& budget)
      : exclude_(exclude), include_(include), budget_(budget) {}

  Result<std::vector<CopyItem>> List(const TreeNode& top) {
    items_.push_back({.inode = top.inode});
    if (S_ISDIR(top.inode->mode)) BURROW_RETURN_IF_ERROR(ListChildren(top, "", 0));
    return std::move(items_);
  }

 private:
  Status ListChildren(const TreeNode& directory, const std::string& prefix, size_t parent);

  bool Wanted(const std::string& path) const {
    return (!include_ || !include_->Matches(path)) && (!exclude_ || !exclude_->Matches(path));
  }
  bool MayBeWantedBelow(const std::string& path) const {
    bool included = !include_ || !include_->Matches(path) || include_->MayKeepBelow(path);
    return included && (!exclude_ || !exclude_->Matches(path) || exclude_->MayKeepBelow(path));
  }

  const PathFilter* exclude_;
  const PathFilter* include_;  // matches what is not meant
  size_t& budget_;             // of items, for all sources
  std::vector<CopyItem> items_;
};

Status Lister::ListChildren(const TreeNode& directory, const std::string& prefix, size_t parent) {
  for (const auto& [name, child] : directory.children) {
    std::string path = prefix + name;
    bool wanted = Wanted(path), is_directory = S_ISDIR(child->inode->mode);
    if (!wanted && (!is_directory || !MayBeWantedBelow(path))) continue;
    if (budget_ == 0) return Fail(Code::kOutOfRange, "more than {} files are to be copied at once", kMaxCopyItems);
    --budget_;
    size_t position = items_.size();
    items_.push_back({.parent = parent, .name = name, .inode = child->inode, .on_the_way = !wanted});
    if (!is_directory) continue;
    BURROW_RETURN_IF_ERROR(ListChildren(*child, path + "/", position));
    if (!wanted && items_.size() == position + 1) items_.pop_back();  // on the way to nothing
  }
  return {};
}

class Selector {
 public:
  Selector(const image::Tree& source, const dockerfile::Copy& copy,
           std::vector<std::pair<std::string, image::TreeInode>> downloads, const CopyServices& services)
      : source_(source), copy_(copy), downloads_(std::move(downloads)), services_(services) {}
  Result<std::vector<CopySource>> Select();

 private:
  Status AddFound(const std::string& source);
  Status AddWithParents(const std::string& source);
  Status AddDownload(const std::string& url);
  Status AddHeredoc(const dockerfile::Heredoc& heredoc);
  Status AddFile(std::string name, image::TreeInode inode, bool unpack);

  const image::Tree& source_;
  const dockerfile::Copy& copy_;
  std::vector<std::pair<std::string, image::TreeInode>> downloads_;
  const CopyServices& services_;
  size_t next_download_ = 0, budget_ = kMaxCopyItems;
  std::optional<PathFilter> exclude_;
  std::vector<CopySource> sources_;
};

Result<std::vector<CopySource>> Selector::Select() {
  if (!copy_.excludes.empty()) {
    BURROW_ASSIGN_OR_RETURN(exclude_, PathFilter::Create(copy_.excludes));
  }
  for (const std::string& source : copy_.sources) {
    if (copy_.add && dockerfile::IsUrl(source)) {
      BURROW_RETURN_IF_ERROR(AddDownload(source));
    } else if (copy_.parents) {
      BURROW_RETURN_IF_ERROR(AddWithParents(source));
    } else {
      BURROW_RETURN_IF_ERROR(AddFound(source));
    }
  }
  for (const dockerfile::Heredoc& heredoc : copy_.heredocs) BURROW_RETURN_IF_ERROR(AddHeredoc(heredoc));
  return std::move(sources_);
}

Status Selector::AddFound(const std::string& source) {
  BURROW_ASSIGN_OR_RETURN(auto matches, Glob(source_, source));
  for (GlobMatch& match : matches) {
    std::string name = BaseName(match.path);
    bool is_directory = S_ISDIR(match.node->inode->mode);
    if (!is_directory && exclude_ && exclude_->Matches(name)) continue;
    bool unpack = copy_.add && copy_.unpack.value_or(true) && S_ISREG(match.node->inode->mode);
    BURROW_ASSIGN_OR_RETURN(auto items, Lister(exclude_ ? &*exclude_ : nullptr, nullptr, budget_).List(*match.node));
    sources_.push_back({.name = std::move(name), .items = std::move(items), .unpack = unpack});
  }
  return {};
}

Status Selector::AddWithParents(const std::string& source) {
  Pivot pivot = FindPivot(source);
  std::optional<PathFilter> include;
  if (!pivot.pattern.empty()) {
    BURROW_ASSIGN_OR_RETURN(include, PathFilter::Create({"**", "!" + pivot.pattern}));
  }
  BURROW_ASSIGN_OR_RETURN(auto roots, Glob(source_, pivot.root));
  bool found = false;
  for (const GlobMatch& root : roots) {
    if (!S_ISDIR(root.node->inode->mode)) continue;
    Lister lister(exclude_ ? &*exclude_ : nullptr, include ? &*include : nullptr, budget_);
    BURROW_ASSIGN_OR_RETURN(auto items, lister.List(*root.node));
    found = found || items.size() > 1;
    sources_.push_back({.name = BaseName(root.path), .items = std::move(items)});
  }
  bool exact = !dockerfile::HasWildcard(pivot.root) && !dockerfile::HasWildcard(pivot.pattern) && !exclude_;
  if (!found && exact && !pivot.pattern.empty()) return Fail(Code::kNotFound, "'{}' is not there", source);
  return {};
}

Status Selector::AddDownload(const std::string& url) {
  if (next_download_ == downloads_.size()) return Fail(Code::kInternal, "'{}' was not downloaded", url);
  auto& [name, inode] = downloads_[next_download_++];
  return AddFile(std::move(name), std::move(inode), copy_.unpack.value_or(false));
}

Status Selector::AddHeredoc(const dockerfile::Heredoc& heredoc) {
  image::TreeInode inode{.mode = S_IFREG | 0644, .size = heredoc.content.size(), .mtime = kAddedFileTime};
  if (!heredoc.content.empty()) {
    BURROW_ASSIGN_OR_RETURN(inode.digest, services_.put(heredoc.content));
  }
  return AddFile(BaseName(CleanPath(heredoc.name)), std::move(inode), false);
}

Status Selector::AddFile(std::string name, image::TreeInode inode, bool unpack) {
  if (!IsFileName(name)) return Fail(Code::kInvalidArgument, "'{}' is no name of a file", name);
  CopySource source{.name = std::move(name), .unpack = unpack};
  source.items.push_back({.inode = std::make_shared<image::TreeInode>(std::move(inode))});
  sources_.push_back(std::move(source));
  return {};
}

}  // namespace

bool CopySource::is_directory() const { return S_ISDIR(items.front().inode->mode); }

Result<std::vector<CopySource>> SelectSources(const image::Tree& source, const dockerfile::Copy& copy,
                                              std::vector<std::pair<std::string, image::TreeInode>> downloads,
                                              const CopyServices& services) {
  return Selector(source, copy, std::move(downloads), services).Select();
}

}  // namespace burrow::builder
