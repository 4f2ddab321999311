// Named secrets, and what functions are given of them and of their own. Values are in memory only while they are used.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "control/messages.h"
#include "control/sealing.h"
#include "store/store.h"

namespace burrow::control {

// All secrets belong to this one so far.
inline constexpr const char* kDefaultWorkspace = "default";
inline constexpr size_t kMaxSecrets = 1'000;
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
  const store::SecretRecord* Find(const std::string& name) const;
  std::vector<const store::SecretRecord*> All() const;  // by name
  size_t size() const { return secrets_.size(); }
  void Put(store::SecretRecord record);
  void Drop(const std::string& name);

  // The record as it is stored, with no times yet.
  Result<store::SecretRecord> Seal(const std::string& name, const SecretVariables& variables) const;
  // kDataLoss, naming the secret, where it cannot be opened.
  Result<SecretVariables> Open(const store::SecretRecord& record) const;

  // Checks that the named secrets of a function are here with the keys that it requires, and seals the variables that
  // the request brought, so that the specification may be stored.
  Status SealFunction(pb::FunctionSpec& spec, const FunctionId& id) const;
  // Every variable that a container of the function has beyond its environment.
  Result<SecretVariables> VariablesOf(const pb::FunctionSpec& spec, const FunctionId& id) const;

 private:
  // A stored secret that the function names, with the keys that it requires.
  Result<SecretVariables> OpenNamed(const pb::FunctionSpec& spec, const pb::FunctionSecret& secret) const;
  Result<SecretVariables> VariablesOf(const pb::FunctionSpec& spec, const pb::FunctionSecret& secret,
                                      const FunctionId& id) const;

  Sealer sealer_;
  std::map<std::string, store::SecretRecord> secrets_;  // by name
};

}  // namespace burrow::control
