// Many small blobs as a sequence of zstd frames: written and read front to back. docs/pack-format.md has the format;
// pack_footer.h has access at random. Nothing here is thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cas/blob_store.h"

namespace burrow::cas {

inline constexpr uint64_t kPackFrame = 1u << 20;  // over HTTP
// At rest: reading one small blob decodes a frame.
inline constexpr uint64_t kStoredPackFrame = 128u << 10;
inline constexpr uint64_t kMaxFrameRaw = kManyLimit;      // what a reader takes
inline constexpr uint64_t kMaxFrameStored = 5u << 20;     //
inline constexpr uint32_t kMaxFrameEntries = 1u << 16;    //
inline constexpr uint32_t kMaxAbsent = 20'000;            // in one record
inline constexpr uint64_t kMaxFooterBytes = 64ull << 20;  //

// Where packs travel over HTTP: POST with digests of 32 bytes each answers with a pack, PUT stores one.
inline constexpr const char* kPackPath = "/blobs/pack";
inline constexpr size_t kMaxPackDigests = 20'000;  // of one POST

struct PackEntry {
  Digest digest;
  uint32_t size = 0;
};
// Where the compressed blobs of one frame lie in a pack.
struct PackFrame {
  uint64_t offset = 0;
  uint32_t stored = 0;
  uint32_t raw = 0;
  std::vector<PackEntry> entries;
};

struct PackWriterOptions {
  bool footer = false;                // for a pack that is to lie in a store
  int level = 1;                      // of zstd; at rest 3 pays, in passing its time does not
  uint64_t frame_bytes = kPackFrame;  // a frame is closed before it passes this
  uint64_t nonce = 0;                 // random for a pack at rest, so that no two have one name
};

class PackWriter {
 public:
  // `out` receives the pack's bytes in order.
  PackWriter(PackWriterOptions options, BlobSink out);
  ~PackWriter();
  PackWriter(PackWriter&&) noexcept;
  PackWriter& operator=(PackWriter&&) noexcept;

  // kOutOfRange for a blob above kManyLimit. The bytes are taken as those of the digest.
  Status Add(const Digest& digest, std::string_view data);
  Status AddAbsent(std::span<const Digest> digests);
  Status Flush();   // ends the frame that is open
  Status Finish();  // once
  // Raw bytes that wait in the open frame.
  uint64_t buffered() const;
  // What was written; whole after Finish.
  const std::vector<PackFrame>& frames() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What a reader finds. An error that these return ends the reading and is given back.
struct PackEvents {
  ManySink blob;                                                // verified
  std::function<Status(const Digest&)> absent;                  // was asked for and does not come
  std::function<Status(const Digest&, uint64_t size)> damaged;  // its bytes do not hash to its name
};

class PackReader {
 public:
  explicit PackReader(PackEvents events);
  ~PackReader();
  // Takes the next bytes of a pack, cut anywhere. kDataLoss for what is no pack.
  Status Append(std::string_view data);
  // The end has come: nothing was cut off.
  bool complete() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The blobs of a frame from its compressed bytes: exactly `raw` bytes, or kDataLoss. Not verified.
Result<std::string> DecodeFrame(std::string_view compressed, uint64_t raw);

}  // namespace burrow::cas
