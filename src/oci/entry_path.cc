#include "oci/entry_path.h"

#include "image/index.h"

namespace burrow::oci {
namespace {

constexpr size_t kMaxName = 255;
constexpr std::string_view kWhiteoutPrefix = ".wh.";
constexpr std::string_view kOpaqueName = ".wh..wh..opq";
constexpr std::string_view kNotesPrefix = ".wh..wh.";

}  // namespace

Result<std::string> EntryPath(std::string_view name) {
  std::string path;
  uint32_t parts = 0;
  for (std::string_view rest = name; !rest.empty();) {
    std::string_view part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    if (part.empty() || part == ".") continue;
    if (part == "..") return Fail(Code::kInvalidArgument, "the archive's name '{}' has a '..'", name);
    if (part.size() > kMaxName) return Fail(Code::kInvalidArgument, "a name of {} bytes is too long", part.size());
    if (++parts > image::kMaxDepth) {
      return Fail(Code::kInvalidArgument, "directories are nested more than {} deep", image::kMaxDepth);
    }
    if (!path.empty()) path += '/';
    path += part;
  }
  return path;
}

Result<EntryName> ParseEntryName(std::string_view name) {
  EntryName parsed;
  BURROW_ASSIGN_OR_RETURN(parsed.path, EntryPath(name));
  size_t slash = parsed.path.rfind('/');
  std::string directory = slash == std::string::npos ? "" : parsed.path.substr(0, slash);
  std::string last = slash == std::string::npos ? parsed.path : parsed.path.substr(slash + 1);
  if (last == kOpaqueName) return EntryName{EntryName::Kind::kOpaque, directory};
  if (last.starts_with(kNotesPrefix)) return EntryName{EntryName::Kind::kIgnored, parsed.path};
  if (parsed.path.starts_with(kNotesPrefix)) return EntryName{EntryName::Kind::kIgnored, parsed.path};
  if (!last.starts_with(kWhiteoutPrefix)) return parsed;
  std::string hidden = last.substr(kWhiteoutPrefix.size());
  if (hidden.empty() || hidden == "." || hidden == "..") {
    return Fail(Code::kInvalidArgument, "the archive's whiteout '{}' names nothing", name);
  }
  return EntryName{EntryName::Kind::kWhiteout, directory.empty() ? hidden : directory + "/" + hidden};
}

bool IsReservedInLayers(std::string_view name) { return name.starts_with(kWhiteoutPrefix); }

}  // namespace burrow::oci
