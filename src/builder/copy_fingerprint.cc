#include "builder/copy_fingerprint.h"

#include <array>
#include <map>

namespace burrow::builder {
namespace {

// A digest of values none of which can pass for a part of its neighbour.
class ValueHasher {
 public:
  ValueHasher& operator<<(std::string_view text) {
    *this << text.size();
    hasher_.Update(text);
    return *this;
  }
  ValueHasher& operator<<(uint64_t number) {
    std::array<char, 8> bytes;
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(number >> (8 * i) & 0xff);
    hasher_.Update({bytes.data(), bytes.size()});
    return *this;
  }
  cas::Digest Finish() { return hasher_.Finish(); }

 private:
  cas::Hasher hasher_;
};

void HashInode(ValueHasher& hasher, const image::TreeInode& inode) {
  const auto& digest = inode.digest.bytes();
  hasher << inode.mode << inode.uid << inode.gid << inode.rdev << inode.size << inode.target
         << std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()) << inode.xattrs.size();
  for (const auto& [name, value] : inode.xattrs) hasher << name << value;
}

}  // namespace

cas::Digest FingerprintCopy(const dockerfile::Copy& copy, const std::vector<CopySource>& sources) {
  ValueHasher hasher;
  hasher << "burrow copy 1" << copy.destination << copy.chown << copy.chmod << uint64_t{copy.link} << sources.size();
  for (const CopySource& source : sources) {
    hasher << source.name << uint64_t{source.unpack} << source.items.size();
    std::map<const image::TreeInode*, size_t> first;  // hard links are part of the outcome
    for (size_t i = 0; i < source.items.size(); ++i) {
      const CopyItem& item = source.items[i];
      hasher << item.parent << item.name << uint64_t{item.on_the_way}
             << first.emplace(item.inode.get(), i).first->second;
      HashInode(hasher, *item.inode);
    }
  }
  return hasher.Finish();
}

}  // namespace burrow::builder
