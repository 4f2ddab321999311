#include "control/tokens.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/ids.h"
#include "cas/digest.h"
#include "os/fs.h"

namespace burrow::control {
namespace {

using nlohmann::json;

constexpr size_t kMaxTokenBytes = 256;

std::string NewSecret(const char* prefix) {
  // Two ids' worth of randomness; the second one's prefix is cut off.
  return NewIdText(prefix) + NewIdText("x").substr(2);
}

Result<json> LoadOrMake(const std::string& file) {
  auto content = os::ReadFile(file, 64 << 10);
  if (!content && content.error().code() != Code::kNotFound) return Forward(std::move(content.error()));
  if (content) {
    auto secrets = json::parse(*content, nullptr, false);
    bool whole = secrets.is_object() && secrets.value("client", json()).is_string() &&
                 secrets.value("worker", json()).is_string();
    if (!whole) return Fail(Code::kDataLoss, "{} is damaged: remove it, and the next start makes new tokens", file);
    return secrets;
  }
  json secrets = {{"client", NewSecret("bt")}, {"worker", NewSecret("bw")}};
  BURROW_RETURN_IF_ERROR(os::WriteFileAtomically(file, secrets.dump() + "\n", 0600));
  return secrets;
}

}  // namespace

Result<Tokens> Tokens::Open(const std::string& file, store::Store& store, uint64_t now_ms) {
  BURROW_ASSIGN_OR_RETURN(json secrets, LoadOrMake(file));
  Tokens tokens;
  tokens.client_ = secrets["client"];
  tokens.worker_ = secrets["worker"];
  BURROW_ASSIGN_OR_RETURN(tokens.records_, store.Tokens());
  for (auto [secret, role] :
       {std::pair(&tokens.client_, store::TokenRole::kClient), std::pair(&tokens.worker_, store::TokenRole::kWorker)}) {
    auto hash = cas::Digest::Of(*secret).Hex();
    if (std::ranges::any_of(tokens.records_, [&](const auto& record) { return record.secret_sha256 == hash; }))
      continue;
    store::TokenRecord record{.id = NewIdText("tk"), .secret_sha256 = hash, .role = role, .created_ms = now_ms};
    BURROW_RETURN_IF_ERROR(store.PutToken(record));
    tokens.records_.push_back(std::move(record));
  }
  return tokens;
}

api::Access Tokens::Check(std::string_view token) const {
  if (token.empty() || token.size() > kMaxTokenBytes) return api::Access::kNone;
  auto hash = cas::Digest::Of(token).Hex();
  auto access = api::Access::kNone;
  for (const auto& record : records_) {
    bool same = record.secret_sha256.size() == hash.size() &&
                CRYPTO_memcmp(record.secret_sha256.data(), hash.data(), hash.size()) == 0;
    if (same) access = record.role == store::TokenRole::kWorker ? api::Access::kWorker : api::Access::kClient;
  }
  return access;
}

}  // namespace burrow::control
