// What an image says about the processes that are started from it.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace burrow::oci {

struct ImageConfig {
  std::vector<std::string> env;  // NAME=value
  std::vector<std::string> entrypoint, cmd;
  std::string workdir, user;
  std::map<std::string, std::string> labels;
};

}  // namespace burrow::oci
