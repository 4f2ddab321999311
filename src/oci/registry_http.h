// How a registry is asked: every wait for a host has an end, and who is waited for is known meanwhile. Private to this
// module.
#pragma once

#include <chrono>
#include <list>
#include <mutex>
#include <stop_token>
#include <string>

#include "net/http_client.h"

namespace burrow::oci {

struct RegistryPatience {
  std::chrono::milliseconds connect{10'000};  // the name, the connection and TLS, of one request
  std::chrono::milliseconds silence{15'000};  // without a byte, of one request
  std::chrono::milliseconds whole{30'000};    // without a byte, over all attempts
};

// Thread-safe, but for the waits.
class RegistryHttp {
 public:
  explicit RegistryHttp(RegistryPatience patience) : patience_(patience) {}

  // One document or layer that is waited for, over all hosts and attempts. One thread; outlived by the RegistryHttp.
  class Wait {
   public:
    Wait(RegistryHttp& http, std::string host, std::stop_token stop);
    ~Wait();
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

    // One request, which ends at give_up at the latest. kCancelled after a stop; kUnavailable names the host.
    Result<net::HttpResponse> Perform(net::HttpRequest request);
    // When all attempts have an end.
    std::chrono::steady_clock::time_point give_up() const { return since_ + http_.patience_.whole; }
    std::chrono::steady_clock::duration lasted() const { return std::chrono::steady_clock::now() - since_; }
    // Something of use came: the patience begins anew with the last byte.
    void Renew();
    bool stopped() const { return stop_.stop_requested(); }
    const std::stop_token& stop() const { return stop_; }

   private:
    friend class RegistryHttp;
    void Hear();

    RegistryHttp& http_;
    const std::stop_token stop_;
    std::chrono::steady_clock::time_point since_;  // of the patience
    std::string host_;                             // guarded by http_.mutex_, as what follows
    std::chrono::steady_clock::time_point heard_;
    std::list<Wait*>::iterator place_;
  };

  // The host that is waited for, where none of those waited for has been heard of for `least`; else empty.
  std::string SilentHost(std::chrono::milliseconds least = std::chrono::milliseconds(2'000)) const;

 private:
  const RegistryPatience patience_;
  net::HttpClient http_;
  mutable std::mutex mutex_;
  std::list<Wait*> waits_;  // guarded by mutex_
};

}  // namespace burrow::oci
