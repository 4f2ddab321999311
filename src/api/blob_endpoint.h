// /blobs/<digest>: HEAD, GET with Range, PUT; /blobs/pack; and burrow.v1.Blobs/Missing. On the IoContext's thread, disk
// work on the pool.
#pragma once

#include <string_view>

#include "api/byte_range.h"
#include "api/gateway.h"
#include "api/pack_endpoint.h"
#include "cas/blob_store.h"
#include "net/blocking_pool.h"
#include "net/http_server.h"

namespace burrow::api {

class BlobEndpoint {
 public:
  static constexpr std::string_view kPrefix = "/blobs/";

  // Nothing is owned; `packs` may be absent.
  BlobEndpoint(cas::BlobStore& store, net::BlockingPool& pool, PackCache* packs)
      : store_(store), pool_(pool), packs_(store, pool, packs) {}

  net::Task<void> Handle(net::HttpExchange& exchange);
  void Register(Gateway& gateway);

 private:
  net::Task<void> Get(net::HttpExchange& exchange, const cas::Digest& digest);
  net::Task<Status> SendPieces(net::HttpExchange& exchange, const cas::Digest& digest, int status, ByteRange range);
  net::Task<void> Put(net::HttpExchange& exchange, const cas::Digest& digest);
  net::Task<Status> Receive(net::HttpExchange& exchange, const cas::Digest& digest);

  cas::BlobStore& store_;
  net::BlockingPool& pool_;
  PackEndpoint packs_;
};

}  // namespace burrow::api
