// Where functions have volumes: what clients may ask for, what containers are given, and which heads these may read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "control/messages.h"
#include "control/volumes.h"

namespace burrow::control {

inline constexpr int kMaxMounts = 32;  // of one function

// Absolute paths in normal form, apart from each other and from attached files; each volume once. kInvalidArgument.
Status CheckVolumeMounts(const pb::FunctionSpec& spec);
// kNotFound unless all of them are volumes of the workspace.
Status FindMounts(const Volumes& volumes, const std::string& workspace, const pb::FunctionSpec& spec);
// The function's volumes with their heads of now.
google::protobuf::RepeatedPtrField<lpb::MountedVolume> MountsOf(const Volumes& volumes, const pb::FunctionSpec& spec);

// The heads that one container may have mounted: their blobs stay. Pure.
class GivenHeads {
 public:
  void NoteStart(const google::protobuf::RepeatedPtrField<lpb::MountedVolume>& mounts);
  // It was told the head in an answer. Mounted it is by a reload alone, so the one before is passed over.
  void NoteTold(const std::string& volume, const std::string& index_digest, uint64_t version);
  void BeginReload(const std::string& volume);
  // With the version that is mounted now; without one nobody knows what is.
  void EndReload(const std::string& volume, std::optional<uint64_t> version);

  bool Has(const std::string& volume) const { return volumes_.contains(volume); }
  std::vector<std::string> trees() const;  // digests of indexes, hex

 private:
  struct Head {
    uint64_t version = 0;
    std::string index_digest;
    bool may_be_mounted = false;
  };
  struct Mount {
    std::vector<Head> heads;  // in the order in which it was told them
    unsigned reloads = 0;     // that go on
  };
  std::map<std::string, Mount> volumes_;  // by id
};

}  // namespace burrow::control
