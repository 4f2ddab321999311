#include "imagefs/config.h"

#include <sys/mman.h>

#include <nlohmann/json.hpp>

#include "os/fs.h"

namespace burrow::imagefs {
namespace {

constexpr size_t kMaxConfig = 1u << 20;

Result<std::string> ReadWhole(int fd) {
  std::string text(kMaxConfig, '\0');
  ssize_t n = ::pread(fd, text.data(), text.size(), 0);
  if (n < 0) return FailErrno("read the configuration");
  text.resize(static_cast<size_t>(n));
  return text;
}

}  // namespace

Result<UniqueFd> WriteConfig(const Config& config) {
  auto connections = nlohmann::json::array();
  for (const ConnectionConfig& connection : config.connections) {
    connections.push_back({{"fd", connection.fd},
                           {"slots_fd", connection.slots_fd},
                           {"journal", connection.journal},
                           {"hook", connection.hook},
                           {"xattrs", connection.kind == ImageKind::kWithXattrs},
                           {"no_open", connection.features.no_open},
                           {"no_opendir", connection.features.no_opendir}});
  }
  nlohmann::json json{{"cache_directory", config.cache_directory},
                      {"blob_url", config.blob_url},
                      {"token", config.token},
                      {"fetch_deadline_ms", config.fetch_deadline.count()},
                      {"overflow_directory", config.overflow_directory},
                      {"signals_fd", config.signals_fd},
                      {"accesses_fd", config.accesses_fd},
                      {"ready_fd", config.ready_fd},
                      {"resume", config.resume},
                      {"connections", std::move(connections)}};
  UniqueFd fd(::memfd_create("imagefs-config", MFD_CLOEXEC));
  if (!fd.valid()) return FailErrno("make a file for the configuration");
  BURROW_RETURN_IF_ERROR(os::WriteAll(fd.get(), json.dump()));
  return fd;
}

Result<Config> ReadConfig(int fd) {
  BURROW_ASSIGN_OR_RETURN(std::string text, ReadWhole(fd));
  try {
    auto json = nlohmann::json::parse(text);
    Config config{.cache_directory = json.at("cache_directory"),
                  .blob_url = json.at("blob_url"),
                  .token = json.at("token"),
                  .fetch_deadline = std::chrono::milliseconds(json.at("fetch_deadline_ms").get<int64_t>()),
                  .overflow_directory = json.at("overflow_directory"),
                  .signals_fd = json.at("signals_fd"),
                  .accesses_fd = json.at("accesses_fd"),
                  .ready_fd = json.at("ready_fd"),
                  .resume = json.at("resume")};
    for (const auto& item : json.at("connections")) {
      config.connections.push_back({.fd = item.at("fd"),
                                    .slots_fd = item.at("slots_fd"),
                                    .journal = item.at("journal"),
                                    .hook = item.at("hook"),
                                    .kind = item.at("xattrs").get<bool>() ? ImageKind::kWithXattrs : ImageKind::kPlain,
                                    .features = {.no_open = item.at("no_open"), .no_opendir = item.at("no_opendir")}});
    }
    return config;
  } catch (const nlohmann::json::exception&) {
    return Fail(Code::kInvalidArgument, "descriptor {} holds no configuration; imagefs is started by the worker", fd);
  }
}

}  // namespace burrow::imagefs
