#include <zstd.h>

#include "cas/pack.h"
#include "cas/pack_records.h"

namespace burrow::cas {
using namespace pack_records;

namespace {

std::unexpected<Error> NoPack(std::string_view why) { return Fail(Code::kDataLoss, "this is no pack: {}", why); }

// How many bytes follow the fixed part of a record.
Result<uint64_t> BodySize(const Record& record) {
  switch (static_cast<Kind>(record.kind)) {
    case Kind::kFrame:
      if (record.count == 0 || record.count > kMaxFrameEntries) return NoPack("a frame's count is wrong");
      if (record.raw > kMaxFrameRaw || record.stored > kMaxFrameStored) return NoPack("a frame is too large");
      return uint64_t{record.count} * kEntrySize + record.stored;
    case Kind::kAbsent:
      if (record.count > kMaxAbsent || record.stored != record.count * Digest::kSize) return NoPack("a count is wrong");
      return record.stored;
    case Kind::kEnd:
      if (record.stored != 0) return NoPack("its end has a body");
      return 0;
    case Kind::kFooter:
      if (record.stored > kMaxFooterBytes) return NoPack("its footer is too large");
      return record.stored;
  }
  return NoPack("a record is of no known kind");
}

}  // namespace

Result<std::string> DecodeFrame(std::string_view compressed, uint64_t raw) {
  if (raw > kMaxFrameRaw) return NoPack("a frame is too large");
  std::string data;
  size_t got = 0;
  data.resize_and_overwrite(raw, [&](char* buffer, size_t size) {
    got = ZSTD_decompress(buffer, size, compressed.data(), compressed.size());
    return ZSTD_isError(got) != 0 ? 0 : got;
  });
  if (ZSTD_isError(got) != 0) return Fail(Code::kDataLoss, "a pack's frame is damaged: {}", ZSTD_getErrorName(got));
  if (got != raw) return NoPack("a frame is shorter than it says");
  return data;
}

struct PackReader::State {
  PackEvents events;
  std::string pending;          // what has come of the piece that is read
  size_t wanted = kHeaderSize;  // bytes of that piece
  uint64_t skipped = 0;         // bytes of a footer that are passed over
  bool header = true, complete = false;
  std::optional<Record> record;  // the one whose body is read

  Status Piece();
  Status Start();
  Status Body();
  Status Frame(std::string_view body);
  Status Absent(std::string_view body);
};

PackReader::PackReader(PackEvents events) : state_(std::make_unique<State>()) { state_->events = std::move(events); }
PackReader::~PackReader() = default;
bool PackReader::complete() const { return state_->complete; }

Status PackReader::Append(std::string_view data) {
  State& state = *state_;
  while (!data.empty()) {
    if (state.skipped > 0) {
      size_t skip = std::min<uint64_t>(state.skipped, data.size());
      state.skipped -= skip;
      data.remove_prefix(skip);
      state.complete = state.skipped == 0;
      continue;
    }
    if (state.complete) return NoPack("something follows its end");
    auto part = data.substr(0, state.wanted - state.pending.size());
    state.pending += part;
    data.remove_prefix(part.size());
    if (state.pending.size() == state.wanted) BURROW_RETURN_IF_ERROR(state.Piece());
  }
  return {};
}

// A header, the fixed part of a record, or its body is whole.
Status PackReader::State::Piece() {
  if (header) {
    bool known = pending.starts_with(kMagic) && ReadNumber<uint16_t>(pending, 4) == kVersion &&
                 ReadNumber<uint16_t>(pending, 6) == 0;
    if (!known) return NoPack("its header is another");
    header = false;
  } else if (record) {
    BURROW_RETURN_IF_ERROR(Body());
    record.reset();
  } else {
    BURROW_RETURN_IF_ERROR(Start());
  }
  pending.clear();
  if (!record) wanted = kRecordSize;
  return {};
}

Status PackReader::State::Start() {
  Record next = ReadRecord(pending);
  BURROW_ASSIGN_OR_RETURN(uint64_t size, BodySize(next));
  auto kind = static_cast<Kind>(next.kind);
  if (kind == Kind::kEnd || kind == Kind::kFooter) {
    skipped = size;
    complete = size == 0;
  } else if (size > 0) {
    record = next;
    wanted = size;
  }
  return {};
}

Status PackReader::State::Body() {
  return static_cast<Kind>(record->kind) == Kind::kFrame ? Frame(pending) : Absent(pending);
}

Status PackReader::State::Frame(std::string_view body) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < record->count; ++i) sum += ReadEntry(body, i * kEntrySize).size;
  if (sum != record->raw) return NoPack("a frame sums up wrongly");
  BURROW_ASSIGN_OR_RETURN(std::string raw, DecodeFrame(body.substr(record->count * kEntrySize), record->raw));
  std::string_view rest = raw;
  for (uint32_t i = 0; i < record->count; ++i) {
    PackEntry entry = ReadEntry(body, i * kEntrySize);
    auto data = rest.substr(0, entry.size);
    rest.remove_prefix(entry.size);
    bool right = Digest::Of(data) == entry.digest;
    BURROW_RETURN_IF_ERROR(right ? events.blob(entry.digest, data) : events.damaged(entry.digest, entry.size));
  }
  return {};
}

Status PackReader::State::Absent(std::string_view body) {
  for (; !body.empty(); body.remove_prefix(Digest::kSize)) {
    BURROW_RETURN_IF_ERROR(events.absent(ReadDigest(body)));
  }
  return {};
}

}  // namespace burrow::cas
