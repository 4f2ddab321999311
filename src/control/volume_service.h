// burrow.v1.Volumes.
#pragma once

#include <string>

#include "api/gateway.h"
#include "control/apps.h"
#include "control/containers.h"
#include "control/volume_link.h"
#include "control/volumes.h"

namespace burrow::control {

// What the service works on; all of it outlives the service.
struct VolumeServiceParts {
  const AppTable& apps;
  const ContainerTable& containers;
  Volumes& volumes;
  VolumeLink& link;
};

// Loop's thread only.
class VolumeService {
 public:
  explicit VolumeService(VolumeServiceParts parts) : p_(parts) {}
  void Register(api::Gateway& gateway);

 private:
  net::Task<Result<pb::CreateVolumeResponse>> Create(const std::string& workspace,
                                                     const pb::CreateVolumeRequest& request);
  net::Task<Result<pb::GetVolumeResponse>> Get(const std::string& workspace, const pb::GetVolumeRequest& request);
  net::Task<Result<pb::ListVolumesResponse>> List(const std::string& workspace);
  net::Task<Result<pb::RenameVolumeResponse>> Rename(const std::string& workspace,
                                                     const pb::RenameVolumeRequest& request);
  net::Task<Result<pb::DeleteVolumeResponse>> Delete(const std::string& workspace,
                                                     const pb::DeleteVolumeRequest& request);
  net::Task<Result<pb::VolumeEntriesResponse>> Entries(const std::string& workspace,
                                                       const pb::VolumeEntriesRequest& request);
  net::Task<Result<pb::ChangeVolumeResponse>> Change(const std::string& workspace,
                                                     const pb::ChangeVolumeRequest& request);
  net::Task<Result<pb::CommitVolumeResponse>> Commit(const api::Caller& by, const pb::CommitVolumeRequest& request);
  net::Task<Result<pb::ReloadVolumeResponse>> Reload(const api::Caller& by, const pb::ReloadVolumeRequest& request);

  Result<const store::VolumeRecord*> Need(const std::string& workspace, const std::string& id) const;
  std::unexpected<Error> NoVolumeNamed(const std::string& workspace, const std::string& name) const;
  // kFailedPrecondition, naming a function or a container that has it.
  Status CheckUnused(const store::VolumeRecord& record) const;
  net::Task<Result<uint64_t>> Ask(const api::Caller& by, const std::string& volume_id, VolumeLink::Wish wish);

  VolumeServiceParts p_;
};

}  // namespace burrow::control
