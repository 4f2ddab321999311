#include "os/nat.h"

#include <sys/mman.h>
#include <unistd.h>

#include <chrono>

#include "os/fs.h"
#include "os/process.h"

namespace burrow::os {
namespace {

constexpr std::chrono::seconds kDeadline{30};

Result<UniqueFd> InMemory(const std::string& content) {
  UniqueFd fd(memfd_create("rules", MFD_CLOEXEC));
  if (!fd.valid()) return FailErrno("memfd_create");
  BURROW_RETURN_IF_ERROR(WriteAll(fd.get(), content));
  if (lseek(fd.get(), 0, SEEK_SET) != 0) return FailErrno("lseek");
  return fd;
}

Status RunNft(const std::string& rules) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd input, InMemory(rules));
  auto output = Run({.argv = {"nft", "-f", "-"}, .fds = {{input.get(), 0}}}, kDeadline);
  if (!output && output.error().code() == Code::kNotFound) {
    return Fail(Code::kFailedPrecondition, "nft is not installed: apt-get install nftables");
  }
  if (!output) return Forward(std::move(output.error()));
  if (output->status.Success()) return {};
  return Fail(Code::kInternal, "nft refuses the rules of the containers' network: {}",
              output->out.substr(0, output->out.find('\n')));
}

// Adding first makes the deletion succeed where there is none.
std::string DeleteTable(const std::string& tag) {
  return fmt::format("add table inet burrow_{0}\ndelete table inet burrow_{0}\n", tag);
}

}  // namespace

std::string NatRules(const std::string& tag, const std::string& bridge, const std::string& subnet) {
  return DeleteTable(tag) + fmt::format(R"(table inet burrow_{tag} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {subnet} oifname != "{bridge}" masquerade
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname "{bridge}" meta nfproto ipv6 drop
    iifname "{bridge}" ip saddr != {subnet} drop
    iifname "{bridge}" ip daddr 169.254.0.0/16 drop
    oifname "{bridge}" ct state established,related accept
    oifname "{bridge}" drop
  }}
  chain input {{
    type filter hook input priority filter; policy accept;
    iifname "{bridge}" drop
  }}
}}
)",
                                        fmt::arg("tag", tag), fmt::arg("bridge", bridge), fmt::arg("subnet", subnet));
}

Status InstallNat(const std::string& tag, const std::string& bridge, const std::string& subnet) {
  return RunNft(NatRules(tag, bridge, subnet));
}

Status RemoveNat(const std::string& tag) { return RunNft(DeleteTable(tag)); }

}  // namespace burrow::os
