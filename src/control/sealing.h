// Bytes sealed with a key of this server's: AES-256-GCM, each with a nonce of its own, bound to what they belong to.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace burrow::control {

inline constexpr size_t kSealingKeyBytes = 32;

// Any thread. The key is wiped with its last copy.
class Sealer {
 public:
  // Reads the key file, or makes it (mode 0600). kDataLoss where it holds no key.
  static Result<Sealer> Open(const std::string& key_file);

  // `context` says what the bytes belong to; only with the same one are they opened again.
  Result<std::string> Seal(std::string_view bytes, std::string_view context) const;
  // kDataLoss where they were sealed with another key, for another context, or were changed.
  Result<std::string> Unseal(std::string_view sealed, std::string_view context) const;
  // Equal for equal bytes and context; says nothing of them to who has not the key.
  std::string Fingerprint(std::string_view bytes, std::string_view context) const;

 private:
  struct Key {
    Key() = default;
    Key(const Key&) = delete;
    Key& operator=(const Key&) = delete;
    ~Key();
    std::array<unsigned char, kSealingKeyBytes> bytes{};
  };
  std::shared_ptr<const Key> key_;
};

}  // namespace burrow::control
