// What clients and workers may do to a volume's tree, and the doing. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cas/digest.h"
#include "control/messages.h"
#include "image/tree.h"

namespace burrow::control {

inline constexpr int kMaxVolumeChanges = 1'000'000;     // of one request
inline constexpr size_t kMaxCopiedEntries = 1'000'000;  // that the copies of one request make
inline constexpr size_t kMaxVolumePathBytes = 4'000;

// A path of a volume for a sentence: shortened, and without bytes that are no text.
std::string ShowVolumePath(std::string_view path);
// Relative, '/'-separated, without empty, "." and ".." parts; not the root. kInvalidArgument.
Status CheckVolumePath(std::string_view path);

// kInvalidArgument, naming the path, where a change says what no volume holds: sockets, types without what belongs to
// them, attributes of the kernel's own.
Status CheckVolumeChanges(const pb::VolumeChanges& changes);

// A blob that the changes name.
struct NamedBlob {
  cas::Digest digest;
  uint64_t size = 0;               // that its file is said to have; 0: of a frame table
  const pb::VolumeChange* change;  // of `changes`
};
std::vector<NamedBlob> BlobsOf(const pb::VolumeChanges& changes);

// What becomes of what is there where something is put.
enum class Existing { kReplaced, kKept };

// Applies them in order; they were checked. kAlreadyExists (of kKept), kNotFound for what COPY names,
// kResourceExhausted where copies make more than `most_copied` entries, kInvalidArgument for a hard link to what is no
// file. After an error the tree is of no use.
Status ApplyVolumeChanges(image::Tree& tree, const pb::VolumeChanges& changes, Existing existing,
                          size_t most_copied = kMaxCopiedEntries);

}  // namespace burrow::control
