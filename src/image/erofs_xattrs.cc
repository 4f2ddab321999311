#include "image/erofs_xattrs.h"

#include <cstring>
#include <limits>
#include <optional>

#include "cas/digest.h"
#include "image/erofs_format.h"

namespace burrow::image::erofs {
namespace {

constexpr std::string_view kMetacopy = "trusted.overlay.metacopy";
constexpr std::string_view kRedirect = "trusted.overlay.redirect";
constexpr size_t kContentPath = 2 * cas::Digest::kSize + 2;

struct Prefix {
  std::string_view text;
  uint8_t number;
  bool whole;  // the prefix is the name
};
constexpr Prefix kPrefixes[] = {{"user.", 1, false},
                                {"system.posix_acl_access", 2, true},
                                {"system.posix_acl_default", 3, true},
                                {"trusted.", 4, false},
                                {"security.", 6, false}};

struct ShortName {
  uint8_t prefix;
  std::string_view rest;
};
std::optional<ShortName> Shorten(std::string_view name) {
  for (const Prefix& prefix : kPrefixes) {
    if (prefix.whole ? name == prefix.text : name.starts_with(prefix.text)) {
      return ShortName{prefix.number, name.substr(prefix.text.size())};
    }
  }
  return std::nullopt;
}

uint64_t EntryBytes(std::string_view rest, size_t value_size) {
  uint64_t bytes = sizeof(XattrEntry) + rest.size() + value_size;
  return (bytes + kXattrUnit - 1) / kXattrUnit * kXattrUnit;
}

char* WriteXattr(std::string_view name, std::string_view value, char* at) {
  ShortName shortened = *Shorten(name);
  XattrEntry entry{.name_length = static_cast<uint8_t>(shortened.rest.size()),
                   .prefix = shortened.prefix,
                   .value_length = static_cast<uint16_t>(value.size())};
  std::memcpy(at, &entry, sizeof entry);
  shortened.rest.copy(at + sizeof entry, shortened.rest.size());
  value.copy(at + sizeof entry + shortened.rest.size(), value.size());
  return at + EntryBytes(shortened.rest, value.size());
}

}  // namespace

Result<uint32_t> XattrBytes(std::span<const ExtendedAttribute> xattrs, bool with_content) {
  if (xattrs.empty() && !with_content) return 0;
  uint64_t bytes = kXattrHeader;
  for (const ExtendedAttribute& xattr : xattrs) {
    auto shortened = Shorten(xattr.name);
    if (!shortened) return Fail(Code::kInvalidArgument, "EROFS has no attributes like {}", xattr.name);
    if (xattr.value.size() > std::numeric_limits<uint16_t>::max()) {
      return Fail(Code::kInvalidArgument, "the attribute {} has {} bytes, EROFS takes 65535", xattr.name,
                  xattr.value.size());
    }
    bytes += EntryBytes(shortened->rest, xattr.value.size());
  }
  if (with_content) {
    bytes += EntryBytes(Shorten(kMetacopy)->rest, 0) + EntryBytes(Shorten(kRedirect)->rest, kContentPath);
  }
  if (bytes > kXattrHeader + (kMaxXattrUnits - 1) * kXattrUnit) {
    return Fail(Code::kInvalidArgument, "{} bytes of attributes are more than EROFS takes", bytes);
  }
  return static_cast<uint32_t>(bytes);
}

uint16_t XattrUnits(uint32_t bytes) {
  return bytes == 0 ? 0 : static_cast<uint16_t>((bytes - kXattrHeader) / kXattrUnit + 1);
}

void WriteXattrs(std::span<const ExtendedAttribute> xattrs, std::string_view content_path, char* at) {
  at += kXattrHeader;
  for (const ExtendedAttribute& xattr : xattrs) at = WriteXattr(xattr.name, xattr.value, at);
  if (content_path.empty()) return;
  at = WriteXattr(kMetacopy, "", at);
  WriteXattr(kRedirect, content_path, at);
}

}  // namespace burrow::image::erofs
