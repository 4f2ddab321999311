// What clients may send. Each function gives kInvalidArgument with a sentence that names what is wrong.
#pragma once

#include <string_view>

#include "base/ascii.h"
#include "base/error.h"
#include "base/ids.h"
#include "control/messages.h"

namespace burrow::control {

constexpr bool IsNameCharacter(char c) { return IsLetterOrDigit(c) || c == '.' || c == '_' || c == '-'; }
// 1 to 128 letters, digits, '.', '_' or '-'; `what` heads the sentence ("an app's name").
Status CheckName(std::string_view what, std::string_view name);
// Relative, '/'-separated, without empty, "." and ".." parts.
Status CheckRelativePath(std::string_view path);
Status CheckAbsolutePath(std::string_view what, std::string_view path);
Status CheckDigest(std::string_view digest);
Status CheckPayload(const pb::Payload& payload);
Status CheckSource(const google::protobuf::RepeatedPtrField<pb::SourceFile>& files);
Status CheckFunction(const pb::FunctionSpec& spec);
// The part of CheckFunction that is about how many containers there are.
Status CheckScaling(const pb::FunctionSpec& spec);
// At most `limit` bytes, no NUL; `what` heads the sentence.
Status CheckText(std::string_view what, std::string_view text, size_t limit);
Status CheckEnvironment(const google::protobuf::Map<std::string, std::string>& variables);
Status CheckWait(uint32_t wait_ms);

template <class IdType>
Status CheckId(std::string_view text, std::string_view prefix) {
  if (IsIdText(prefix, text)) return {};
  return Fail(Code::kInvalidArgument, "'{}' is no id: it must be '{}-' and 26 of 0-9 and a-z", text.substr(0, 64),
              prefix);
}
inline Status CheckCallId(std::string_view text) { return CheckId<CallId>(text, CallTag::kPrefix); }
inline Status CheckGroupId(std::string_view text) { return CheckId<GroupId>(text, GroupTag::kPrefix); }

}  // namespace burrow::control
