// The methods of burrow.v1.Images that tell of images, name them and forget them: List, Inspect, Tag, Remove, Prune.
#pragma once

#include <string>

#include "api/gateway.h"
#include "control/apps.h"
#include "control/image_records.h"
#include "control/limits.h"
#include "control/workers.h"
#include "control/workspaces.h"
#include "net/event.h"

namespace burrow::control {

// Nothing is owned.
struct CatalogParts {
  net::IoContext& io;
  const Clock& clock;
  ImageTable& images;
  ImageRecords& records;
  AppTable& apps;
  WorkerPool& workers;
  const WorkspaceTable& workspaces;
  store::Store& store;
  Background& store_thread;
};

// Loop's thread only.
class ImageCatalog {
 public:
  explicit ImageCatalog(CatalogParts parts) : parts_(parts), caches_pruned_(parts.io) {}
  void Register(api::Gateway& gateway);
  // Of the workspace, which no step uses, on all connected workers; gives their number. Not for longer than 30 s.
  net::Task<uint32_t> PruneCacheMounts(const std::string& workspace);
  void OnCachesPruned(const lpb::CachesPruned& pruned);

 private:
  net::Task<Result<pb::ListImagesResponse>> List(const std::string& workspace);
  net::Task<Result<pb::InspectResponse>> Inspect(const std::string& workspace, const pb::InspectRequest& request);
  net::Task<Result<pb::TagResponse>> Tag(const std::string& workspace, const pb::TagRequest& request);
  net::Task<Result<pb::RemoveImagesResponse>> Remove(const std::string& workspace,
                                                     const pb::RemoveImagesRequest& request);
  net::Task<Result<pb::PruneResponse>> Prune(const std::string& workspace, const pb::PruneRequest& request);

  Status AddRemoval(const std::string& workspace, const std::string& text, bool force,
                    ImageRecords::Removal& removal) const;
  bool IsUsed(const ImageId& id) const;  // by an app that lives

  CatalogParts parts_;
  unsigned answers_ = 0;      // of workers to the last question
  uint32_t pruned_ = 0;       // cache mounts, by these
  net::Event caches_pruned_;  // an answer
};

}  // namespace burrow::control
