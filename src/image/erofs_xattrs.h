// The extended attributes behind an EROFS inode. Private to this module.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"
#include "image/index.h"

namespace burrow::image::erofs {

// The bytes that WriteXattrs will take, 0 where there is none. With content come the two attributes that tell overlay
// where it is. kInvalidArgument where EROFS cannot hold them.
Result<uint32_t> XattrBytes(std::span<const ExtendedAttribute> xattrs, bool with_content);
// The inode's field for that many bytes.
uint16_t XattrUnits(uint32_t bytes);
// To zeroed memory. `content_path` is empty or 66 characters.
void WriteXattrs(std::span<const ExtendedAttribute> xattrs, std::string_view content_path, char* at);

}  // namespace burrow::image::erofs
