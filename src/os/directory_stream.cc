#include "os/directory_stream.h"

#include <fcntl.h>

#include <utility>

namespace burrow::os {

DirectoryStream StreamOf(UniqueFd directory) {
  DirectoryStream stream(::fdopendir(directory.get()));
  if (stream) directory.Release();
  return stream;
}

DirectoryStream OpenDirectoryStream(int parent, const char* name) {
  return StreamOf(UniqueFd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)));
}

}  // namespace burrow::os
