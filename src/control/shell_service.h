// The methods of burrow.v1.Shells.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api/gateway.h"
#include "control/apps.h"
#include "control/containers.h"
#include "control/guests.h"
#include "control/image_records.h"
#include "control/images.h"
#include "control/limits.h"
#include "control/secret_table.h"
#include "control/shells.h"
#include "control/volumes.h"

namespace burrow::control {

// Nothing is owned.
struct ShellParts {
  net::IoContext& io;
  const Clock& clock;
  const Timings& timings;
  const ImageTable& images;
  const ImageRecords& records;
  const ContainerTable& containers;
  const AppTable& apps;
  const SecretTable& secrets;
  const Volumes& volumes;
  Guests& guests;
  Shells& shells;
};

// Loop's thread only.
class ShellService {
 public:
  explicit ShellService(ShellParts parts) : parts_(parts) {}
  void Register(api::Gateway& gateway);

 private:
  using Events = api::Writer<pb::ShellEvent>;
  net::Task<Status> Open(const std::string& workspace, const pb::OpenShellRequest& request, Events writer);
  net::Task<Status> Follow(OpenShell& shell, Events& writer);
  net::Task<Result<pb::ShellInputResponse>> Input(const std::string& workspace, const pb::ShellInputRequest& request);
  net::Task<void> AwaitRoom(OpenShell& shell);
  // What its container reserves; none where it runs in one that is there. Fails where there is nothing to run it in.
  Result<std::optional<scheduler::Demand>> DemandFor(const std::string& workspace,
                                                     const pb::OpenShellRequest& request) const;
  // Waits for room in the workspace, which the client is told, but not forever: kResourceExhausted.
  net::Task<Result<std::shared_ptr<Guest>>> Enter(const std::string& workspace, const scheduler::Demand& demand,
                                                  Events& writer);
  // `start` lacks where it is to run. `room` is null where that is a container that is there.
  Result<std::shared_ptr<OpenShell>> Start(const std::string& workspace, const pb::OpenShellRequest& request,
                                           lpb::StartShell start, std::shared_ptr<Guest> room) const;
  Result<std::shared_ptr<OpenShell>> StartAsFunction(std::shared_ptr<Guest> room, const std::string& id,
                                                     lpb::StartShell start) const;
  Result<std::shared_ptr<Function>> FindFunction(const std::string& workspace, const std::string& id) const;
  Result<const ImageEntry*> FindSource(const std::string& workspace, const pb::OpenShellRequest& request) const;

  ShellParts parts_;
};

}  // namespace burrow::control
