// Bearer tokens, checked by their hashes. The first client's and the first worker's are made at the first start and
// kept in a file that root alone can read, so that `up` can hand them out; of all others only hashes exist. The first
// client's can be revoked: the file is then without it.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/caller.h"
#include "base/error.h"
#include "store/store.h"

namespace burrow::control {

inline constexpr size_t kMaxTokens = 1'000;

// Of the file, which hands it out again at the next start: all others have names.
inline bool IsOwn(const store::TokenRecord& record) { return record.name.empty(); }

// A secret that nobody has guessed: for workers it begins with "bw", for others with "bt".
std::string NewTokenSecret(store::TokenRole role);
std::string HashOfToken(std::string_view secret);

// Loop's thread only, once opened.
class Tokens {
 public:
  // Reads `file` (mode 0600) or makes it with two new secrets, and sees that the store knows their hashes. Blocks.
  static Result<Tokens> Open(const std::string& file, store::Store& store, uint64_t now_ms);

  const std::string& client() const { return client_; }  // empty: it was revoked
  const std::string& worker() const { return worker_; }
  // Who shows the token. Takes a time that does not depend on which token is close.
  api::Caller Check(std::string_view token) const;

  const std::vector<store::TokenRecord>& All() const { return records_; }
  std::vector<const store::TokenRecord*> In(const std::string& workspace) const;  // those of workers are in none
  // By name or id; null where there is none.
  const store::TokenRecord* Find(std::string_view name_or_id) const;
  void Add(store::TokenRecord record) { records_.push_back(std::move(record)); }
  void Remove(const std::string& id);
  // Whether some admin is left without these.
  bool HasAdminBeside(const std::set<std::string>& ids) const;
  bool IsClients(const store::TokenRecord& record) const { return record.secret_sha256 == HashOfToken(client_); }
  // What takes the first client's token out of the file, so that no start makes it valid again. Blocks; any thread.
  std::function<Status()> ClientForgetter() const;
  uint64_t revocations() const { return revocations_; }  // how many were removed since it was opened

 private:
  Status DropThoseOfAnEarlierFile(store::Store& store);

  std::string file_, client_, worker_;
  std::vector<store::TokenRecord> records_;
  uint64_t revocations_ = 0;
};

}  // namespace burrow::control
