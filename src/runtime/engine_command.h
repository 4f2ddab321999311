// What an engine is told: command lines of crun, runc and runsc. Pure.
#pragma once

#include <string>
#include <vector>

#include "runtime/engine.h"

namespace burrow::runtime {

// Where the engine writes the number of the process that it started, and its log.
std::string PidFile(const EngineRun& run);
std::string LogFile(const EngineRun& run);

// `program` is the engine's path.
std::vector<std::string> RunCommand(const EngineRun& run, const std::string& program);
std::vector<std::string> SignalCommand(const EngineProcess& process, int signal, const std::string& program);

}  // namespace burrow::runtime
