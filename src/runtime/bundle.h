// The OCI bundle of one container: its config.json and the few files that are mounted over the image's. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "runtime/container.h"

namespace burrow::runtime {

// What the runtime has prepared by the time the config is written.
struct BundlePaths {
  std::string rootfs;
  std::string network_namespace;  // a path that opens it
  std::string user_namespace;     // likewise; empty: the host's
  bool restore_nodev = false;     // the engine takes it from the root's mount
  std::string cgroup;             // below each hierarchy's top; empty: the engine leaves cgroups alone
  uint64_t open_files = 0;        // the daemon's own hard limit, which the container's may not exceed
  std::vector<Bind> binds;        // the generated files, before the container's own
};

nlohmann::json MakeOciConfig(const ContainerOptions& options, const BundlePaths& paths);
// /etc/hosts; `address` may be empty.
std::string MakeHosts(const std::string& hostname, const std::string& address);
// resolv.conf as a container can use it: without name servers on loopback, which is another one there. Tells whether
// one is left.
struct ResolvConf {
  std::string text;
  bool usable = false;
};
ResolvConf MakeResolvConf(std::string_view host_text);

// kInvalidArgument where a name, path or descriptor list is not what container.h asks for.
Status CheckOptions(const ContainerOptions& options);

}  // namespace burrow::runtime
