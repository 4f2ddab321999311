// An image in a tar file: of `docker save`, an OCI layout, or simply a root filesystem.
#pragma once

#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "oci/expansion_bounds.h"
#include "oci/image_source.h"
#include "os/disk_room.h"

namespace burrow::oci {

enum class ArchiveKind {
  kDetect,  // by its members; what holds neither manifest.json nor oci-layout is a root filesystem
  kRootfs,  // whatever it holds
  kDocker,
  kOciLayout,
};

struct ArchiveOptions {
  ArchiveKind kind = ArchiveKind::kDetect;
  std::string tag;                // which image, where there are several: "name:tag", or the tag of an OCI layout
  std::string scratch_directory;  // a compressed archive is decompressed there
  ExpansionBounds bounds;
  uint64_t keep_free = os::kKeepFree;  // bytes of the disk that decompressing leaves alone
  bool partial = false;                // layers may be missing; the SourceLayer says so
};

// Takes the regular file; nothing is read before Resolve.
std::unique_ptr<ImageSource> NewArchiveSource(UniqueFd file, ArchiveOptions options);

}  // namespace burrow::oci
