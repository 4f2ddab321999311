#include <algorithm>
#include <set>
#include <tuple>

#include "base/faults.h"
#include "base/log.h"
#include "cas/packed_state.h"

namespace burrow::cas {
namespace {

// So many packs below an eighth of the usual size are joined.
constexpr size_t kManySmall = 8;

struct Moved {
  Digest digest;
  PackLocation from;
};

// Packs worth rewriting: mostly garbage, or one of many small ones.
std::set<uint32_t> Choose(const PackIndex& index, uint64_t pack_bytes) {
  std::set<uint32_t> chosen, small;
  for (uint32_t i = 0; i < index.packs(); ++i) {
    const PackIndex::Pack& pack = index.pack(i);
    if (pack.gone) continue;
    if (pack.live * 2 < pack.raw || (pack.live == 0 && pack.raw == 0)) {
      chosen.insert(i);
    } else if (pack.live < pack_bytes / 8) {
      small.insert(i);
    }
  }
  if (small.size() >= kManySmall) chosen.merge(small);
  return chosen;
}

}  // namespace

Status PackedBlobStore::State::Compact() {
  std::lock_guard one(compacting);
  std::set<uint32_t> victims;
  std::vector<Moved> moving;
  {
    std::lock_guard guard(mutex);
    victims = Choose(index, options.pack_bytes);
    if (victims.empty()) return {};
    index.ForEach([&](const Digest& digest, const PackLocation& from) {
      if (victims.contains(from.pack)) moving.push_back({.digest = digest, .from = from});
    });
  }
  std::ranges::sort(moving, {}, [](const Moved& m) { return std::tuple(m.from.pack, m.from.frame, m.from.offset); });

  std::vector<std::pair<Digest, Bytes>> blobs;
  uint64_t bytes = 0;
  auto store = [&]() -> Status {
    if (blobs.empty()) return {};
    BURROW_ASSIGN_OR_RETURN(BuiltPack pack, BuildPack(blobs));
    BURROW_RETURN_IF_ERROR(packs->Put(pack.name, pack.bytes));
    BURROW_RETURN_IF_ERROR(FaultPoint("cas.packs.compact_put"));
    std::lock_guard guard(mutex);
    index.Add(pack.name, clock.UnixMillis(), pack.frames, [&](const Digest& digest) {
      auto now = index.Find(digest);  // it may have been removed, or stored anew
      return now && victims.contains(now->pack);
    });
    blobs.clear();
    bytes = 0;
    return {};
  };
  for (const Moved& blob : moving) {
    std::optional<Place> place;
    {
      std::lock_guard guard(mutex);
      place = Locate(blob.digest);
    }
    if (!place || !place->packed || place->packed->pack != blob.from.pack) continue;
    auto data = ReadVerified(blob.digest, *place);
    if (!data && data.error().code() == Code::kDataLoss) {
      LogError("a pack cannot be rewritten: {}", data.error().message());
      victims.erase(blob.from.pack);
      continue;
    }
    if (!data) return Forward(std::move(data.error()));
    bytes += data->size();
    blobs.emplace_back(blob.digest, std::make_shared<const std::string>(std::move(*data)));
    if (bytes >= options.pack_bytes) BURROW_RETURN_IF_ERROR(store());
  }
  BURROW_RETURN_IF_ERROR(store());
  BURROW_RETURN_IF_ERROR(packs->Sync());
  BURROW_RETURN_IF_ERROR(FaultPoint("cas.packs.compact_synced"));
  for (uint32_t victim : victims) {
    Digest name;
    {
      std::lock_guard guard(mutex);
      name = index.pack(victim).name;
      index.Drop(victim);
    }
    BURROW_RETURN_IF_ERROR(packs->Remove(name));
  }
  return {};
}

}  // namespace burrow::cas
