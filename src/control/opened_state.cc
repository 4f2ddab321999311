#include "control/opened_state.h"

#include <utility>

#include "base/clock.h"
#include "os/fs.h"

namespace burrow::control {

Result<OpenedState> OpenState(const ControlOptions& options) {
  const std::string& state_directory = options.state_directory;
  OpenedState state;
  state.directory = state_directory + "/control";
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(state.directory, 0700));
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(state.directory + "/logs", 0700));
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(state.directory + "/builds", 0700));
  auto lock = os::LockFile(state.directory + "/lock");
  if (!lock) {
    if (lock.error().code() != Code::kFailedPrecondition) return Forward(std::move(lock.error()));
    return Fail(Code::kFailedPrecondition, "another burrowd uses {}: stop it first, or give another --state-dir",
                state_directory);
  }
  state.lock = std::move(*lock);
  BURROW_ASSIGN_OR_RETURN(state.store, store::OpenSqliteStore(state.directory + "/burrow.db"));
  BURROW_ASSIGN_OR_RETURN(state.blobs, OpenBlobStores(state.directory, options.blobs));
  state.packs = std::make_unique<api::PackCache>(api::PackCacheOptions{.directory = state.directory});
  state.uploads = std::make_unique<api::Uploads>(api::UploadOptions{.directory = state.directory + "/uploads"});
  BURROW_RETURN_IF_ERROR(state.uploads->Clear());
  BURROW_ASSIGN_OR_RETURN(state.tokens,
                          Tokens::Open(state.directory + "/tokens", *state.store, SystemClock().UnixMillis()));
  BURROW_ASSIGN_OR_RETURN(state.sealer, Sealer::Open(state.directory + "/secrets.key"));
  return state;
}

}  // namespace burrow::control
