// The Connect protocol's bytes: content types, messages, envelopes, timeouts, errors. Pure.
#pragma once

#include <google/protobuf/message.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace burrow::api {

enum class Encoding { kJson, kBinary };
enum class Framing { kUnary, kStream };
struct ContentKind {
  Encoding encoding;
  Framing framing;
};
// "application/json", "application/proto", "application/connect+json", "application/connect+proto"; parameters are
// ignored.
std::optional<ContentKind> ParseContentType(std::string_view header);
std::string_view ContentTypeOf(ContentKind kind);

// Unknown JSON fields are ignored: clients may be newer. kInvalidArgument with the parser's sentence.
Status DecodeMessage(Encoding encoding, std::string_view bytes, google::protobuf::Message& message);
Result<std::string> EncodeMessage(Encoding encoding, const google::protobuf::Message& message);

constexpr size_t kEnvelopeHead = 5;
constexpr uint8_t kEndStreamFlag = 0x02;
// The payload of a body that is one envelope.
Result<std::string_view> OpenEnvelope(std::string_view body);
std::string MakeEnvelope(uint8_t flags, std::string_view payload);

// Connect-Timeout-Ms: at most ten digits; absent when the header is empty.
Result<std::optional<std::chrono::milliseconds>> ParseTimeout(std::string_view header);

int HttpStatusOf(Code code);
std::string ErrorJson(const Error& error);        // {"code":"not_found","message":"..."}
std::string EndStreamJson(const Status& status);  // {} or {"error":{...}}

}  // namespace burrow::api
