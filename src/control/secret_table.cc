#include "control/secret_table.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

#include "control/near_names.h"
#include "control/validation.h"

namespace burrow::control {
namespace {

// Neither names nor values hold a NUL.
std::string EncodeVariables(const SecretVariables& variables) {
  std::string text;
  for (const auto& [name, value] : variables) text.append(name).append(1, '\0').append(value).append(1, '\0');
  return text;
}

SecretVariables DecodeVariables(std::string_view text) {
  SecretVariables variables;
  while (!text.empty()) {
    const size_t name = text.find('\0');
    const size_t value = name == text.npos ? text.npos : text.find('\0', name + 1);
    if (value == text.npos) break;
    variables[std::string(text.substr(0, name))] = text.substr(name + 1, value - name - 1);
    text.remove_prefix(value + 1);
  }
  return variables;
}

Result<SecretVariables> OpenVariables(const Sealer& sealer, const std::string& sealed, const std::string& context) {
  BURROW_ASSIGN_OR_RETURN(std::string text, sealer.Unseal(sealed, context));
  auto variables = DecodeVariables(text);
  OPENSSL_cleanse(text.data(), text.size());
  return variables;
}

std::string NamedContext(const std::string& workspace, const std::string& name) { return workspace + "/" + name; }
std::string Needs(const pb::FunctionSpec& spec) { return spec.name() + "() needs"; }
std::string FunctionContext(const FunctionId& id) { return "function " + id.str(); }

}  // namespace

SecretVariables ToVariables(const google::protobuf::Map<std::string, std::string>& message) {
  SecretVariables variables;
  for (const auto& [name, value] : message) variables[name] = value;
  return variables;
}

Status CheckSecretVariables(const google::protobuf::Map<std::string, std::string>& variables) {
  BURROW_RETURN_IF_ERROR(CheckEnvironment(variables));
  size_t bytes = 0;
  for (const auto& [name, value] : variables) bytes += name.size() + value.size();
  if (bytes <= kMaxSecretBytes) return {};
  return Fail(Code::kInvalidArgument, "a secret holds at most {} bytes: keep large ones in a file of the image's",
              kMaxSecretBytes);
}

Status SecretTable::Load(store::Store& store) {
  BURROW_ASSIGN_OR_RETURN(auto records, store.Secrets());
  for (auto& record : records) Put(std::move(record));
  return {};
}

const store::SecretRecord* SecretTable::Find(const std::string& workspace, const std::string& name) const {
  const auto found = secrets_.find({workspace, name});
  return found == secrets_.end() ? nullptr : &found->second;
}

std::vector<const store::SecretRecord*> SecretTable::In(const std::string& workspace) const {
  std::vector<const store::SecretRecord*> found;
  for (auto at = secrets_.lower_bound({workspace, ""}); at != secrets_.end() && at->first.first == workspace; ++at)
    found.push_back(&at->second);
  return found;
}

void SecretTable::Put(store::SecretRecord record) {
  std::pair key(record.workspace, record.name);
  secrets_[std::move(key)] = std::move(record);
}

void SecretTable::Drop(const std::string& workspace, const std::string& name) { secrets_.erase({workspace, name}); }

void SecretTable::DropAll(const std::string& workspace) {
  std::erase_if(secrets_, [&](const auto& entry) { return entry.first.first == workspace; });
}

Result<store::SecretRecord> SecretTable::Seal(const std::string& workspace, const std::string& name,
                                              const SecretVariables& variables) const {
  std::string text = EncodeVariables(variables);
  auto sealed = sealer_.Seal(text, NamedContext(workspace, name));
  OPENSSL_cleanse(text.data(), text.size());
  if (!sealed) return Forward(std::move(sealed.error()));
  return store::SecretRecord{.workspace = workspace, .name = name, .sealed = std::move(*sealed)};
}

Result<SecretVariables> SecretTable::Open(const store::SecretRecord& record) const {
  auto variables = OpenVariables(sealer_, record.sealed, NamedContext(record.workspace, record.name));
  if (variables) return variables;
  return Fail(variables.error().code(), "the secret '{}' is of no use, {}: create it again", record.name,
              variables.error().message());
}

std::unexpected<Error> SecretTable::NoSecret(const std::string& workspace, const std::string& name,
                                             const std::string& needs_it) const {
  std::vector<std::string> names;
  for (const auto* known : In(workspace)) names.push_back(known->name);
  return Fail(Code::kNotFound, "{} the secret '{}', which does not exist{}: make it with `burrow secret create`",
              needs_it, name, DidYouMean(name, names));
}

Result<SecretVariables> SecretTable::OpenNamed(const std::string& workspace, const pb::FunctionSecret& secret,
                                               const std::string& needs_it) const {
  const auto* record = Find(workspace, secret.name());
  if (!record) return NoSecret(workspace, secret.name(), needs_it);
  BURROW_ASSIGN_OR_RETURN(auto variables, Open(*record));
  for (const std::string& key : secret.required_keys()) {
    if (variables.contains(key)) continue;
    return Fail(Code::kFailedPrecondition, "{} {} of the secret '{}', which lacks it: create it again with that key",
                needs_it, key, secret.name());
  }
  return variables;
}

Status SecretTable::SealFunction(const std::string& workspace, pb::FunctionSpec& spec, const FunctionId& id) const {
  for (auto& secret : *spec.mutable_secrets()) {
    if (!secret.has_variables()) {
      BURROW_RETURN_IF_ERROR(OpenNamed(workspace, secret, Needs(spec)));
      continue;
    }
    std::string text = EncodeVariables(ToVariables(secret.variables().variables()));
    auto sealed = sealer_.Seal(text, FunctionContext(id));
    secret.set_fingerprint(sealer_.Fingerprint(text, FunctionContext(id)));
    OPENSSL_cleanse(text.data(), text.size());
    if (!sealed) return Forward(std::move(sealed.error()));
    secret.set_sealed(std::move(*sealed));  // takes the place of the variables
  }
  return {};
}

Result<SecretVariables> SecretTable::OpenOne(const std::string& workspace, const pb::FunctionSpec& spec,
                                             const pb::FunctionSecret& secret, const FunctionId& id) const {
  if (!secret.has_sealed()) return OpenNamed(workspace, secret, Needs(spec));
  // Variants of a class have what was sealed for the class.
  const FunctionId owner = spec.has_bound() ? FunctionId(spec.bound().base_function_id()) : id;
  auto variables = OpenVariables(sealer_, secret.sealed(), FunctionContext(owner));
  if (variables) return variables;
  return Fail(variables.error().code(), "a secret of {}() is of no use, {}: deploy it again", spec.name(),
              variables.error().message());
}

Result<SecretVariables> SecretTable::VariablesOf(const std::string& workspace, const pb::FunctionSpec& spec,
                                                 const FunctionId& id) const {
  SecretVariables all;
  size_t bytes = 0;
  for (const auto& secret : spec.secrets()) {
    BURROW_ASSIGN_OR_RETURN(auto variables, OpenOne(workspace, spec, secret, id));
    for (auto& [name, value] : variables) {
      bytes += name.size() + value.size();
      if (!spec.env().contains(name)) all[name] = std::move(value);
    }
  }
  if (bytes <= kMaxSecretBytes) return all;
  return Fail(Code::kFailedPrecondition, "the secrets of {}() hold more than {} bytes together", spec.name(),
              kMaxSecretBytes);
}

}  // namespace burrow::control
