// /blobs/pack: many blobs in one request, as docs/pack-format.md says. POST sends those that are asked for, in order;
// PUT stores those of a pack. On the IoContext's thread, disk work and compression on the pool.
#pragma once

#include <functional>
#include <string>

#include "api/pack_cache.h"
#include "cas/blob_store.h"
#include "net/blocking_pool.h"
#include "net/http_server.h"

namespace burrow::api {

class PackEndpoint {
 public:
  // Nothing is owned; without a cache each pack is made anew.
  PackEndpoint(cas::BlobStore& store, net::BlockingPool& pool, PackCache* cache)
      : store_(store), pool_(pool), cache_(cache) {}

  net::Task<void> Handle(net::HttpExchange& exchange);

 private:
  net::Task<void> Send(net::HttpExchange& exchange);
  // A pack in pieces, each made on the pool: empty at the end.
  using NextPiece = std::function<Result<std::string>()>;
  net::Task<void> Stream(net::HttpExchange& exchange, NextPiece next);
  net::Task<Status> Receive(net::HttpExchange& exchange);

  cas::BlobStore& store_;
  net::BlockingPool& pool_;
  PackCache* cache_;
};

}  // namespace burrow::api
