#include "cmd/client_config.h"

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "os/fs.h"

namespace burrow::cmd {

std::string DefaultClientConfigPath() {
  if (const char* path = std::getenv("BURROW_CONFIG")) return path;
  const char* home = std::getenv("HOME");
  return std::string(home ? home : "/root") + "/.config/burrow/config.json";
}

Status WriteClientConfig(const std::string& path, const std::string& url, const std::string& token) {
  std::string directory = std::filesystem::path(path).parent_path();
  if (!directory.empty()) BURROW_RETURN_IF_ERROR(os::MakeDirectories(directory, 0700));
  nlohmann::json config = {{"url", url}, {"token", token}};
  return os::WriteFileAtomically(path, config.dump(2) + "\n", 0600);
}

}  // namespace burrow::cmd
