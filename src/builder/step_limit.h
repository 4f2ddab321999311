// How long a step may take. Pure.
#pragma once

#include <chrono>
#include <string>

#include "burrow/link/v1/link.pb.h"

namespace burrow::builder {

// From its beginning on the worker: the step's own bound, or 30 minutes.
std::chrono::milliseconds StepLimit(const burrow::link::v1::BuildStep& step);

// "the step did not end within 1800 s", and how it gets more time.
std::string DescribeOverrun(const burrow::link::v1::BuildStep& step);

}  // namespace burrow::builder
