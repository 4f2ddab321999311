// Images by id, and how steps and images get their names.
#pragma once

#include <map>
#include <string>
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

// The same content has the same id: 26 of [0-9a-z] from the SHA-256 of index digest and configuration.
ImageId ImageIdOf(const lpb::Image& image);
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
  const ImageEntry* Find(const ImageId& id) const;
  std::vector<const ImageEntry*> All() const;  // oldest first

  void Drop(const ImageId& id) { images_.erase(id); }

  // Names are canonical here, but for FindByName's.
  void Name(const std::string& name, const ImageId& id) { names_.insert_or_assign(name, id); }
  void DropName(const std::string& name) { names_.erase(name); }
  const ImageEntry* FindByName(const std::string& name) const;
  // What the build's failed step left, the newest where there are several; null: nothing is kept.
  const ImageEntry* FindLeftBy(const BuildId& build) const;
  std::vector<std::string> NamesOf(const ImageId& id) const;
  pb::ImageInfo Describe(const ImageId& id) const;  // one that is here

 private:
  std::map<ImageId, ImageEntry> images_;
  std::map<std::string, ImageId> names_;
};

}  // namespace burrow::control
