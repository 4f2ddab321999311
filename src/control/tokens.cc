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

api::Access AccessOf(store::TokenRole role) {
  switch (role) {
    case store::TokenRole::kAdmin:
      return api::Access::kAdmin;
    case store::TokenRole::kWorker:
      return api::Access::kWorker;
    case store::TokenRole::kMember:
      return api::Access::kMember;
    case store::TokenRole::kCaller:
      return api::Access::kCaller;
  }
  return api::Access::kNone;
}

Status WriteSecrets(const std::string& file, const json& secrets) {
  return os::WriteFileAtomically(file, secrets.dump() + "\n", 0600);
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
  json secrets = {{"client", NewTokenSecret(store::TokenRole::kAdmin)},
                  {"worker", NewTokenSecret(store::TokenRole::kWorker)}};
  BURROW_RETURN_IF_ERROR(WriteSecrets(file, secrets));
  return secrets;
}

}  // namespace

std::string NewTokenSecret(store::TokenRole role) {
  // Two ids' worth of randomness; the second one's prefix is cut off.
  return NewIdText(role == store::TokenRole::kWorker ? "bw" : "bt") + NewIdText("x").substr(2);
}

std::string HashOfToken(std::string_view secret) { return cas::Digest::Of(secret).Hex(); }

Result<Tokens> Tokens::Open(const std::string& file, store::Store& store, uint64_t now_ms) {
  BURROW_ASSIGN_OR_RETURN(json secrets, LoadOrMake(file));
  Tokens tokens;
  tokens.file_ = file;
  tokens.client_ = secrets["client"];
  tokens.worker_ = secrets["worker"];
  BURROW_ASSIGN_OR_RETURN(tokens.records_, store.Tokens());
  BURROW_RETURN_IF_ERROR(tokens.DropThoseOfAnEarlierFile(store));
  for (auto [secret, role] :
       {std::pair(&tokens.client_, store::TokenRole::kAdmin), std::pair(&tokens.worker_, store::TokenRole::kWorker)}) {
    if (secret->empty()) continue;
    auto hash = HashOfToken(*secret);
    if (std::ranges::any_of(tokens.records_, [&](const auto& record) { return record.secret_sha256 == hash; }))
      continue;
    store::TokenRecord record{.id = NewIdText("tk"), .secret_sha256 = hash, .role = role, .created_ms = now_ms};
    BURROW_RETURN_IF_ERROR(store.PutToken(record));
    tokens.records_.push_back(std::move(record));
  }
  return tokens;
}

// Who removes the file wants others.
Status Tokens::DropThoseOfAnEarlierFile(store::Store& store) {
  const std::string hashes[] = {HashOfToken(client_), HashOfToken(worker_)};
  const auto records = records_;
  for (const auto& record : records) {
    if (!IsOwn(record) || std::ranges::find(hashes, record.secret_sha256) != std::end(hashes)) continue;
    BURROW_RETURN_IF_ERROR(store.DropToken(record.id));
    Remove(record.id);
  }
  return {};
}

api::Caller Tokens::Check(std::string_view token) const {
  if (token.empty() || token.size() > kMaxTokenBytes) return {};
  auto hash = HashOfToken(token);
  api::Caller caller;
  for (const auto& record : records_) {
    bool same = record.secret_sha256.size() == hash.size() &&
                CRYPTO_memcmp(record.secret_sha256.data(), hash.data(), hash.size()) == 0;
    if (same) caller = {AccessOf(record.role), record.workspace};
  }
  return caller;
}

const store::TokenRecord* Tokens::Find(std::string_view name_or_id) const {
  const auto found = std::ranges::find_if(records_, [&](const store::TokenRecord& record) {
    return record.id == name_or_id || (!record.name.empty() && record.name == name_or_id);
  });
  return found == records_.end() ? nullptr : &*found;
}

std::vector<const store::TokenRecord*> Tokens::In(const std::string& workspace) const {
  std::vector<const store::TokenRecord*> found;
  for (const auto& record : records_) {
    if (record.workspace == workspace && record.role != store::TokenRole::kWorker) found.push_back(&record);
  }
  return found;
}

bool Tokens::HasAdminBeside(const std::set<std::string>& ids) const {
  return std::ranges::any_of(records_, [&](const store::TokenRecord& record) {
    return record.role == store::TokenRole::kAdmin && !ids.contains(record.id);
  });
}

std::function<Status()> Tokens::ClientForgetter() const {
  return [file = file_, worker = worker_] { return WriteSecrets(file, {{"client", ""}, {"worker", worker}}); };
}

void Tokens::Remove(const std::string& id) {
  const auto* record = Find(id);
  if (record && IsClients(*record)) client_.clear();
  std::erase_if(records_, [&](const store::TokenRecord& record) { return record.id == id; });
  revocations_++;
}

}  // namespace burrow::control
