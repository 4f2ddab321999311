#include "api/connect_codec.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/ascii.h"

namespace burrow::api {
namespace {

struct NamedKind {
  std::string_view name;
  ContentKind kind;
};
constexpr std::array<NamedKind, 4> kKinds = {{
    {"application/json", {Encoding::kJson, Framing::kUnary}},
    {"application/proto", {Encoding::kBinary, Framing::kUnary}},
    {"application/connect+json", {Encoding::kJson, Framing::kStream}},
    {"application/connect+proto", {Encoding::kBinary, Framing::kStream}},
}};

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, ToLower, ToLower);
}

nlohmann::json ErrorObject(const Error& error) {
  return {{"code", std::string(CodeName(error.code()))}, {"message", error.message()}};
}

// Messages may quote foreign bytes.
std::string Dump(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::optional<ContentKind> ParseContentType(std::string_view header) {
  std::string_view name = header.substr(0, header.find(';'));
  while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
  for (const auto& known : kKinds) {
    if (EqualIgnoringCase(name, known.name)) return known.kind;
  }
  return std::nullopt;
}

std::string_view ContentTypeOf(ContentKind kind) {
  for (const auto& known : kKinds) {
    if (known.kind.encoding == kind.encoding && known.kind.framing == kind.framing) return known.name;
  }
  return "application/octet-stream";
}

Status DecodeMessage(Encoding encoding, std::string_view bytes, google::protobuf::Message& message) {
  if (encoding == Encoding::kBinary) {
    if (message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return {};
    return Fail(Code::kInvalidArgument, "the request is not a binary {}", message.GetTypeName());
  }
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  auto parsed = google::protobuf::util::JsonStringToMessage({bytes.data(), bytes.size()}, &message, options);
  if (parsed.ok()) return {};
  return Fail(Code::kInvalidArgument, "the request is not a {} in JSON: {}", message.GetTypeName(),
              std::string_view(parsed.message().data(), parsed.message().size()));
}

Result<std::string> EncodeMessage(Encoding encoding, const google::protobuf::Message& message) {
  std::string bytes;
  if (encoding == Encoding::kBinary) {
    if (message.SerializeToString(&bytes)) return bytes;
    return Fail(Code::kInternal, "cannot serialize a {}", message.GetTypeName());
  }
  auto printed = google::protobuf::util::MessageToJsonString(message, &bytes);
  if (printed.ok()) return bytes;
  return Fail(Code::kInternal, "cannot write a {} as JSON: {}", message.GetTypeName(),
              std::string_view(printed.message().data(), printed.message().size()));
}

Result<std::string_view> OpenEnvelope(std::string_view body) {
  if (body.size() < kEnvelopeHead) return Fail(Code::kInvalidArgument, "the request's envelope is cut off");
  auto flags = static_cast<uint8_t>(body[0]);
  if (flags & 0x01) return Fail(Code::kUnimplemented, "the request is compressed: send it without compression");
  if (flags != 0) return Fail(Code::kInvalidArgument, "the request's envelope has unknown flags {:#x}", flags);
  uint64_t length = 0;
  for (size_t i = 1; i < kEnvelopeHead; ++i) length = length << 8 | static_cast<uint8_t>(body[i]);
  if (length != body.size() - kEnvelopeHead) {
    return Fail(Code::kInvalidArgument, "the request must be one envelope: it announces {} bytes and holds {}", length,
                body.size() - kEnvelopeHead);
  }
  return body.substr(kEnvelopeHead);
}

std::string MakeEnvelope(uint8_t flags, std::string_view payload) {
  std::string envelope;
  envelope.reserve(kEnvelopeHead + payload.size());
  envelope.push_back(static_cast<char>(flags));
  for (int shift = 24; shift >= 0; shift -= 8) envelope.push_back(static_cast<char>(payload.size() >> shift & 0xff));
  envelope.append(payload);
  return envelope;
}

Result<std::optional<std::chrono::milliseconds>> ParseTimeout(std::string_view header) {
  if (header.empty()) return std::nullopt;
  uint64_t value = 0;
  auto [end, error] = std::from_chars(header.data(), header.data() + header.size(), value);
  if (error != std::errc() || end != header.data() + header.size() || header.size() > 10) {
    return Fail(Code::kInvalidArgument, "Connect-Timeout-Ms must be at most ten digits");
  }
  return std::chrono::milliseconds(value);
}

int HttpStatusOf(Code code) {
  switch (code) {
    case Code::kCancelled:
      return 499;
    case Code::kInvalidArgument:
    case Code::kFailedPrecondition:
    case Code::kOutOfRange:
      return 400;
    case Code::kDeadlineExceeded:
      return 504;
    case Code::kNotFound:
      return 404;
    case Code::kAlreadyExists:
    case Code::kAborted:
      return 409;
    case Code::kPermissionDenied:
      return 403;
    case Code::kResourceExhausted:
      return 429;
    case Code::kUnimplemented:
      return 501;
    case Code::kUnavailable:
      return 503;
    case Code::kUnauthenticated:
      return 401;
    case Code::kUnknown:
    case Code::kInternal:
    case Code::kDataLoss:
      return 500;
  }
  return 500;
}

std::string ErrorJson(const Error& error) { return Dump(ErrorObject(error)); }

std::string EndStreamJson(const Status& status) {
  nlohmann::json end = nlohmann::json::object();
  if (!status) end["error"] = ErrorObject(status.error());
  return Dump(end);
}

}  // namespace burrow::api
