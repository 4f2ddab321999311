#include "image/mapped_index.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <future>

namespace burrow::image {
namespace {

constexpr uint64_t kBothAtOnce = 1u << 20;

}  // namespace

Result<std::unique_ptr<MappedIndex>> MappedIndex::Map(const UniqueFd& file, const cas::Digest& digest) {
  struct stat st;
  if (::fstat(file.get(), &st) != 0) return FailErrno("stat an index");
  auto size = static_cast<uint64_t>(st.st_size);
  if (size == 0 || size > kMaxIndexBytes) return Fail(Code::kDataLoss, "an index of {} bytes", size);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file.get(), 0);
  if (address == MAP_FAILED) return FailErrno("map an index");
  std::unique_ptr<MappedIndex> mapped(new MappedIndex(address, size));
  // A large one is hashed and checked at once: either takes some milliseconds, and the check trusts no byte.
  const auto policy = size < kBothAtOnce ? std::launch::deferred : std::launch::async;
  auto hash = std::async(policy, [bytes = mapped->bytes()] { return cas::Digest::Of(bytes); });
  auto index = Index::Open({static_cast<const uint8_t*>(address), size});
  if (hash.get() != digest) return Fail(Code::kDataLoss, "index {} is damaged on disk", digest.Hex());
  if (!index) return Forward(std::move(index.error()));
  mapped->index_ = *index;
  return mapped;
}

MappedIndex::~MappedIndex() { ::munmap(address_, size_); }

}  // namespace burrow::image
