// What an uncompressed tar file holds by name, so that members can be read in any order and by several threads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>

#include "oci/byte_source.h"

namespace burrow::oci {

// Immutable once listed; any thread.
class ArchiveMembers {
 public:
  static constexpr size_t kMaxMembers = 100'000;
  // Reads the headers of the file, which outlives this object. kOutOfRange above kMaxMembers.
  static Result<ArchiveMembers> List(int fd, const std::stop_token& stop);

  bool Has(const std::string& name) const { return Find(name) != nullptr; }
  // kNotFound; links inside the archive are followed once.
  Result<uint64_t> Size(const std::string& name) const;
  Result<std::unique_ptr<ByteSource>> Open(const std::string& name) const;
  // kOutOfRange above `limit` bytes.
  Result<std::string> Read(const std::string& name, uint64_t limit) const;

 private:
  struct Member {
    uint64_t position = 0, size = 0;
    std::string link;  // where it is one: the name of the member that it means
  };
  explicit ArchiveMembers(int fd) : fd_(fd) {}
  const Member* Find(const std::string& name) const;
  Result<const Member*> Require(const std::string& name) const;

  int fd_;
  std::map<std::string, Member> members_;
};

}  // namespace burrow::oci
