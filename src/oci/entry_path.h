// Names of an archive's members as paths of an image. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace burrow::oci {

// "./usr//bin/", "/usr/bin" -> "usr/bin"; "" is the root. kInvalidArgument where the name has a "..", a part of more
// than 255 bytes or more parts than directories may nest.
Result<std::string> EntryPath(std::string_view name);

// What a layer's entry means by its name.
struct EntryName {
  enum class Kind {
    kPlain,
    kWhiteout,  // `path`, in lower layers, is gone
    kOpaque,    // what lower layers have in the directory `path` is gone
    kIgnored,   // a storage driver's own notes
  };
  Kind kind = Kind::kPlain;
  std::string path;
};
Result<EntryName> ParseEntryName(std::string_view name);
// Whether a layer that has a member of this name, which holds no '/', means something else than a file.
bool IsReservedInLayers(std::string_view name);

}  // namespace burrow::oci
