// Whether the API's address is free, asked before anything is made for it.
#pragma once

#include <string>

#include "cmd/options.h"

namespace burrow::cmd {

// kFailedPrecondition with what to do where the address is taken or is none of this machine's. Free may be taken a
// moment later: who listens finds out.
Status CheckAddressIsFree(const Address& address);

// The same where `state_directory` is missing or empty, so that a first start that cannot listen leaves nothing there.
// Where it holds something, an earlier process may still be leaving the address.
Status CheckFirstStart(const std::string& state_directory, const Address& address);

}  // namespace burrow::cmd
