// Makes images of what builds and imports led to.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "control/background.h"
#include "control/image_storage.h"
#include "control/images.h"
#include "control/step_cache.h"
#include "control/workspaces.h"
#include "store/store.h"

namespace burrow::control {

struct KeptImage {
  std::string workspace;
  BuiltTree tree;
  std::string description, build;  // id of the build; empty: none
  std::vector<std::string> names;  // given to it; checked
};

// Loop's thread only.
class ImageRecords {
 public:
  ImageRecords(const Clock& clock, const WorkspaceTable& workspaces, ImageTable& images, ImageStorage& storage,
               store::Store& store, Background& store_thread)
      : clock_(clock),
        workspaces_(workspaces),
        images_(images),
        storage_(storage),
        store_(store),
        store_thread_(store_thread) {}

  // Stored when it returns; refused where the workspace has been deleted, or has no room for it. The same image again
  // keeps its age and description.
  net::Task<Result<ImageId>> Keep(KeptImage kept);
  net::Task<Status> Name(const std::string& workspace, const ImageId& id, std::vector<std::string> names);
  // The image by id or name; kNotFound says what to do.
  Result<const ImageEntry*> Find(const std::string& workspace, const std::string& text) const;

  struct Removal {
    std::vector<std::string> names;
    std::vector<ImageId> images;
  };
  net::Task<Status> Remove(const std::string& workspace, Removal removal);

 private:
  const Clock& clock_;
  const WorkspaceTable& workspaces_;
  ImageTable& images_;
  ImageStorage& storage_;
  store::Store& store_;
  Background& store_thread_;
};

}  // namespace burrow::control
