// Paths as texts. Pure.
#pragma once

#include <string>
#include <string_view>

namespace burrow::dockerfile {

// Without empty and "." components, ".." taken up where there is something to go up from; an absolute path stays below
// "/". "" and what comes to nothing are ".".
std::string CleanPath(std::string_view path);

// Clean and absolute: a relative path counts from `workdir`, which is absolute.
std::string AbsolutePath(std::string_view workdir, std::string_view path);

// Whether a destination says that it is a directory: it ends in '/', "." or "..", or is empty.
bool NamesDirectory(std::string_view path);

}  // namespace burrow::dockerfile
