#include "control/hot_set.h"

#include <list>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "cas/frames.h"

namespace burrow::control {
namespace {

constexpr size_t kDigestBytes = 32;

struct Entry {
  lpb::HotBlob blob;
  uint32_t last_seen = 0;  // number of the recording
};
using Entries = std::list<Entry>;

std::string DigestBytes(const cas::Digest& digest) {
  return {reinterpret_cast<const char*>(digest.bytes().data()), digest.bytes().size()};
}

// Adds the frames that the other one names and this one does not.
void MergeFrames(lpb::HotBlob& blob, const lpb::HotBlob& other) {
  std::unordered_set<uint32_t> known(blob.frames().begin(), blob.frames().end());
  for (uint32_t frame : other.frames()) {
    if (frame < cas::FrameCount(blob.size()) && known.insert(frame).second) blob.add_frames(frame);
  }
}

}  // namespace

lpb::RecordedHotSet MergeTrace(const lpb::RecordedHotSet& old, const lpb::HotSet& trace) {
  Entries entries;
  std::unordered_map<std::string, Entries::iterator> known;
  for (int i = 0; i < old.blobs_size(); ++i) {
    uint32_t last_seen = i < old.last_seen_size() ? old.last_seen(i) : 0;
    entries.push_back({old.blobs(i), last_seen});
    known[old.blobs(i).digest()] = std::prev(entries.end());
  }
  const size_t before = entries.size();
  const uint32_t number = old.recordings() + 1;
  std::unordered_set<std::string> seen;
  size_t seen_again = 0;
  auto behind = entries.begin();  // where a new blob goes
  for (const auto& blob : trace.blobs()) {
    if (blob.digest().size() != kDigestBytes || !seen.insert(blob.digest()).second) continue;
    if (auto at = known.find(blob.digest()); at != known.end()) {
      ++seen_again;
      at->second->last_seen = number;
      MergeFrames(at->second->blob, blob);
      behind = std::next(at->second);
    } else if (entries.size() < kMaxHotBlobs) {
      behind = std::next(entries.insert(behind, {blob, number}));
    }
  }
  // What was inherited says nothing about how much a recording should see.
  const bool complete = old.recordings() == 0 || 2 * seen_again >= before;
  lpb::RecordedHotSet merged;
  merged.set_recordings(complete ? number : old.recordings());
  for (const Entry& entry : entries) {
    if (complete && number - entry.last_seen >= kForgetAfter) continue;
    *merged.add_blobs() = entry.blob;
    merged.add_last_seen(std::min(entry.last_seen, merged.recordings()));
  }
  return merged;
}

lpb::RecordedHotSet InheritedSet(const lpb::RecordedHotSet& other, const image::Index& index) {
  std::unordered_set<std::string> wanted, held;
  for (const auto& blob : other.blobs()) wanted.insert(blob.digest());
  for (image::InodeNumber number = 0; number < index.inode_count(); ++number) {
    const image::Inode inode = index.inode(number);
    for (const cas::Digest& digest : {inode.digest, inode.frames}) {
      std::string name = DigestBytes(digest);
      if (wanted.contains(name)) held.insert(std::move(name));
    }
  }
  lpb::RecordedHotSet inherited;
  for (const auto& blob : other.blobs()) {
    if (!held.contains(blob.digest())) continue;
    *inherited.add_blobs() = blob;
    inherited.add_last_seen(0);
  }
  return inherited;
}

bool ShouldRecord(const lpb::RecordedHotSet& known, uint32_t starts_since) {
  return known.recordings() < kFirstRecordings || starts_since >= kRecordEvery;
}

}  // namespace burrow::control
