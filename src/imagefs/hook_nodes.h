// The nodes of the hook connection, which serves the data-only layers "h", "h-<16 hex digits>" and "err" of overlays.
//
// Each layer has 256 sub-directories by the first byte of a digest; all their ids follow from the layer's number, which
// is 0 for "h", 1 for "err", and for the others the order in which they were first asked for. Large files that may be
// streamed have an id each. A journal remembers both orders, so that the next process of the connection knows the same
// ids.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "cas/partial_blob.h"
#include "imagefs/node_table.h"

namespace burrow::imagefs {

inline constexpr char kHookLayer[] = "h";
inline constexpr char kErrorLayer[] = "err";
inline constexpr char kRecordingPrefix[] = "h-";  // and the recording's name

struct HookLayer {
  bool answers_errors = false;  // what is not there is EIO
  std::string recording;        // name of the recording that notes what is asked for here; empty: none
};

// A directory of a layer, the layer itself where there is no `first_byte`.
struct HookDirectory {
  NodeId layer;
  std::optional<uint8_t> first_byte;
};

// Any thread.
class HookNodes {
 public:
  // Loads the journal (no file: nothing). A line that a killed process wrote half is cut off.
  static Result<std::unique_ptr<HookNodes>> Open(const std::string& journal);

  // The layer's id; absent for a name that is none. kResourceExhausted beyond a million recordings.
  Result<std::optional<NodeId>> LayerByName(std::string_view name);
  // Of an id that LayerByName gave.
  HookLayer Layer(NodeId layer) const;
  static NodeId Subdirectory(NodeId layer, uint8_t first_byte) { return layer + 1 + first_byte; }
  // Absent for ids that were never given out and those of files.
  std::optional<HookDirectory> Directory(NodeId id) const;

  // Whether all large files of an image were added by this process.
  bool KnowsImage(const cas::Digest& index) const;
  void RememberImage(const cas::Digest& index);
  // Makes a file known as one that may be streamed. Those beyond a hundred thousand are not.
  Status AddLarge(const cas::LargeBlob& blob);
  struct Large {
    NodeId id;
    cas::LargeBlob blob;
  };
  std::optional<Large> FindLarge(const cas::Digest& digest) const;
  std::optional<cas::LargeBlob> LargeOf(NodeId id) const;

 private:
  explicit HookNodes(UniqueFd journal) : journal_(std::move(journal)) {}
  Status Replay(std::string_view lines);
  Status ReplayLine(std::string_view line);
  void Insert(const cas::LargeBlob& blob);

  UniqueFd journal_;
  mutable std::shared_mutex mutex_;
  // All guarded by mutex_.
  std::vector<std::string> recordings_;
  std::map<std::string, size_t, std::less<>> recording_numbers_;
  std::vector<cas::LargeBlob> large_;
  std::unordered_map<cas::Digest, size_t> large_numbers_;
  std::unordered_set<cas::Digest> images_;
};

}  // namespace burrow::imagefs
