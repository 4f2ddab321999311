// What COPY and ADD take: patterns resolved over the source's tree, exclusions applied. Private to this module. Pure
// but for heredocs, which are stored.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "builder/file_copy.h"
#include "dockerfile/instruction.h"
#include "image/tree.h"

namespace burrow::builder {

// One thing that is copied.
struct CopyItem {
  static constexpr size_t kTop = SIZE_MAX;
  size_t parent = kTop;  // position in CopySource::items, smaller than its own
  std::string name;
  std::shared_ptr<const image::TreeInode> inode;
  bool on_the_way = false;  // a directory that is there only for what it holds
};

// One source as it was found: a file alone, or a directory whose children are copied.
struct CopySource {
  std::string name;             // that a file gets in a directory
  std::vector<CopyItem> items;  // the file or directory itself first; parents before children
  bool unpack = false;          // to be unpacked where it is an archive

  bool is_directory() const;
};

// Upper bound of items of one instruction; kOutOfRange above.
inline constexpr size_t kMaxCopyItems = 5'000'000;

// As FileCopy::Select. A pattern that matches nothing adds nothing; a name that is not there is kNotFound.
Result<std::vector<CopySource>> SelectSources(const image::Tree& source, const dockerfile::Copy& copy,
                                              std::vector<std::pair<std::string, image::TreeInode>> downloads,
                                              const CopyServices& services);

}  // namespace burrow::builder
