// What an image says about the processes that are started from it, and about how it was made.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace burrow::oci {

// How a runtime asks whether a container is well. Times of 0: the runtime's defaults.
struct HealthCheck {
  std::vector<std::string> test;  // {"NONE"}, {"CMD", ...} or {"CMD-SHELL", command}
  uint64_t interval_ns = 0, timeout_ns = 0, start_period_ns = 0, start_interval_ns = 0;
  uint32_t retries = 0;
};

struct HistoryEntry {
  std::string created_by;
  bool empty_layer = false;  // it changed no file
  uint64_t created_ms = 0;   // 0: nobody says
};

struct ImageConfig {
  std::vector<std::string> env;  // NAME=value
  std::vector<std::string> entrypoint, cmd;
  std::string workdir, user;
  std::map<std::string, std::string> labels;
  std::vector<std::string> exposed_ports;  // "80/tcp"; each once
  std::vector<std::string> volumes;        // each once
  std::string stop_signal;
  std::optional<HealthCheck> healthcheck;
  std::vector<std::string> on_build;
  std::vector<std::string> shell;
  std::string author;
  std::vector<HistoryEntry> history;  // oldest first
};

}  // namespace burrow::oci
