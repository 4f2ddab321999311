#include <random>

#include "base/faults.h"
#include "base/log.h"
#include "cas/packed_state.h"

namespace burrow::cas {
namespace {

// Full batches that wait for a store that does not take them; then new blobs are refused.
constexpr size_t kMaxWaiting = 8;

}  // namespace

Result<BuiltPack> BuildPack(const std::vector<std::pair<Digest, std::shared_ptr<const std::string>>>& blobs) {
  BuiltPack pack;
  Hasher hasher;
  std::random_device random;
  PackWriter writer(
      {.footer = true, .level = 3, .frame_bytes = kStoredPackFrame, .nonce = uint64_t{random()} << 32 | random()},
      [&](std::string_view data) -> Status {
        hasher.Update(data);
        pack.bytes += data;
        return {};
      });
  for (const auto& [digest, data] : blobs) BURROW_RETURN_IF_ERROR(writer.Add(digest, *data));
  BURROW_RETURN_IF_ERROR(writer.Finish());
  pack.name = hasher.Finish();
  pack.frames = writer.frames();
  return pack;
}

// What was put before the last process ended, and is in no pack.
Status PackedBlobStore::State::Replay() {
  open = std::make_shared<Batch>();
  BURROW_ASSIGN_OR_RETURN(auto numbers, PackJournal::Find(options.directory));
  for (uint64_t number : numbers) {
    next_journal = number + 1;
    bool needed = false;
    BURROW_RETURN_IF_ERROR(
        PackJournal::Replay(options.directory, number, [&](const Digest& digest, std::string data) -> Status {
          if (Known(digest)) return {};
          needed = true;
          open->order.push_back(digest);
          open->bytes += data.size();
          pending[digest] = std::make_shared<const std::string>(std::move(data));
          return {};
        }));
    auto journal = PackJournal::Replayed(options.directory, number);
    if (needed) {
      open->journals.push_back(std::move(journal));
    } else {
      BURROW_RETURN_IF_ERROR(journal.Remove());
    }
  }
  return {};
}

Status PackedBlobStore::State::Append(const Digest& digest, std::string_view data) {
  if (!open->appendable) {
    BURROW_ASSIGN_OR_RETURN(auto journal, PackJournal::Create(options.directory, next_journal));
    ++next_journal;
    open->journals.push_back(std::move(journal));
    open->appendable = true;
  }
  BURROW_RETURN_IF_ERROR(open->journals.back().Append(digest, data));
  pending[digest] = std::make_shared<const std::string>(data);
  suspects.erase(digest);
  open->order.push_back(digest);
  open->bytes += data.size();
  return {};
}

Status PackedBlobStore::State::PutSmall(const Digest& digest, std::string_view data) {
  if (Digest actual = Digest::Of(data); actual != digest) {
    return Fail(Code::kInvalidArgument, "the bytes hash to {}, not to {}", actual.Hex(), digest.Hex());
  }
  bool crowded = false;
  {
    std::lock_guard guard(mutex);
    if (Known(digest)) return {};
    crowded = full.size() >= kMaxWaiting;
  }
  if (crowded) BURROW_RETURN_IF_ERROR(SealFull());
  std::shared_ptr<Batch> filled;
  {
    std::lock_guard guard(mutex);
    if (Known(digest)) return {};
    BURROW_RETURN_IF_ERROR(Append(digest, data));
    if (open->bytes < options.pack_bytes) return {};
    filled = std::exchange(open, std::make_shared<Batch>());
    filled->sealing = true;
    full.push_back(filled);
  }
  // The blob is kept whatever comes of the pack.
  if (Status status = Seal(filled); !status)
    LogWarn("{} blobs wait for a pack: {}", filled->order.size(), status.error().message());
  return {};
}

Status PackedBlobStore::State::Seal(const std::shared_ptr<Batch>& batch) {
  std::vector<std::pair<Digest, Bytes>> blobs;
  {
    std::lock_guard guard(mutex);
    for (const Digest& digest : batch->order) {
      auto found = pending.find(digest);
      if (found != pending.end()) blobs.emplace_back(digest, found->second);
    }
  }
  Status status;
  Result<BuiltPack> pack = BuildPack(blobs);
  if (!blobs.empty()) {
    status = pack ? FaultPoint("cas.packs.before_put") : Status(Forward(pack.error()));
    if (status) status = packs->Put(pack->name, pack->bytes);
    if (status) status = FaultPoint("cas.packs.after_put");
  }
  {
    std::lock_guard guard(mutex);
    batch->sealing = false;
    if (status) {
      auto wanted = [this](const Digest& digest) { return pending.contains(digest); };
      if (!blobs.empty()) index.Add(pack->name, clock.UnixMillis(), pack->frames, wanted);
      for (const auto& [digest, bytes] : blobs) pending.erase(digest);
      full.remove(batch);
    }
    sealed.notify_all();
  }
  BURROW_RETURN_IF_ERROR(status);
  BURROW_RETURN_IF_ERROR(FaultPoint("cas.packs.before_journal_removed"));
  for (PackJournal& journal : batch->journals) BURROW_RETURN_IF_ERROR(journal.Remove());
  return {};
}

Status PackedBlobStore::State::SealFull() {
  for (;;) {
    std::shared_ptr<Batch> next;
    {
      std::unique_lock guard(mutex);
      if (full.empty()) return {};
      for (const auto& batch : full) {
        if (!batch->sealing) next = batch;
      }
      if (!next) {  // each is another thread's, whose store has a deadline
        sealed.wait(guard);
        continue;
      }
      next->sealing = true;
    }
    BURROW_RETURN_IF_ERROR(Seal(next));
  }
}

Status PackedBlobStore::Sync() {
  {
    std::lock_guard guard(state_->mutex);
    if (!state_->open->order.empty()) {
      state_->full.push_back(std::exchange(state_->open, std::make_shared<State::Batch>()));
    }
  }
  BURROW_RETURN_IF_ERROR(state_->SealFull());
  BURROW_RETURN_IF_ERROR(state_->packs->Sync());
  return state_->large->Sync();
}

}  // namespace burrow::cas
