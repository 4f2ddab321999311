#include "imagefs/mapped_index.h"

#include <sys/mman.h>
#include <sys/stat.h>

namespace burrow::imagefs {

Result<std::unique_ptr<MappedIndex>> MappedIndex::Map(const UniqueFd& file, const cas::Digest& digest) {
  struct stat st;
  if (::fstat(file.get(), &st) != 0) return FailErrno("stat an index");
  auto size = static_cast<uint64_t>(st.st_size);
  if (size == 0 || size > image::kMaxIndexBytes) return Fail(Code::kDataLoss, "an index of {} bytes", size);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file.get(), 0);
  if (address == MAP_FAILED) return FailErrno("map an index");
  std::unique_ptr<MappedIndex> mapped(new MappedIndex(address, size));
  if (cas::Digest::Of({static_cast<const char*>(address), size}) != digest) {
    return Fail(Code::kDataLoss, "index {} is damaged on disk", digest.Hex());
  }
  BURROW_ASSIGN_OR_RETURN(mapped->index_, image::Index::Open({static_cast<const uint8_t*>(address), size}));
  return mapped;
}

MappedIndex::~MappedIndex() { ::munmap(address_, size_); }

}  // namespace burrow::imagefs
