// The HTTP client of blobs against the real server, over stores with files and without.
#include <gtest/gtest.h>

#include <filesystem>

#include "api/server.h"
#include "cas/disk_blob_store.h"
#include "cas/http_blob_store.h"
#include "cas/pack.h"
#include "cas/testing/temporary_directory.h"
#include "net/http_client.h"
#include "net/testing/loop_thread.h"

namespace burrow::api {
namespace {

// A directory that hides that it has files, as packs and object stores have none.
class FilelessStore final : public cas::BlobStore {
 public:
  explicit FilelessStore(cas::BlobStore& store) : store_(store) {}
  Result<bool> Has(const cas::Digest& digest) override { return store_.Has(digest); }
  Result<std::vector<cas::Digest>> Missing(const std::vector<cas::Digest>& digests) override {
    return store_.Missing(digests);
  }
  Result<uint64_t> Size(const cas::Digest& digest) override { return store_.Size(digest); }
  Status Get(const cas::Digest& digest, const cas::BlobSink& sink) override { return store_.Get(digest, sink); }
  Status GetRange(const cas::Digest& digest, uint64_t offset, uint64_t length, const cas::BlobSink& sink) override {
    return store_.GetRange(digest, offset, length, sink);
  }
  Status Put(const cas::Digest& digest, std::string_view data) override { return store_.Put(digest, data); }
  Status PutFile(const cas::Digest& digest, int fd) override { return store_.PutFile(digest, fd); }
  Result<std::unique_ptr<cas::BlobWriter>> StartBlob() override { return store_.StartBlob(); }
  Status Sync() override { return store_.Sync(); }
  Status Remove(const cas::Digest& digest) override { return store_.Remove(digest); }
  Status List(const cas::BlobVisitor& visit) override { return store_.List(visit); }

 private:
  cas::BlobStore& store_;
};

class BlobTransfer : public ::testing::TestWithParam<bool> {
 protected:
  BlobTransfer() {
    loop_.Do([this] {
      ServerOptions options;
      options.authenticate = [](std::string_view token) {
        return Caller{token == "t" ? Access::kWorker : Access::kNone, {}};
      };
      options.blobs = GetParam() ? static_cast<cas::BlobStore*>(disk_.get()) : &fileless_;
      options.packs = &packs_;
      options.pool = &pool_;
      server_ = Server::Start(loop_.io(), gateway_, std::move(options)).value();
    });
    client_ = cas::NewHttpBlobStore({.url = url(), .token = "t", .deadline = std::chrono::seconds(5)});
  }
  ~BlobTransfer() override {
    loop_.Do([this] { server_->Stop(); });
    loop_.Join();
  }
  std::string url() const { return fmt::format("http://127.0.0.1:{}", server_->port()); }
  net::HttpResponse Send(std::string method, std::string_view body) {
    net::HttpRequest request{.method = std::move(method), .url = url() + cas::kPackPath, .body = body};
    request.headers = {"Authorization: Bearer t"};
    return net::HttpClient().Perform(request).value();
  }

  cas::testing::TemporaryDirectory directory_;
  std::unique_ptr<cas::DiskBlobStore> disk_ = cas::DiskBlobStore::Open(directory_.path()).value();
  FilelessStore fileless_{*disk_};
  PackCache packs_{{.directory = directory_.path(), .least_bytes = 1, .keep_free = 0}};
  Gateway gateway_;
  net::testing::LoopThread loop_;
  net::BlockingPool pool_{2};
  std::unique_ptr<Server> server_;
  std::unique_ptr<cas::BlobStore> client_;
};
INSTANTIATE_TEST_SUITE_P(Stores, BlobTransfer, ::testing::Bool());

TEST_P(BlobTransfer, APackThatSeveralNodesAskForIsMadeTwiceAtMost) {
  std::string digests, absent;
  for (size_t i = 0; i < 50; ++i) {
    const std::string content(100'000 + i, 'b');
    const auto digest = cas::Digest::Of(content);
    ASSERT_TRUE(disk_->Put(digest, content));
    digests.append(reinterpret_cast<const char*>(digest.bytes().data()), cas::Digest::kSize);
  }
  const std::string first = Send("POST", digests).body;
  EXPECT_EQ(Send("POST", digests).body, first);
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
    if (entry.path().filename().string().size() == 2) std::filesystem::remove_all(entry.path());
  }
  EXPECT_EQ(Send("POST", digests).body, first);
  EXPECT_NE(Send("POST", digests.substr(cas::Digest::kSize)).body, first);
}

TEST_P(BlobTransfer, APackThatLacksABlobIsMadeAgain) {
  const std::string content(100'000, 'b');
  const auto digest = cas::Digest::Of(content);
  const std::string asked(reinterpret_cast<const char*>(digest.bytes().data()), cas::Digest::kSize);
  const std::string empty = Send("POST", asked).body;
  EXPECT_EQ(Send("POST", asked).body, empty);
  ASSERT_TRUE(disk_->Put(digest, content));
  EXPECT_NE(Send("POST", asked).body, empty);
}

TEST_P(BlobTransfer, BringsBlobsOfAnySize) {
  for (size_t size : {size_t{0}, size_t{10}, size_t{60'000}, size_t{1u << 20}, size_t{5'000'000}}) {
    std::string content(size, 'b');
    auto digest = cas::Digest::Of(content);
    ASSERT_TRUE(client_->Put(digest, content)) << size;
    EXPECT_EQ(client_->Size(digest).value(), size);
    EXPECT_EQ(cas::GetAll(*client_, digest, size).value(), content) << size;
    if (size < 10) continue;
    std::string part;
    ASSERT_TRUE(client_->GetRange(digest, 3, size - 5, [&](std::string_view data) -> Status {
      part += data;
      return {};
    }));
    EXPECT_EQ(part, content.substr(3, size - 5));
  }
  EXPECT_EQ(client_->Size(cas::Digest::Of("absent")).error().code(), Code::kNotFound);
}

TEST_P(BlobTransfer, BringsManyInOrder) {
  std::vector<std::string> contents;
  std::vector<cas::BlobBytes> blobs;
  std::vector<cas::Digest> digests;
  for (int i = 0; i < 3'000; ++i) {
    contents.push_back(std::to_string(i) + std::string(static_cast<size_t>(i * 7 % 5'000), 'm'));
  }
  contents[1'000] = std::string(3'000'000, 'l');
  for (const auto& content : contents) {
    digests.push_back(cas::Digest::Of(content));
    blobs.push_back({digests.back(), content});
  }
  ASSERT_TRUE(client_->PutMany(blobs));
  std::string too_large(cas::kManyLimit + 1, 't');
  ASSERT_TRUE(client_->Put(cas::Digest::Of(too_large), too_large));
  auto wanted = digests;
  std::vector<cas::Digest> others = {cas::Digest::Of("absent"), cas::Digest::Of(too_large)};
  wanted.insert(wanted.begin() + 5, others.begin(), others.end());
  std::vector<cas::Digest> seen;
  auto rest = client_->GetMany(wanted,
                               [&](const cas::Digest& digest, std::string_view data) -> Status {
                                 EXPECT_EQ(cas::Digest::Of(data), digest);
                                 seen.push_back(digest);
                                 return {};
                               },
                               {});
  ASSERT_TRUE(rest) << rest.error().message();
  EXPECT_EQ(*rest, others);
  EXPECT_EQ(seen, digests);
}

TEST_P(BlobTransfer, RefusesWhatIsNoPack) {
  EXPECT_EQ(Send("PUT", "no pack at all").status, 400);
  EXPECT_EQ(Send("PUT", "").status, 400);
  EXPECT_EQ(Send("POST", "not of 32").status, 400);
  EXPECT_EQ(Send("GET", "").status, 405);
  std::string pack;
  cas::PackWriter writer({}, [&](std::string_view data) -> Status {
    pack += data;
    return {};
  });
  ASSERT_TRUE(writer.Add(cas::Digest::Of("a"), "a"));
  ASSERT_TRUE(writer.Add(cas::Digest::Of("b"), "other"));
  ASSERT_TRUE(writer.Finish());
  EXPECT_EQ(Send("PUT", pack).status, 400);
  EXPECT_FALSE(client_->Has(cas::Digest::Of("b")).value());
  EXPECT_EQ(Send("PUT", std::string_view(pack).substr(0, pack.size() - 1)).status, 400) << "cut off";
  EXPECT_EQ(Send("POST", std::string(32 * (cas::kMaxPackDigests + 1), 'x')).status, 400);
}

TEST_P(BlobTransfer, GoesOnAfterALargeBlobBrokeOff) {
  std::string content(6'000'000, 'x');
  auto digest = cas::Digest::Of(content);
  ASSERT_TRUE(disk_->Put(digest, content));
  Status status = client_->Get(digest, [](std::string_view) -> Status { return Fail(Code::kAborted, "enough"); });
  EXPECT_EQ(status.error().code(), Code::kAborted);
  EXPECT_EQ(cas::GetAll(*client_, digest, content.size()).value(), content);
}

}  // namespace
}  // namespace burrow::api
