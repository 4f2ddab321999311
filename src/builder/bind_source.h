// A file or directory of another image, as a path that a container can bind. Blocking.
#pragma once

#include <string>

#include "base/error.h"
#include "burrow/link/v1/link.pb.h"
#include "imagefs/image_lease.h"
#include "os/mount.h"

namespace burrow::builder {

class BindSource {
 public:
  // Mounts the image below `directory`, which is empty and goes after this object. `path` is looked up inside the image
  // alone, links included. `read_write`: what is written is kept in `directory`/upper. kNotFound, kInvalidArgument.
  static Result<BindSource> Mount(imagefs::ImageProvider& images, const burrow::link::v1::Image& image,
                                  const std::string& path, const std::string& directory, bool read_write);

  const std::string& path() const { return place_.target(); }
  bool is_directory() const { return is_directory_; }

 private:
  imagefs::ImageLease lease_;  // outlives the mounts
  os::Mount tree_, place_;
  bool is_directory_ = false;
};

}  // namespace burrow::builder
