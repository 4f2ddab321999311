#include "cas/pack_index.h"

#include <fcntl.h>

#include "base/log.h"
#include "cas/pack_footer.h"
#include "cas/pack_index_file.h"
#include "os/fs.h"

namespace burrow::cas {
namespace {

constexpr uint64_t kMaxIndexFile = 4ull << 30;

bool Every(const Digest&) { return true; }

Result<std::string> ReadPart(BlobStore& packs, const Digest& name, uint64_t offset, uint64_t length) {
  std::string part;
  BURROW_RETURN_IF_ERROR(packs.GetRange(name, offset, length, [&](std::string_view data) -> Status {
    part += data;
    return {};
  }));
  return part;
}

Result<std::vector<PackFrame>> ReadFooter(BlobStore& packs, const Digest& name, uint64_t size) {
  if (size < kPackTrailerSize) return Fail(Code::kDataLoss, "pack {} is cut short", name.Hex());
  BURROW_ASSIGN_OR_RETURN(std::string trailer, ReadPart(packs, name, size - kPackTrailerSize, kPackTrailerSize));
  BURROW_ASSIGN_OR_RETURN(uint64_t length, FooterLength(trailer));
  if (length > size) return Fail(Code::kDataLoss, "pack {} is cut short", name.Hex());
  BURROW_ASSIGN_OR_RETURN(std::string body, ReadPart(packs, name, size - length, length));
  return DecodeFooter(body);
}

// What is whole of the file; nothing where there is none.
Result<std::string> ReadIndexFile(const std::string& file) {
  auto content = os::ReadFile(file, kMaxIndexFile);
  if (content || content.error().code() != Code::kNotFound) return content;
  return std::string();
}

}  // namespace

Result<PackIndex> PackIndex::Open(const std::string& file, BlobStore& packs) {
  PackIndex index;
  std::unordered_map<Digest, BlobInfo> stored;
  BURROW_RETURN_IF_ERROR(packs.List([&](const Digest& name, const BlobInfo& info) -> Status {
    stored.emplace(name, info);
    return {};
  }));
  BURROW_ASSIGN_OR_RETURN(std::string content, ReadIndexFile(file));
  std::string right(kIndexFileMagic);  // what the file should be
  auto enter = [&](const Digest& name, uint64_t stored_ms, const std::vector<PackFrame>& frames) {
    index.Enter(name, stored_ms, frames, Every);
    right += EncodeIndexedPack(name, stored_ms, frames);
  };
  DecodeIndexFile(content, [&](const IndexedPack& pack) {
    if (stored.erase(pack.name) > 0) enter(pack.name, pack.stored_ms, pack.frames);
  });
  for (const auto& [name, info] : stored) {
    auto frames = ReadFooter(packs, name, info.size);
    if (frames) {
      enter(name, info.stored_ms, *frames);
    } else if (frames.error().code() == Code::kDataLoss || frames.error().code() == Code::kNotFound) {
      LogError("pack {} is passed over: {}", name.Hex(), frames.error().message());
    } else {
      return Forward(std::move(frames.error()));
    }
  }
  if (content != right) BURROW_RETURN_IF_ERROR(os::WriteFileAtomically(file, right, 0600));
  BURROW_ASSIGN_OR_RETURN(index.log_, os::Open(file, O_WRONLY | O_APPEND));
  index.file_size_ = right.size();
  return index;
}

std::optional<PackLocation> PackIndex::Find(const Digest& digest) const {
  auto found = blobs_.find(digest);
  if (found == blobs_.end()) return std::nullopt;
  return found->second;
}

void PackIndex::Enter(const Digest& name, uint64_t stored_ms, const std::vector<PackFrame>& frames,
                      const std::function<bool(const Digest&)>& wanted) {
  auto number = static_cast<uint32_t>(packs_.size());
  packs_.push_back({.name = name, .stored_ms = stored_ms});
  for (const PackFrame& frame : frames) {
    auto frame_number = static_cast<uint32_t>(packs_.back().frames.size());
    packs_.back().frames.push_back({.offset = frame.offset, .stored = frame.stored, .raw = frame.raw});
    packs_.back().raw += frame.raw;
    uint32_t offset = 0;
    for (const PackEntry& entry : frame.entries) {
      if (wanted(entry.digest)) {
        Forget(entry.digest);
        packs_.back().live += entry.size;
        blobs_[entry.digest] = {.pack = number, .frame = frame_number, .offset = offset, .size = entry.size};
      }
      offset += entry.size;
    }
  }
}

void PackIndex::Append(const std::string& record) {
  Status written = os::WriteAll(log_.get(), record);
  if (written) {
    file_size_ += record.size();
    return;
  }
  // No part of a record may stay before another one. The next Open reads the footer instead.
  LogWarn("the index of packs falls behind: {}", written.error().message());
  if (::ftruncate(log_.get(), static_cast<off_t>(file_size_)) != 0) LogWarn("and cannot be cut: errno {}", errno);
}

void PackIndex::Add(const Digest& name, uint64_t stored_ms, const std::vector<PackFrame>& frames,
                    const std::function<bool(const Digest&)>& wanted) {
  Enter(name, stored_ms, frames, wanted);
  Append(EncodeIndexedPack(name, stored_ms, frames));
}

void PackIndex::Forget(const Digest& digest) {
  auto found = blobs_.find(digest);
  if (found == blobs_.end()) return;
  packs_[found->second.pack].live -= found->second.size;
  blobs_.erase(found);
}

void PackIndex::Drop(uint32_t pack) {
  packs_[pack].gone = true;
  std::erase_if(blobs_, [pack](const auto& blob) { return blob.second.pack == pack; });
}

void PackIndex::ForEach(const std::function<void(const Digest&, const PackLocation&)>& visit) const {
  for (const auto& [digest, location] : blobs_) visit(digest, location);
}

}  // namespace burrow::cas
