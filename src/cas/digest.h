// SHA-256 names of content.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace burrow::cas {

class Digest {
 public:
  static constexpr size_t kSize = 32;
  Digest() = default;  // all zero
  explicit Digest(const std::array<uint8_t, kSize>& bytes) : bytes_(bytes) {}
  // 64 lower-case hex digits, nothing else.
  static std::optional<Digest> FromHex(std::string_view hex);
  static Digest Of(std::string_view data);

  std::string Hex() const;
  const std::array<uint8_t, kSize>& bytes() const { return bytes_; }
  bool IsZero() const { return *this == Digest(); }
  auto operator<=>(const Digest&) const = default;

 private:
  std::array<uint8_t, kSize> bytes_{};
};

// Incremental SHA-256. One thread.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  void Update(std::string_view data);
  Digest Finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace burrow::cas

template <>
struct std::hash<burrow::cas::Digest> {
  size_t operator()(const burrow::cas::Digest& digest) const;
};
