// How much the images of a workspace hold, each content once, and whether its storage has room for more.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "cas/blob_store.h"
#include "control/background.h"
#include "control/images.h"
#include "control/workspaces.h"

namespace burrow::control {

// Loop's thread only. What it is made of outlives it.
class ImageStorage {
 public:
  using VolumeBytes = std::function<uint64_t(const std::string& workspace)>;
  ImageStorage(const WorkspaceTable& workspaces, const ImageTable& images, cas::BlobStore& blobs, Background& disk,
               VolumeBytes volume_bytes)
      : workspaces_(workspaces), images_(images), blobs_(blobs), disk_(disk), volume_bytes_(std::move(volume_bytes)) {}

  // Measures what is bounded, on other threads.
  void Begin(net::IoContext& io);
  // Reads the index of each image, unless they are the same as the last time. Errors are the store's.
  net::Task<Result<uint64_t>> BytesIn(std::string workspace);
  // What the last BytesIn found; 0 before the first.
  uint64_t LastKnown(const std::string& workspace) const;
  // kResourceExhausted where `image` would bring the workspace's images and volumes beyond its bound.
  net::Task<Status> CheckRoom(std::string workspace, lpb::Image image);
  // To be called where images came or went: LastKnown is right again when it returns, if anything is bounded.
  net::Task<void> Refresh(std::string workspace);

 private:
  using Indexes = std::set<std::string>;  // by digest, hex
  struct Known {
    Indexes indexes;
    uint64_t bytes = 0;
  };
  struct Sizes {
    uint64_t before = 0, after = 0;
  };
  Indexes IndexesOf(const std::string& workspace) const;
  net::Task<Result<Sizes>> Measure(Indexes indexes, std::string more);
  bool IsBounded(const std::string& workspace) const;

  const WorkspaceTable& workspaces_;
  const ImageTable& images_;
  cas::BlobStore& blobs_;
  Background& disk_;
  const VolumeBytes volume_bytes_;
  std::map<std::string, Known> known_;  // by workspace
};

}  // namespace burrow::control
