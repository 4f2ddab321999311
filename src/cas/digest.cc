#include "cas/digest.h"

#include <openssl/evp.h>

#include <cstring>
#include <new>

#include "base/hex.h"

namespace burrow::cas {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Fetched once: looking the algorithm up for each of many small files costs more than hashing them.
const EVP_MD* Sha256() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm;
}

}  // namespace

std::optional<Digest> Digest::FromHex(std::string_view hex) {
  if (hex.size() != 2 * kSize) return std::nullopt;
  Digest digest;
  for (size_t i = 0; i < kSize; ++i) {
    int high = HexValue(hex[2 * i]), low = HexValue(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest.bytes_[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return digest;
}

Digest Digest::Of(std::string_view data) {
  Hasher hasher;
  hasher.Update(data);
  return hasher.Finish();
}

std::string Digest::Hex() const { return ToHex({reinterpret_cast<const char*>(bytes_.data()), kSize}); }

struct Hasher::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Hasher::Hasher() : state_(std::make_unique<State>()) {
  if (!state_->context || EVP_DigestInit_ex2(state_->context, Sha256(), nullptr) != 1) throw std::bad_alloc();
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::Update(std::string_view data) { EVP_DigestUpdate(state_->context, data.data(), data.size()); }

Digest Hasher::Finish() {
  std::array<uint8_t, Digest::kSize> bytes;
  EVP_DigestFinal_ex(state_->context, bytes.data(), nullptr);
  return Digest(bytes);
}

}  // namespace burrow::cas

size_t std::hash<burrow::cas::Digest>::operator()(const burrow::cas::Digest& digest) const {
  size_t value;  // any eight bytes of a digest are as good as a hash
  std::memcpy(&value, digest.bytes().data(), sizeof value);
  return value;
}
