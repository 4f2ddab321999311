#include "cas/pack.h"

#include <zstd.h>

#include "cas/pack_footer.h"
#include "cas/pack_records.h"

namespace burrow::cas {
using namespace pack_records;

namespace {

struct CompressorCloser {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

}  // namespace

struct PackWriter::State {
  PackWriterOptions options;
  BlobSink out;
  std::unique_ptr<ZSTD_CCtx, CompressorCloser> compressor{ZSTD_createCCtx()};
  std::string raw, record;
  std::vector<PackEntry> entries;
  std::vector<PackFrame> frames;
  uint64_t written = 0;

  Status Write(std::string_view data) {
    written += data.size();
    return out(data);
  }
  Status Begin();
  Status CloseFrame();
};

// The header goes out with the first record.
Status PackWriter::State::Begin() {
  if (written > 0) return {};
  std::string header(kMagic);
  AppendNumber(kVersion, header);
  AppendNumber(uint16_t{0}, header);
  AppendNumber(options.nonce, header);
  return Write(header);
}

Status PackWriter::State::CloseFrame() {
  if (entries.empty()) return {};
  BURROW_RETURN_IF_ERROR(Begin());
  size_t table = kRecordSize + entries.size() * kEntrySize;
  record.resize(table + ZSTD_compressBound(raw.size()));
  size_t stored = ZSTD_compressCCtx(compressor.get(), record.data() + table, record.size() - table, raw.data(),
                                    raw.size(), options.level);
  if (ZSTD_isError(stored) != 0) return Fail(Code::kInternal, "compress a pack: {}", ZSTD_getErrorName(stored));
  std::string head;
  AppendRecord(Kind::kFrame, static_cast<uint32_t>(entries.size()), static_cast<uint32_t>(raw.size()),
               static_cast<uint32_t>(stored), head);
  for (const PackEntry& entry : entries) {
    AppendDigest(entry.digest, head);
    AppendNumber(entry.size, head);
  }
  std::memcpy(record.data(), head.data(), head.size());
  frames.push_back({.offset = written + table,
                    .stored = static_cast<uint32_t>(stored),
                    .raw = static_cast<uint32_t>(raw.size()),
                    .entries = std::move(entries)});
  entries.clear();
  raw.clear();
  return Write(std::string_view(record).substr(0, table + stored));
}

PackWriter::PackWriter(PackWriterOptions options, BlobSink out) : state_(std::make_unique<State>()) {
  state_->options = options;
  state_->out = std::move(out);
}
PackWriter::~PackWriter() = default;
PackWriter::PackWriter(PackWriter&&) noexcept = default;
PackWriter& PackWriter::operator=(PackWriter&&) noexcept = default;

Status PackWriter::Add(const Digest& digest, std::string_view data) {
  if (data.size() > kManyLimit) {
    return Fail(Code::kOutOfRange, "blob {} has {} bytes; packs carry up to {}", digest.Hex(), data.size(), kManyLimit);
  }
  bool full =
      state_->raw.size() + data.size() > state_->options.frame_bytes || state_->entries.size() == kMaxFrameEntries;
  if (full) BURROW_RETURN_IF_ERROR(state_->CloseFrame());
  state_->raw += data;
  state_->entries.push_back({.digest = digest, .size = static_cast<uint32_t>(data.size())});
  return {};
}

Status PackWriter::AddAbsent(std::span<const Digest> digests) {
  BURROW_RETURN_IF_ERROR(state_->CloseFrame());
  BURROW_RETURN_IF_ERROR(state_->Begin());
  while (!digests.empty()) {
    auto batch = digests.first(std::min<size_t>(digests.size(), kMaxAbsent));
    digests = digests.subspan(batch.size());
    std::string record;
    AppendRecord(Kind::kAbsent, static_cast<uint32_t>(batch.size()), 0,
                 static_cast<uint32_t>(batch.size() * Digest::kSize), record);
    for (const Digest& digest : batch) AppendDigest(digest, record);
    BURROW_RETURN_IF_ERROR(state_->Write(record));
  }
  return {};
}

Status PackWriter::Flush() { return state_->CloseFrame(); }

Status PackWriter::Finish() {
  BURROW_RETURN_IF_ERROR(state_->CloseFrame());
  BURROW_RETURN_IF_ERROR(state_->Begin());
  uint32_t blobs = 0;
  for (const PackFrame& frame : state_->frames) blobs += static_cast<uint32_t>(frame.entries.size());
  std::string record;
  if (state_->options.footer) {
    std::string body = EncodeFooter(state_->frames);
    AppendRecord(Kind::kFooter, static_cast<uint32_t>(state_->frames.size()), blobs, static_cast<uint32_t>(body.size()),
                 record);
    record += body;
  } else {
    AppendRecord(Kind::kEnd, blobs, 0, 0, record);
  }
  return state_->Write(record);
}

uint64_t PackWriter::buffered() const { return state_->raw.size(); }
const std::vector<PackFrame>& PackWriter::frames() const { return state_->frames; }

}  // namespace burrow::cas
