#include "oci/config_document.h"

#include "oci/date_time.h"
#include "oci/json_members.h"
#include "oci/manifest.h"

namespace burrow::oci {
namespace {

using nlohmann::json;

constexpr const char* kEpoch = "1970-01-01T00:00:00Z";
constexpr const char* kExported = "burrow image export";

Result<std::optional<HealthCheck>> ParseHealthCheck(const json& object) {
  std::optional<HealthCheck> parsed;
  if (object.is_null()) return parsed;
  HealthCheck check;
  BURROW_ASSIGN_OR_RETURN(check.test, Texts(object, "Test"));
  BURROW_ASSIGN_OR_RETURN(check.interval_ns, Number(object, "Interval", INT64_MAX));
  BURROW_ASSIGN_OR_RETURN(check.timeout_ns, Number(object, "Timeout", INT64_MAX));
  BURROW_ASSIGN_OR_RETURN(check.start_period_ns, Number(object, "StartPeriod", INT64_MAX));
  BURROW_ASSIGN_OR_RETURN(check.start_interval_ns, Number(object, "StartInterval", INT64_MAX));
  BURROW_ASSIGN_OR_RETURN(uint64_t retries, Number(object, "Retries", INT32_MAX));
  check.retries = static_cast<uint32_t>(retries);
  parsed = std::move(check);
  return parsed;
}

// What is missing or odd in it does not matter to anybody who runs the image.
Result<std::vector<HistoryEntry>> ParseHistory(const json& list) {
  std::vector<HistoryEntry> history;
  if (!list.is_array()) return history;
  if (list.size() > kMaxJsonItems) return Fail(Code::kInvalidArgument, "the image's history is too long");
  for (const json& item : list) {
    const json& empty = Member(item, "empty_layer");
    history.push_back({.created_by = Text(item, "created_by"),
                       .empty_layer = empty.is_boolean() && empty.get<bool>(),
                       .created_ms = ParseDateTime(Text(item, "created")).value_or(0)});
  }
  return history;
}

void ParseLabels(const json& labels, ImageConfig& config) {
  if (!labels.is_object()) return;
  for (const auto& [name, value] : labels.items()) {
    if (value.is_string()) config.labels.emplace(name, value.get<std::string>());
  }
}

Status ParseProcess(const json& object, ImageConfig& config) {
  BURROW_ASSIGN_OR_RETURN(config.env, Texts(object, "Env"));
  BURROW_ASSIGN_OR_RETURN(config.entrypoint, Texts(object, "Entrypoint"));
  BURROW_ASSIGN_OR_RETURN(config.cmd, Texts(object, "Cmd"));
  BURROW_ASSIGN_OR_RETURN(config.exposed_ports, Keys(object, "ExposedPorts"));
  BURROW_ASSIGN_OR_RETURN(config.volumes, Keys(object, "Volumes"));
  BURROW_ASSIGN_OR_RETURN(config.healthcheck, ParseHealthCheck(Member(object, "Healthcheck")));
  BURROW_ASSIGN_OR_RETURN(config.on_build, Texts(object, "OnBuild"));
  BURROW_ASSIGN_OR_RETURN(config.shell, Texts(object, "Shell"));
  config.workdir = Text(object, "WorkingDir");
  config.user = Text(object, "User");
  config.stop_signal = Text(object, "StopSignal");
  ParseLabels(Member(object, "Labels"), config);
  return {};
}

json HealthCheckJson(const HealthCheck& check) {
  json object = {{"Test", check.test}};
  if (check.interval_ns > 0) object["Interval"] = check.interval_ns;
  if (check.timeout_ns > 0) object["Timeout"] = check.timeout_ns;
  if (check.start_period_ns > 0) object["StartPeriod"] = check.start_period_ns;
  if (check.start_interval_ns > 0) object["StartInterval"] = check.start_interval_ns;
  if (check.retries > 0) object["Retries"] = check.retries;
  return object;
}

json SetJson(const std::vector<std::string>& keys) {
  json object = json::object();
  for (const std::string& key : keys) object[key] = json::object();
  return object;
}

json ProcessJson(const ImageConfig& config) {
  json process = json::object();
  if (!config.env.empty()) process["Env"] = config.env;
  if (!config.entrypoint.empty()) process["Entrypoint"] = config.entrypoint;
  if (!config.cmd.empty()) process["Cmd"] = config.cmd;
  if (!config.workdir.empty()) process["WorkingDir"] = config.workdir;
  if (!config.user.empty()) process["User"] = config.user;
  if (!config.labels.empty()) process["Labels"] = config.labels;
  if (!config.exposed_ports.empty()) process["ExposedPorts"] = SetJson(config.exposed_ports);
  if (!config.volumes.empty()) process["Volumes"] = SetJson(config.volumes);
  if (!config.stop_signal.empty()) process["StopSignal"] = config.stop_signal;
  if (config.healthcheck) process["Healthcheck"] = HealthCheckJson(*config.healthcheck);
  if (!config.on_build.empty()) process["OnBuild"] = config.on_build;
  if (!config.shell.empty()) process["Shell"] = config.shell;
  return process;
}

json HistoryJson(const std::vector<HistoryEntry>& history) {
  json list = json::array();
  size_t last = history.size();
  for (size_t i = 0; i < history.size(); ++i) {
    if (!history[i].empty_layer) last = i;
  }
  for (size_t i = 0; i < history.size(); ++i) {
    json entry = {{"created", history[i].created_ms > 0 ? FormatDateTime(history[i].created_ms) : kEpoch},
                  {"created_by", history[i].created_by}};
    if (i != last) entry["empty_layer"] = true;
    list.push_back(std::move(entry));
  }
  if (last == history.size()) list.push_back({{"created", kEpoch}, {"created_by", kExported}});
  return list;
}

}  // namespace

Result<ConfigDocument> ParseConfig(std::string_view text) {
  BURROW_ASSIGN_OR_RETURN(json document, ParseJson(text, "the image's configuration"));
  ConfigDocument parsed;
  BURROW_ASSIGN_OR_RETURN(auto diff_ids, Texts(Member(document, "rootfs"), "diff_ids"));
  for (const std::string& diff_id : diff_ids) {
    BURROW_ASSIGN_OR_RETURN(cas::Digest digest, ParseDigest(diff_id));
    parsed.diff_ids.push_back(digest);
  }
  BURROW_RETURN_IF_ERROR(ParseProcess(Member(document, "config"), parsed.config));
  BURROW_ASSIGN_OR_RETURN(parsed.config.history, ParseHistory(Member(document, "history")));
  parsed.config.author = Text(document, "author");
  return parsed;
}

std::string ConfigText(const ImageConfig& config, const cas::Digest& diff_id) {
  Platform platform = OwnPlatform();
  json document = {{"architecture", platform.architecture},
                   {"os", platform.os},
                   {"created", kEpoch},
                   {"config", ProcessJson(config)},
                   {"rootfs", {{"type", "layers"}, {"diff_ids", {"sha256:" + diff_id.Hex()}}}},
                   {"history", HistoryJson(config.history)}};
  if (!platform.variant.empty()) document["variant"] = platform.variant;
  if (!config.author.empty()) document["author"] = config.author;
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace burrow::oci
