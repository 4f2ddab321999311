// What containers of a function read before they are ready, merged over several recordings. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "control/messages.h"
#include "image/index.h"

namespace burrow::control {

inline constexpr size_t kMaxHotBlobs = 20'000;
// A blob that so many recordings in a row did not see is dropped.
inline constexpr uint32_t kForgetAfter = 5;
// So many first starts are recorded, then one of each so many.
inline constexpr uint32_t kFirstRecordings = 3;
inline constexpr uint32_t kRecordEvery = 50;

// The union of the old set and the trace, in the order of first appearance: a blob that is new stands behind the one
// that was read before it; frames of a large one are those of both. A recording that saw less than half of the set was
// made on a machine whose page cache knew the image: it adds what it saw, and says nothing about the rest. Malformed
// digests and repeated ones are passed over.
lpb::RecordedHotSet MergeTrace(const lpb::RecordedHotSet& old, const lpb::HotSet& trace);

// What an image holds of a set that was recorded with another one, as if nobody had recorded it. The first recording
// adds to it in any case; what no recording then sees is forgotten like all else.
lpb::RecordedHotSet InheritedSet(const lpb::RecordedHotSet& other, const image::Index& index);

// Whether the next start, after so many since the last recording, is to be recorded.
bool ShouldRecord(const lpb::RecordedHotSet& known, uint32_t starts_since);

}  // namespace burrow::control
