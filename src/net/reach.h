// How near an address may be that somebody else named: a machine's own services trust who reaches them. Pure.
#pragma once

#include <sys/socket.h>

namespace burrow::net {

enum class Reach {
  kEverywhere,
  kBeyondLink,     // not the machine's links, where clouds keep their metadata and credentials
  kBeyondMachine,  // nor the machine itself
};

// Of IPv4 and IPv6 addresses, those that hold an IPv4 one included; others are beyond nothing.
bool IsWithinReach(Reach reach, const sockaddr& address);

}  // namespace burrow::net
