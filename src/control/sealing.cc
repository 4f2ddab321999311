#include "control/sealing.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <utility>

#include "os/fs.h"

namespace burrow::control {
namespace {

// Sealed bytes are: format, nonce, ciphertext, tag.
constexpr char kSealFormat = 1;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr size_t kSealOverhead = 1 + kNonceBytes + kTagBytes;
constexpr size_t kMaxSealedBytes = 16u << 20;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

unsigned char* Raw(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* Raw(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// What the key is used for is part of what is authenticated.
std::string Bound(std::string_view purpose, std::string_view context) {
  return "burrow " + std::string(purpose) + '\0' + std::string(context);
}

std::unexpected<Error> CannotUnseal() {
  return Fail(Code::kDataLoss, "it cannot be opened: it was sealed with another key file, or is damaged");
}

Result<std::string> NewKey(const std::string& key_file) {
  std::string key(kSealingKeyBytes, '\0');
  if (RAND_bytes(Raw(key), static_cast<int>(key.size())) != 1)
    return Fail(Code::kInternal, "no random bytes for a key");
  BURROW_RETURN_IF_ERROR(os::WriteFileAtomically(key_file, key, 0600));
  return key;
}

}  // namespace

Sealer::Key::~Key() { OPENSSL_cleanse(bytes.data(), bytes.size()); }

Result<Sealer> Sealer::Open(const std::string& key_file) {
  auto content = os::ReadFile(key_file, 4096);
  if (!content && content.error().code() == Code::kNotFound) content = NewKey(key_file);
  if (!content) return Forward(std::move(content.error()));
  const bool whole = content->size() == kSealingKeyBytes;
  auto key = std::make_shared<Key>();
  if (whole) std::ranges::copy(*content, key->bytes.begin());
  OPENSSL_cleanse(content->data(), content->size());
  if (!whole) {
    return Fail(Code::kDataLoss, "{} is damaged: restore it from a backup, or remove it and create the secrets again",
                key_file);
  }
  Sealer sealer;
  sealer.key_ = std::move(key);
  return sealer;
}

Result<std::string> Sealer::Seal(std::string_view bytes, std::string_view context) const {
  if (bytes.size() > kMaxSealedBytes) return Fail(Code::kInvalidArgument, "it is too large to be sealed");
  const std::string bound = Bound("seal", context);
  std::string sealed(kSealOverhead + bytes.size(), '\0');
  sealed[0] = kSealFormat;
  unsigned char* nonce = Raw(sealed) + 1;
  unsigned char* text = nonce + kNonceBytes;
  Cipher cipher(EVP_CIPHER_CTX_new());
  int length = 0;
  const bool good = cipher && RAND_bytes(nonce, kNonceBytes) == 1 &&
                    EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_->bytes.data(), nonce) == 1 &&
                    EVP_EncryptUpdate(cipher.get(), nullptr, &length, Raw(std::string_view(bound)),
                                      static_cast<int>(bound.size())) == 1 &&
                    EVP_EncryptUpdate(cipher.get(), text, &length, Raw(bytes), static_cast<int>(bytes.size())) == 1 &&
                    EVP_EncryptFinal_ex(cipher.get(), text + length, &length) == 1 &&
                    EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, text + bytes.size()) == 1;
  if (!good) return Fail(Code::kInternal, "the cipher failed");
  return sealed;
}

Result<std::string> Sealer::Unseal(std::string_view sealed, std::string_view context) const {
  if (sealed.size() < kSealOverhead || sealed.size() > kSealOverhead + kMaxSealedBytes || sealed[0] != kSealFormat)
    return CannotUnseal();
  const std::string bound = Bound("seal", context);
  std::string bytes(sealed.size() - kSealOverhead, '\0');
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  const unsigned char* nonce = Raw(sealed) + 1;
  Cipher cipher(EVP_CIPHER_CTX_new());
  int length = 0;
  const bool good =
      cipher && EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_->bytes.data(), nonce) == 1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &length, Raw(std::string_view(bound)), static_cast<int>(bound.size())) ==
          1 &&
      EVP_DecryptUpdate(cipher.get(), Raw(bytes), &length, nonce + kNonceBytes, static_cast<int>(bytes.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), Raw(bytes) + bytes.size(), &length) == 1;
  if (good) return bytes;
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return CannotUnseal();
}

std::string Sealer::Fingerprint(std::string_view bytes, std::string_view context) const {
  const std::string text = Bound("fingerprint", context) + '\0' + std::string(bytes);
  std::string hash(EVP_MAX_MD_SIZE, '\0');
  unsigned length = 0;
  HMAC(EVP_sha256(), key_->bytes.data(), kSealingKeyBytes, Raw(std::string_view(text)), text.size(), Raw(hash),
       &length);
  hash.resize(length);
  return hash;
}

}  // namespace burrow::control
