// The config file of the SDK and CLI: {"url", "token"}, mode 0600.
#pragma once

#include <string>

#include "base/error.h"

namespace burrow::cmd {

// $BURROW_CONFIG, else ~/.config/burrow/config.json of the user who runs burrowd.
std::string DefaultClientConfigPath();
// Written atomically; missing directories are made with mode 0700.
Status WriteClientConfig(const std::string& path, const std::string& url, const std::string& token);

}  // namespace burrow::cmd
