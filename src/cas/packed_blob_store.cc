#include "cas/packed_blob_store.h"

#include <sys/stat.h>

#include "cas/packed_state.h"
#include "os/fs.h"

namespace burrow::cas {
namespace {

// A pack may be rewritten between looking a blob up and reading it.
constexpr int kLookups = 4;

uint64_t KeyOf(const PackLocation& location) { return uint64_t{location.pack} << 32 | location.frame; }

// Small blobs are kept in memory, the first byte too many opens a large one.
class PackedWriter final : public BlobWriter {
 public:
  PackedWriter(PackedBlobStore& store, BlobStore& large) : store_(store), large_(large) {}
  Status Append(std::string_view data) override {
    if (!writer_ && start_.size() + data.size() < kSmallBlob) {
      start_ += data;
      return {};
    }
    if (!writer_) {
      BURROW_ASSIGN_OR_RETURN(writer_, large_.StartBlob());
      BURROW_RETURN_IF_ERROR(writer_->Append(start_));
    }
    return writer_->Append(data);
  }
  Status Commit(const Digest& expected) override {
    return writer_ ? writer_->Commit(expected) : store_.Put(expected, start_);
  }

 private:
  PackedBlobStore& store_;
  BlobStore& large_;
  std::string start_;
  std::unique_ptr<BlobWriter> writer_;
};

}  // namespace

std::optional<PackedBlobStore::State::Place> PackedBlobStore::State::Locate(const Digest& digest) const {
  if (auto found = pending.find(digest); found != pending.end()) return Place{.pending = found->second};
  auto location = index.Find(digest);
  if (!location) return std::nullopt;
  const PackIndex::Pack& pack = index.pack(location->pack);
  return Place{.packed = location, .frame = pack.frames[location->frame], .pack = pack.name};
}

bool PackedBlobStore::State::Known(const Digest& digest) const {
  if (suspects.contains(digest)) return false;
  return pending.contains(digest) || index.Find(digest).has_value();
}

Result<PackedBlobStore::State::Bytes> PackedBlobStore::State::ReadFrame(const Place& place) {
  uint64_t key = KeyOf(*place.packed);
  if (auto frame = frames.Find(key)) return frame;
  std::string compressed;
  compressed.reserve(place.frame.stored);
  BURROW_RETURN_IF_ERROR(
      packs->GetRange(place.pack, place.frame.offset, place.frame.stored, [&](std::string_view data) -> Status {
        compressed += data;
        return {};
      }));
  BURROW_ASSIGN_OR_RETURN(std::string raw, DecodeFrame(compressed, place.frame.raw));
  auto frame = std::make_shared<const std::string>(std::move(raw));
  frames.Add(key, frame);
  return frame;
}

Result<std::string> PackedBlobStore::State::ReadPlace(const Digest& digest, Place place) {
  for (int lookup = 1;; ++lookup) {
    if (place.pending) return *place.pending;
    auto frame = ReadFrame(place);
    if (frame) return (*frame)->substr(place.packed->offset, place.packed->size);
    Code code = frame.error().code();
    if (code != Code::kNotFound && code != Code::kOutOfRange) return Forward(std::move(frame.error()));
    std::optional<Place> now;
    {
      std::lock_guard guard(mutex);
      now = Locate(digest);
    }
    if (!now) return Fail(Code::kNotFound, "there is no blob {}", digest.Hex());
    bool same = now->packed && now->packed->pack == place.packed->pack;
    if (same || lookup == kLookups) {
      return Fail(Code::kDataLoss, "the pack of blob {} is gone or cut short: {}", digest.Hex(),
                  frame.error().message());
    }
    place = *now;
  }
}

Result<std::string> PackedBlobStore::State::ReadVerified(const Digest& digest, const Place& place) {
  auto data = ReadPlace(digest, place);
  if (data && Digest::Of(*data) != digest) data = Fail(Code::kDataLoss, "blob {} is damaged in its pack", digest.Hex());
  bool damaged = !data && data.error().code() == Code::kDataLoss;
  if (!damaged && place.pending) return data;
  std::lock_guard guard(mutex);
  if (damaged) {
    suspects.insert(digest);
    if (place.packed) frames.Drop(KeyOf(*place.packed));
  } else if (!suspects.empty()) {
    suspects.erase(digest);
  }
  return data;
}

PackedBlobStore::PackedBlobStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
PackedBlobStore::~PackedBlobStore() = default;

Result<std::unique_ptr<PackedBlobStore>> PackedBlobStore::Open(PackedBlobStoreOptions options,
                                                               std::unique_ptr<BlobStore> large,
                                                               std::unique_ptr<BlobStore> packs) {
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(options.directory, 0700));
  auto state = std::make_unique<State>(std::move(options), std::move(large), std::move(packs));
  auto lock = os::LockFile(state->options.directory + "/lock");
  if (!lock) return Forward(std::move(lock.error()).WithContext("another process uses these packs"));
  state->lock = std::move(*lock);
  BURROW_ASSIGN_OR_RETURN(state->index, PackIndex::Open(state->options.directory + "/index", *state->packs));
  BURROW_RETURN_IF_ERROR(state->Replay());
  return std::unique_ptr<PackedBlobStore>(new PackedBlobStore(std::move(state)));
}

Result<bool> PackedBlobStore::Has(const Digest& digest) {
  {
    std::lock_guard guard(state_->mutex);
    if (state_->Known(digest)) return true;
  }
  return state_->large->Has(digest);
}

Result<std::vector<Digest>> PackedBlobStore::Missing(const std::vector<Digest>& digests) {
  std::vector<Digest> unknown;
  {
    std::lock_guard guard(state_->mutex);
    for (const Digest& digest : digests) {
      if (!state_->Known(digest)) unknown.push_back(digest);
    }
  }
  if (unknown.empty()) return unknown;
  return state_->large->Missing(unknown);
}

Result<uint64_t> PackedBlobStore::Size(const Digest& digest) {
  {
    std::lock_guard guard(state_->mutex);
    if (auto place = state_->Locate(digest)) return place->size();
  }
  return state_->large->Size(digest);
}

Status PackedBlobStore::Get(const Digest& digest, const BlobSink& sink) {
  std::optional<State::Place> place;
  {
    std::lock_guard guard(state_->mutex);
    place = state_->Locate(digest);
  }
  if (!place) return state_->large->Get(digest, sink);
  BURROW_ASSIGN_OR_RETURN(std::string data, state_->ReadVerified(digest, *place));
  return data.empty() ? Status() : sink(data);
}

Status PackedBlobStore::GetRange(const Digest& digest, uint64_t offset, uint64_t length, const BlobSink& sink) {
  std::optional<State::Place> place;
  {
    std::lock_guard guard(state_->mutex);
    place = state_->Locate(digest);
  }
  if (!place) return state_->large->GetRange(digest, offset, length, sink);
  if (offset > place->size() || length > place->size() - offset) {
    return Fail(Code::kOutOfRange, "blob {} ends at byte {}", digest.Hex(), place->size());
  }
  BURROW_ASSIGN_OR_RETURN(std::string data, state_->ReadPlace(digest, *place));
  return length == 0 ? Status() : sink(std::string_view(data).substr(offset, length));
}

Status PackedBlobStore::Put(const Digest& digest, std::string_view data) {
  if (data.size() >= kSmallBlob) return state_->large->Put(digest, data);
  return state_->PutSmall(digest, data);
}

Status PackedBlobStore::PutFile(const Digest& digest, int fd) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return FailErrno("stat the file to store");
  if (static_cast<uint64_t>(info.st_size) >= kSmallBlob) return state_->large->PutFile(digest, fd);
  std::string data(kSmallBlob, '\0');
  size_t size = 0;
  while (size < data.size()) {
    ssize_t n = ::pread(fd, data.data() + size, data.size() - size, static_cast<off_t>(size));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("read the file to store");
    if (n == 0) return state_->PutSmall(digest, std::string_view(data).substr(0, size));
    size += static_cast<size_t>(n);
  }
  return state_->large->PutFile(digest, fd);  // it has grown
}

Result<std::unique_ptr<BlobWriter>> PackedBlobStore::StartBlob() {
  return std::make_unique<PackedWriter>(*this, *state_->large);
}

Status PackedBlobStore::Remove(const Digest& digest) {
  {
    std::lock_guard guard(state_->mutex);
    state_->pending.erase(digest);
    state_->index.Forget(digest);
    state_->suspects.erase(digest);
  }
  return state_->large->Remove(digest);
}

Status PackedBlobStore::List(const BlobVisitor& visit) {
  std::vector<std::pair<Digest, BlobInfo>> small;
  std::unordered_set<Digest> seen;
  {
    std::lock_guard guard(state_->mutex);
    small.reserve(state_->index.blobs() + state_->pending.size());
    state_->index.ForEach([&](const Digest& digest, const PackLocation& location) {
      const PackIndex::Pack& pack = state_->index.pack(location.pack);
      small.push_back({digest, {.size = location.size, .stored_ms = pack.stored_ms}});
      seen.insert(digest);
    });
    for (const auto& [digest, bytes] : state_->pending) {
      if (seen.insert(digest).second)
        small.push_back({digest, {.size = bytes->size(), .stored_ms = state_->clock.UnixMillis()}});
    }
  }
  for (const auto& [digest, info] : small) BURROW_RETURN_IF_ERROR(visit(digest, info));
  return state_->large->List([&](const Digest& digest, const BlobInfo& info) {
    return seen.contains(digest) ? Status() : visit(digest, info);
  });
}

Status PackedBlobStore::Compact() {
  BURROW_RETURN_IF_ERROR(state_->Compact());
  return state_->large->Compact();
}

Result<UniqueFd> PackedBlobStore::OpenBlob(const Digest& digest) {
  {
    std::lock_guard guard(state_->mutex);
    if (state_->Locate(digest)) return Fail(Code::kUnimplemented, "blob {} is in a pack", digest.Hex());
  }
  return state_->large->OpenBlob(digest);
}

PackCounts PackedBlobStore::counts() const {
  std::lock_guard guard(state_->mutex);
  PackCounts counts{.blobs = state_->index.blobs(), .waiting = state_->pending.size()};
  for (uint32_t i = 0; i < state_->index.packs(); ++i) counts.packs += state_->index.pack(i).gone ? 0 : 1;
  return counts;
}

}  // namespace burrow::cas
