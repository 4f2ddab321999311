// COPY and ADD once their variables are expanded. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "dockerfile/instruction.h"

namespace burrow::dockerfile {

// "http://" or "https://".
bool IsUrl(std::string_view source);

// Makes the destination absolute and checks what sources, flags and checksum say together. kInvalidArgument in a plain
// sentence.
Status SettleCopy(Copy& copy, const std::string& workdir);

}  // namespace burrow::dockerfile
