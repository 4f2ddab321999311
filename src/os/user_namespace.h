// Namespaces that a process without privileges may join when it is given their descriptors. Blocking; any thread.
#pragma once

#include "base/error.h"
#include "base/unique_fd.h"

namespace burrow::os {

// A user namespace in which every user and group id is what it is outside, and an empty network namespace that belongs
// to it: loopback, down. Root outside of it may join it, and then what belongs to it, without any capability. Both are
// gone with their last user.
struct UserNamespace {
  UniqueFd user, network;
};
// Fails with the kernel's reason where user namespaces are not to be had.
Result<UserNamespace> CreateUserNamespace();

}  // namespace burrow::os
