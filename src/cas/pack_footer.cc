#include "cas/pack_footer.h"

#include "cas/pack_records.h"

namespace burrow::cas {
using namespace pack_records;

namespace {

std::unexpected<Error> BadFooter(std::string_view why) { return Fail(Code::kDataLoss, "the pack's footer {}", why); }

// Frames with as many empty entries as they say; these are bounded by the bytes that are left for them.
Result<std::vector<PackFrame>> ReadFrames(std::string_view& rest) {
  if (rest.size() < sizeof(uint32_t)) return BadFooter("is cut short");
  auto frames = ReadNumber<uint32_t>(rest);
  rest.remove_prefix(sizeof frames);
  if (frames > rest.size() / kFooterFrameSize) return BadFooter("counts wrongly");
  uint64_t room = (rest.size() - uint64_t{frames} * kFooterFrameSize) / kEntrySize;
  std::vector<PackFrame> found(frames);
  for (PackFrame& frame : found) {
    frame.offset = ReadNumber<uint64_t>(rest);
    auto count = ReadNumber<uint32_t>(rest, 8);
    frame.raw = ReadNumber<uint32_t>(rest, 12);
    frame.stored = ReadNumber<uint32_t>(rest, 16);
    rest.remove_prefix(kFooterFrameSize);
    if (count == 0 || count > kMaxFrameEntries || count > room) return BadFooter("counts wrongly");
    if (frame.stored > kMaxFrameStored || frame.raw > kMaxFrameRaw) return BadFooter("has a frame that is too large");
    room -= count;
    frame.entries.resize(count);
  }
  return found;
}

Status ReadEntries(std::string_view& rest, PackFrame& frame) {
  if (rest.size() < frame.entries.size() * kEntrySize) return BadFooter("is cut short");
  uint64_t raw = 0;
  for (PackEntry& entry : frame.entries) {
    entry = ReadEntry(rest);
    raw += entry.size;
    rest.remove_prefix(kEntrySize);
  }
  return raw == frame.raw ? Status() : BadFooter("sums up wrongly");
}

}  // namespace

std::string EncodeFooter(const std::vector<PackFrame>& frames) {
  std::string body;
  AppendNumber(static_cast<uint32_t>(frames.size()), body);
  for (const PackFrame& frame : frames) {
    AppendNumber(frame.offset, body);
    AppendNumber(static_cast<uint32_t>(frame.entries.size()), body);
    AppendNumber(frame.raw, body);
    AppendNumber(frame.stored, body);
  }
  for (const PackFrame& frame : frames) {
    for (const PackEntry& entry : frame.entries) {
      AppendDigest(entry.digest, body);
      AppendNumber(entry.size, body);
    }
  }
  body += CheckOf(body);
  AppendNumber(static_cast<uint32_t>(body.size() + kTrailerSize), body);
  body += kEndMagic;
  return body;
}

Result<uint64_t> FooterLength(std::string_view trailer) {
  if (trailer.size() != kTrailerSize || trailer.substr(4) != kEndMagic) return BadFooter("is not there");
  auto length = ReadNumber<uint32_t>(trailer);
  if (length < kCheckSize + kTrailerSize || length > kMaxFooterBytes) return BadFooter("has a wrong length");
  return length;
}

Result<std::vector<PackFrame>> DecodeFooter(std::string_view body) {
  if (body.size() < kCheckSize + kTrailerSize) return BadFooter("is cut short");
  BURROW_ASSIGN_OR_RETURN(uint64_t length, FooterLength(body.substr(body.size() - kTrailerSize)));
  if (length != body.size()) return BadFooter("has a wrong length");
  auto checked = body.substr(0, body.size() - kTrailerSize - kCheckSize);
  if (body.substr(checked.size(), kCheckSize) != CheckOf(checked)) return BadFooter("is damaged");
  BURROW_ASSIGN_OR_RETURN(auto frames, ReadFrames(checked));
  for (PackFrame& frame : frames) BURROW_RETURN_IF_ERROR(ReadEntries(checked, frame));
  if (!checked.empty()) return BadFooter("has bytes too many");
  return frames;
}

}  // namespace burrow::cas
