// Images by id, and how steps and images get their names.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "control/messages.h"
#include "store/store.h"

namespace burrow::control {

// The label of what a failed step left: the build's id. It tells such images of equal content apart.
inline constexpr const char* kLeftByLabel = "burrow.left-by-build";

struct ImageEntry {
  store::ImageRecord record;
  lpb::Image image;
};

// The same content has the same id in one workspace, and others in others: 26 of [0-9a-z] from the SHA-256 of index
// digest and configuration.
ImageId ImageIdOf(const std::string& workspace, const lpb::Image& image);
// "apt_install python3-sklearn": at most one short line.
std::string DescribeStep(const pb::ImageStep& step);
// "tools" and "tools:latest" are one name: the short one.
std::string CanonicalName(std::string name);
// At most one line of about a hundred bytes.
std::string ShortText(std::string text);

// Loop's thread only.
class ImageTable {
 public:
  void Add(ImageEntry entry) { images_.insert_or_assign(ImageId(entry.record.id), std::move(entry)); }
  const ImageEntry* Find(const std::string& workspace, const ImageId& id) const;
  std::vector<const ImageEntry*> In(const std::string& workspace) const;  // oldest first
  std::vector<const ImageEntry*> All() const;                             // of all workspaces

  void Drop(const ImageId& id) { images_.erase(id); }
  void DropAll(const std::string& workspace);  // with their names

  // Names are canonical here, but for FindByName's.
  void Name(const std::string& workspace, const std::string& name, const ImageId& id) {
    names_.insert_or_assign({workspace, name}, id);
  }
  void DropName(const std::string& workspace, const std::string& name) { names_.erase({workspace, name}); }
  const ImageEntry* FindByName(const std::string& workspace, const std::string& name) const;
  // What the build's failed step left, the newest where there are several; null: nothing is kept.
  const ImageEntry* FindLeftBy(const std::string& workspace, const BuildId& build) const;
  std::vector<std::string> NamesOf(const ImageId& id) const;
  pb::ImageInfo Describe(const ImageId& id) const;  // one that is here

 private:
  std::map<ImageId, ImageEntry> images_;
  std::map<std::pair<std::string, std::string>, ImageId> names_;  // by workspace and name
};

}  // namespace burrow::control
