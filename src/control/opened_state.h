// What control opens in its state directory before anything runs.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api/pack_cache.h"
#include "api/upload_endpoint.h"
#include "base/unique_fd.h"
#include "control/blob_stores.h"
#include "control/control.h"
#include "control/sealing.h"
#include "control/tokens.h"
#include "store/store.h"

namespace burrow::control {

struct OpenedState {
  std::string directory;
  UniqueFd lock;
  std::unique_ptr<store::Store> store;
  BlobStores blobs;
  std::unique_ptr<api::PackCache> packs;
  std::unique_ptr<api::Uploads> uploads;
  Tokens tokens;
  std::optional<Sealer> sealer;
};

// Blocks. kFailedPrecondition where another burrowd has the directory.
Result<OpenedState> OpenState(const ControlOptions& options);

}  // namespace burrow::control
