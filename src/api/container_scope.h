// What functions in containers may ask of the API: their worker hands their requests on with its own token and names
// the container. Pure.
#pragma once

#include <string_view>

namespace burrow::api {

// The header in which a worker names the container that asks. From anybody else it means nothing.
inline constexpr std::string_view kContainerHeader = "Burrow-Container";

// Calls, what finds functions to call, and single blobs by digest, in which large values travel.
bool CallersMay(std::string_view path);
// All that, volumes, and how functions scale: one that is called by a schedule warms others.
bool ContainersMay(std::string_view path);

}  // namespace burrow::api
