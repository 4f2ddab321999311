// Which pack and frame holds a small blob: in memory, with a file that spares reading the footers of all packs at a
// start. The file only repeats what the packs' footers say, so it may be lost, cut off or behind. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cas/blob_store.h"
#include "cas/pack.h"

namespace burrow::cas {

struct PackLocation {
  uint32_t pack = 0;    // of this index
  uint32_t frame = 0;   // of the pack
  uint32_t offset = 0;  // of the blob in its decoded frame
  uint32_t size = 0;
};

class PackIndex {
 public:
  struct Frame {
    uint64_t offset = 0;
    uint32_t stored = 0, raw = 0;
  };
  struct Pack {
    Digest name;
    uint64_t stored_ms = 0;
    uint64_t raw = 0, live = 0;  // bytes of its blobs: all, and those that this index finds here
    std::vector<Frame> frames;
    bool gone = false;
  };

  // Reads the file and the list of packs; brings both together, reading footers of packs that the file lacks.
  static Result<PackIndex> Open(const std::string& file, BlobStore& packs);

  std::optional<PackLocation> Find(const Digest& digest) const;
  const Pack& pack(uint32_t number) const { return packs_[number]; }
  uint32_t packs() const { return static_cast<uint32_t>(packs_.size()); }
  size_t blobs() const { return blobs_.size(); }

  // A pack that is stored now. Blobs for which `wanted` is false are not found by it.
  void Add(const Digest& name, uint64_t stored_ms, const std::vector<PackFrame>& frames,
           const std::function<bool(const Digest&)>& wanted);
  // Until the next Open, which reads the footers again.
  void Forget(const Digest& digest);
  // The pack is removed; no blob is found in it any more.
  void Drop(uint32_t pack);
  void ForEach(const std::function<void(const Digest&, const PackLocation&)>& visit) const;

 private:
  void Enter(const Digest& name, uint64_t stored_ms, const std::vector<PackFrame>& frames,
             const std::function<bool(const Digest&)>& wanted);
  void Append(const std::string& record);

  UniqueFd log_;
  uint64_t file_size_ = 0;
  std::vector<Pack> packs_;
  std::unordered_map<Digest, PackLocation> blobs_;
};

}  // namespace burrow::cas
