// EROFS images of the node, mounted: one for each image in use, and those used last.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "image/import.h"

namespace burrow::imagefs {

struct ErofsImagesOptions {
  std::string directory;  // image files and mount points; what an earlier life left in it is removed
  size_t max_idle = 16;   // images that stay mounted although nobody holds them
  // Gives an image's index; blocks.
  std::function<Result<std::unique_ptr<image::MappedIndex>>(const cas::Digest&)> load;
  // Asks for so many bytes on a disk that is full; false: in vain. May be absent.
  std::function<bool(uint64_t bytes)> make_room;
  // Called for an image that is to be mounted anew, on a thread of its own, once its index is here. The mount waits for
  // its end. May be absent.
  std::function<void(const cas::Digest&)> on_loaded;
};

// Any thread.
class ErofsImages {
 public:
  static Result<std::unique_ptr<ErofsImages>> Open(ErofsImagesOptions options);
  ~ErofsImages();  // unmounts all, held ones too

  struct Held {
    std::string directory;             // the image's tree
    std::shared_ptr<const void> hold;  // keeps it mounted; may outlive the ErofsImages
  };
  // Mounts the image where it is not: once however many threads ask. kInvalidArgument where EROFS cannot hold it; the
  // errno ENOSPC where the disk has no room for it.
  Result<Held> Acquire(const cas::Digest& digest);
  size_t mounted() const;

 private:
  struct State;
  explicit ErofsImages(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;  // shared with what is held
};

}  // namespace burrow::imagefs
