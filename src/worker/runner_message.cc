#include "worker/runner_message.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/hex.h"

namespace burrow::worker {
namespace {

using nlohmann::json;

constexpr size_t kMaxTraceFrames = 200;
constexpr size_t kMaxReasonBytes = 500;

std::string Dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string Text(const json& object, const char* key) {
  auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

double Number(const json& object, const char* key) {
  auto at = object.find(key);
  return at != object.end() && at->is_number() ? at->get<double>() : 0;
}

uint32_t Count(const json& object, const char* key) {
  return static_cast<uint32_t>(std::clamp(Number(object, key), 0.0, 4294967295.0));
}

bool Flag(const json& object, const char* key) {
  auto at = object.find(key);
  return at != object.end() && at->is_boolean() && at->get<bool>();
}

burrow::v1::CallError ReadError(const json& object) {
  burrow::v1::CallError error;
  error.set_type(Text(object, "type"));
  error.set_message(Text(object, "message"));
  error.set_traceback(Text(object, "traceback"));
  auto frames = object.find("frames");
  if (frames == object.end() || !frames->is_array()) return error;
  for (const json& entry : *frames) {
    if (!entry.is_object() || error.frames_size() >= static_cast<int>(kMaxTraceFrames)) break;
    auto* frame = error.add_frames();
    frame->set_file(Text(entry, "file"));
    frame->set_line(Count(entry, "line"));
    frame->set_function(Text(entry, "function"));
    frame->set_source(Text(entry, "source"));
  }
  return error;
}

std::optional<RunnerMessage::Kind> KindOf(const std::string& name) {
  using Kind = RunnerMessage::Kind;
  static const std::map<std::string, Kind, std::less<>> kKinds = {
      {"hello", Kind::kHello}, {"ready", Kind::kReady}, {"failed", Kind::kFailed}, {"result", Kind::kResult},
      {"item", Kind::kItem},   {"error", Kind::kError}, {"output", Kind::kOutput}, {"refused", Kind::kRefused}};
  auto at = kKinds.find(name);
  return at == kKinds.end() ? std::nullopt : std::optional(at->second);
}

// Python may escape half a surrogate pair, which is no text: such escapes become U+FFFD.
std::string WithoutLoneSurrogates(std::string_view header) {
  auto surrogate = [&](size_t at, char from, char to) {
    return at + 5 < header.size() && header[at] == '\\' && header[at + 1] == 'u' && (header[at + 2] | 0x20) == 'd' &&
           (header[at + 3] | 0x20) >= from && (header[at + 3] | 0x20) <= to;
  };
  auto high = [&](size_t at) { return surrogate(at, '8', '9') || surrogate(at, 'a', 'b'); };
  auto low = [&](size_t at) { return surrogate(at, 'c', 'f'); };
  std::string out;
  for (size_t i = 0; i < header.size();) {
    if (high(i) && low(i + 6)) {
      out.append(header.substr(i, 12));
      i += 12;
    } else if (high(i) || low(i)) {
      out.append("\\ufffd");
      i += 6;
    } else {
      size_t step = header[i] == '\\' && i + 1 < header.size() ? 2 : 1;
      out.append(header.substr(i, step));
      i += step;
    }
  }
  return out;
}

json ParseObject(std::string_view header) {
  json parsed = json::parse(header, nullptr, false);
  if (parsed.is_discarded()) parsed = json::parse(WithoutLoneSurrogates(header), nullptr, false);
  return parsed;
}

json ParameterJson(const burrow::v1::Parameter& parameter) {
  json value = {{"name", parameter.name()}};
  switch (parameter.value_case()) {
    case burrow::v1::Parameter::kText:
      value["value"] = parameter.text();
      break;
    case burrow::v1::Parameter::kNumber:
      value["value"] = parameter.number();
      break;
    case burrow::v1::Parameter::kFlag:
      value["value"] = parameter.flag();
      break;
    case burrow::v1::Parameter::kData:
      value["data"] = ToHex(parameter.data());
      break;
    case burrow::v1::Parameter::VALUE_NOT_SET:
      break;
  }
  return value;
}

json StartJson(const burrow::v1::FunctionSpec& function, const std::string& app_id, const std::string& container_id,
               const google::protobuf::Map<std::string, std::string>& secrets) {
  bool serialized = function.pickled().data_case() != burrow::v1::Payload::DATA_NOT_SET;
  json header = {{"t", "start"},
                 {"module", function.module()},
                 {"qualname", function.qualname()},
                 {"name", function.name()},
                 {"is_generator", function.is_generator()},
                 {"serialized", serialized},
                 {"app_id", app_id},
                 {"container_id", container_id}};
  if (function.has_class_spec()) {
    header["class"] = true;
    header["parameters"] = json::array();
    for (const auto& value : function.bound().values()) header["parameters"].push_back(ParameterJson(value));
  }
  if (function.max_inputs() > 1) header["max_inputs"] = function.max_inputs();
  if (function.max_batch_size() > 0) {
    header["max_batch_size"] = function.max_batch_size();
    header["batch_wait_ms"] = function.batch_wait_ms();
  }
  for (const auto& [name, value] : secrets) header["secrets"][name] = value;
  return header;
}

}  // namespace

std::string StartHeader(const burrow::v1::FunctionSpec& function, const std::string& app_id,
                        const std::string& container_id,
                        const google::protobuf::Map<std::string, std::string>& secrets) {
  return Dump(StartJson(function, app_id, container_id, secrets));
}

std::string TemplateHeader(const burrow::v1::FunctionSpec& function, const std::string& app_id,
                           const std::string& container_id,
                           const google::protobuf::Map<std::string, std::string>& secrets) {
  json header = StartJson(function, app_id, container_id, secrets);
  header["template"] = true;
  return Dump(header);
}

std::string CallHeader(const std::string& call_id, uint32_t attempt, const std::string& method) {
  json header = {{"t", "call"}, {"id", call_id}, {"attempt", attempt}};
  if (!method.empty()) header["method"] = method;
  return Dump(header);
}

std::string CancelHeader(const std::string& call_id, CancelReason reason) {
  return Dump(
      {{"t", "cancel"}, {"id", call_id}, {"reason", reason == CancelReason::kTimeout ? "timeout" : "cancelled"}});
}

std::string ExitHeader() { return R"({"t":"exit"})"; }

Result<RunnerMessage> ParseRunnerHeader(std::string_view header) {
  json parsed = ParseObject(header);
  if (!parsed.is_object()) return Fail(Code::kDataLoss, "the runner sent a header that is no JSON object");
  auto kind = KindOf(Text(parsed, "t"));
  if (!kind) return Fail(Code::kDataLoss, "the runner sent a message of an unknown kind");
  RunnerMessage message;
  message.kind = *kind;
  message.call_id = Text(parsed, "id");
  message.attempt = Count(parsed, "attempt");
  message.item_index = Count(parsed, "index");
  message.run_ms = std::max(Number(parsed, "run_ms"), 0.0);
  message.cancelled = Flag(parsed, "cancelled");
  message.reason = Text(parsed, "reason").substr(0, kMaxReasonBytes);
  if (Text(parsed, "stream") == "stderr") message.stream = burrow::v1::LOG_STREAM_STDERR;
  if (auto error = parsed.find("error"); error != parsed.end() && error->is_object()) message.error = ReadError(*error);
  return message;
}

}  // namespace burrow::worker
