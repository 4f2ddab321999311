#include "control/blob_service.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/log.h"

namespace burrow::control {
namespace {

pb::CollectResponse ToMessage(const CollectedBlobs& counts) {
  pb::CollectResponse response;
  response.set_blobs(counts.blobs);
  response.set_bytes(counts.bytes);
  response.set_needed_blobs(counts.needed_blobs);
  response.set_recent_blobs(counts.recent_blobs);
  response.set_removed_blobs(counts.removed_blobs);
  response.set_removed_bytes(counts.removed_bytes);
  return response;
}

}  // namespace

BlobService::BlobService(BlobServiceParts parts)
    : p_(parts), collector_(parts.collector), timer_(parts.io), thread_(parts.io, 1) {}

void BlobService::Register(api::Gateway& gateway) {
  gateway.AddUnary<pb::CollectRequest, pb::CollectResponse>(
      "burrow.v1.Blobs/Collect", [this](const auto&, const auto& request) { return Collect(request); });
}

void BlobService::Start() { Arm(); }

void BlobService::Stop() {
  timer_.Cancel();
  collector_.Stop();
}

void BlobService::Arm() {
  timer_.Start(p_.timings.collect_blobs, [this] { CollectNow(); });
}

// Calls that are not in the store of records, functions that are about to be, builds that go on, and what of volumes is
// mounted or about to be.
BlobCollector::InMemory BlobService::NeededInMemory() const {
  BlobCollector::InMemory needed{.trees = p_.builds.TreesInUse()};
  const auto add = [&](std::vector<std::string> trees) { std::ranges::move(trees, std::back_inserter(needed.trees)); };
  add(p_.steps.VolumeHeads());
  add(p_.shells.VolumeHeads());
  add(p_.volumes.Heads());
  p_.containers.ForEach([&](const Container& container) { add(container.heads.trees()); });
  for (const App* app : p_.apps.All()) {
    for (const auto& [name, function] : app->functions) AddSpec(function->spec, needed.blobs);
  }
  p_.calls.ForEach([&](const Call& call) {
    AddPayload(call.arguments, needed.blobs);
    if (call.result) AddResult(*call.result, needed.blobs);
  });
  return needed;
}

void BlobService::CollectNow() {
  if (*running_) return Arm();
  *running_ = true;
  thread_.Run([this, needed = NeededInMemory()] { return collector_.Collect(needed, false); },
              [this](const Result<CollectedBlobs>& counts) {
                *running_ = false;
                Arm();
                if (!counts) return LogWarn("blobs could not be collected: {}", counts.error().message());
                if (counts->removed_blobs == 0) return;
                LogInfo("{} blobs of {} bytes were removed, {} are left", counts->removed_blobs, counts->removed_bytes,
                        counts->blobs - counts->removed_blobs);
              });
}

net::Task<Result<pb::CollectResponse>> BlobService::Collect(const pb::CollectRequest& request) {
  if (*running_) co_return Fail(Code::kAborted, "blobs are being collected already: try again in a while");
  struct Turn {
    explicit Turn(std::shared_ptr<bool> flag) : running(std::move(flag)) { *running = true; }
    ~Turn() { *running = false; }
    std::shared_ptr<bool> running;
  } turn(running_);
  auto collect = [this, needed = NeededInMemory(), dry_run = request.dry_run()] {
    return collector_.Collect(needed, dry_run);
  };
  BURROW_CO_ASSIGN_OR_RETURN(auto counts, co_await thread_.Ask(std::move(collect)));
  co_return ToMessage(counts);
}

}  // namespace burrow::control
