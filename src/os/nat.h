// The nftables table of a node's container network. Runs the nft program; blocking; any thread.
#pragma once

#include <string>

#include "base/error.h"

namespace burrow::os {

// Pure: the rules of table "burrow_<tag>", replacing a table of that name.
std::string NatRules(const std::string& tag, const std::string& bridge, const std::string& subnet);
// kFailedPrecondition, saying what to install, where nft is missing.
Status InstallNat(const std::string& tag, const std::string& bridge, const std::string& subnet);
Status RemoveNat(const std::string& tag);

}  // namespace burrow::os
