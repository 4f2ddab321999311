// Named secrets, and what functions are given of them and of their own. Values are in memory only while they are used.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "control/messages.h"
#include "control/sealing.h"
#include "store/store.h"

namespace burrow::control {

inline constexpr size_t kMaxSecrets = 1'000;          // of one workspace
inline constexpr size_t kMaxSecretBytes = 256 << 10;  // of all variables of one secret, or of one function

using SecretVariables = std::map<std::string, std::string>;

SecretVariables ToVariables(const google::protobuf::Map<std::string, std::string>& message);
// Names of variables and their bounds; what it says never holds a value.
Status CheckSecretVariables(const google::protobuf::Map<std::string, std::string>& variables);

// Loop's thread only, but for Load.
class SecretTable {
 public:
  explicit SecretTable(Sealer sealer) : sealer_(std::move(sealer)) {}

  // What was stored. Blocks: before the loop runs.
  Status Load(store::Store& store);
  const store::SecretRecord* Find(const std::string& workspace, const std::string& name) const;
  std::vector<const store::SecretRecord*> In(const std::string& workspace) const;  // by name
  void Put(store::SecretRecord record);
  void Drop(const std::string& workspace, const std::string& name);
  void DropAll(const std::string& workspace);

  // The record as it is stored, with no times yet.
  Result<store::SecretRecord> Seal(const std::string& workspace, const std::string& name,
                                   const SecretVariables& variables) const;
  // kDataLoss, naming the secret, where it cannot be opened.
  Result<SecretVariables> Open(const store::SecretRecord& record) const;

  // A stored secret with the keys that are required; `needs_it` begins the error, "f() needs" for example.
  Result<SecretVariables> OpenNamed(const std::string& workspace, const pb::FunctionSecret& secret,
                                    const std::string& needs_it) const;
  // Checks that the named secrets of a function are in its workspace with the keys that it requires, and seals the
  // variables that the request brought, so that the specification may be stored.
  Status SealFunction(const std::string& workspace, pb::FunctionSpec& spec, const FunctionId& id) const;
  // Every variable that a container of the function has beyond its environment.
  Result<SecretVariables> VariablesOf(const std::string& workspace, const pb::FunctionSpec& spec,
                                      const FunctionId& id) const;

 private:
  Result<SecretVariables> OpenOne(const std::string& workspace, const pb::FunctionSpec& spec,
                                  const pb::FunctionSecret& secret, const FunctionId& id) const;
  std::unexpected<Error> NoSecret(const std::string& workspace, const std::string& name,
                                  const std::string& needs_it) const;

  Sealer sealer_;
  std::map<std::pair<std::string, std::string>, store::SecretRecord> secrets_;  // by workspace and name
};

}  // namespace burrow::control
