// Bearer tokens: made at the first start, kept readable by root alone so that `up` can hand them out, checked by their
// hashes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/server.h"
#include "base/error.h"
#include "store/store.h"

namespace burrow::control {

class Tokens {
 public:
  // Reads `file` (mode 0600) or makes it with two new secrets, and sees that the store knows their hashes. Blocks.
  static Result<Tokens> Open(const std::string& file, store::Store& store, uint64_t now_ms);

  const std::string& client() const { return client_; }
  const std::string& worker() const { return worker_; }
  // Takes a time that does not depend on which token is close. Any thread.
  api::Access Check(std::string_view token) const;

 private:
  std::string client_, worker_;
  std::vector<store::TokenRecord> records_;
};

}  // namespace burrow::control
