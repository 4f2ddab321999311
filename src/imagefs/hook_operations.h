// The operations of the hook connection: overlays ask it for content that is in no other layer yet.
//
// In a hook layer, LOOKUP of a blob's path fetches the blob, links it, and answers that there is no such file, which
// makes overlay look into the next layer, where the blob now is. Only a large file that is not here as a whole gets a
// node of its own, which streams it. Where the fetch fails, overlay ends in the error layer, which answers EIO. Nothing
// negative is remembered: the next open asks again.
#pragma once

#include "imagefs/dispatch.h"

namespace burrow::imagefs {

Answer HookLookup(Session& session, const Request& request, ReplyBuffer& reply);
Answer HookGetattr(Session& session, const Request& request, ReplyBuffer& reply);
Answer HookRead(Session& session, const Request& request, ReplyBuffer& reply);
Answer HookReaddir(Session& session, const Request& request, ReplyBuffer& reply);  // directories look empty
Answer HookStatfs(Session& session, const Request& request, ReplyBuffer& reply);

}  // namespace burrow::imagefs
