// Short names of the generated messages, for this module.
#pragma once

#include "burrow/link/v1/link.pb.h"
#include "burrow/v1/apps.pb.h"
#include "burrow/v1/blobs.pb.h"
#include "burrow/v1/call_views.pb.h"
#include "burrow/v1/calls.pb.h"
#include "burrow/v1/common.pb.h"
#include "burrow/v1/deployments.pb.h"
#include "burrow/v1/images.pb.h"
#include "burrow/v1/overview.pb.h"
#include "burrow/v1/secrets.pb.h"
#include "burrow/v1/shells.pb.h"
#include "burrow/v1/tokens.pb.h"
#include "burrow/v1/volumes.pb.h"
#include "burrow/v1/workspaces.pb.h"

namespace burrow::control {

namespace pb = burrow::v1;
namespace lpb = burrow::link::v1;

}  // namespace burrow::control
