// /blobs/pack: many blobs in one request, as docs/pack-format.md says. POST sends those that are asked for, in order;
// PUT stores those of a pack. On the IoContext's thread, disk work and compression on the pool.
#pragma once

#include "cas/blob_store.h"
#include "net/blocking_pool.h"
#include "net/http_server.h"

namespace burrow::api {

class PackEndpoint {
 public:
  // Neither is owned.
  PackEndpoint(cas::BlobStore& store, net::BlockingPool& pool) : store_(store), pool_(pool) {}

  net::Task<void> Handle(net::HttpExchange& exchange);

 private:
  net::Task<void> Send(net::HttpExchange& exchange);
  net::Task<Status> Receive(net::HttpExchange& exchange);

  cas::BlobStore& store_;
  net::BlockingPool& pool_;
};

}  // namespace burrow::api
