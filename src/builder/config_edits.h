// Instructions that change what an image says of its processes, and nothing in its tree. Pure.
#pragma once

#include "base/error.h"
#include "burrow/link/v1/link.pb.h"
#include "burrow/v1/images.pb.h"
#include "dockerfile/expand_stage.h"

namespace burrow::builder {

// Whether the instruction is one of them: ENV, LABEL, USER, EXPOSE, VOLUME, STOPSIGNAL, SHELL, ENTRYPOINT, CMD,
// HEALTHCHECK, ONBUILD, MAINTAINER.
bool ChangesConfigurationOnly(const dockerfile::Instruction& instruction);

// `instruction` is one of them, or WORKDIR (whose directory is the tree's affair). Docker's rules: ENV replaces in
// place or comes last, ENTRYPOINT takes a CMD of the base away, HEALTHCHECK NONE, lists of ports and volumes grow.
// `base_cmd`: the CMD was inherited and no instruction of this stage has set it yet.
Status ApplyConfiguration(burrow::link::v1::Image& image, const dockerfile::ExpandedInstruction& instruction,
                          bool base_cmd);

// The same for a recipe's StartStep.
Status ApplyStart(burrow::link::v1::Image& image, const burrow::v1::StartStep& step, bool base_cmd);

}  // namespace burrow::builder
