#include "store/testing/store_contract.h"

#include <gmock/gmock.h>

#include <thread>

namespace burrow::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Bytes as messages have them: zeros, and no valid UTF-8.
const std::string kBytes("\0\xff\x80 bytes\0", 9);

GroupRecord NewGroup(bool closed = false) {
  return {.id = GroupId::New(), .function = FunctionId::New(), .closed = closed};
}
CallRecord NewCall(const GroupRecord& group, uint32_t index, uint64_t created_ms = 1000) {
  return {.id = CallId::New(),
          .function = group.function,
          .group = group.id,
          .index = index,
          .arguments = kBytes,
          .created_ms = created_ms};
}
std::vector<CallRecord> NewCalls(const GroupRecord& group, uint32_t count) {
  std::vector<CallRecord> calls;
  calls.reserve(count);
  for (uint32_t i = 0; i < count; ++i) calls.push_back(NewCall(group, i));
  return calls;
}
std::vector<CallId> IdsOf(const std::vector<CallRecord>& calls) {
  std::vector<CallId> ids;
  ids.reserve(calls.size());
  for (const CallRecord& call : calls) ids.push_back(call.id);
  return ids;
}

TEST_P(StoreContract, IsEmptyAtFirst) {
  EXPECT_THAT(*store().Tokens(), IsEmpty());
  EXPECT_THAT(*store().Apps(), IsEmpty());
  EXPECT_THAT(*store().Functions(), IsEmpty());
  EXPECT_THAT(*store().Images(), IsEmpty());
  EXPECT_THAT(*store().QueuedCalls(), IsEmpty());
  EXPECT_FALSE(store().FindCall(kDefaultWorkspace, CallId::New())->has_value());
  EXPECT_FALSE(store().FindGroup(kDefaultWorkspace, GroupId::New())->has_value());
  EXPECT_FALSE(store().FindStep("key")->has_value());
}

TEST_P(StoreContract, KeepsTheNewestHotSetsOfEachWorkspace) {
  const HotSetRecord theirs{
      .workspace = "other", .app = "a", .function = "f", .image = "i", .updated_ms = 1, .hot_set = "theirs"};
  ASSERT_TRUE(store().PutHotSet(theirs));
  HotSetRecord record{.workspace = kDefaultWorkspace, .app = "a", .image = "i", .hot_set = "old"};
  for (uint64_t i = 0; i < kMaxHotSets + 3; ++i) {
    record.function = std::to_string(i);
    record.updated_ms = i + 2;
    auto put = store().PutHotSet(record);
    ASSERT_TRUE(put) << put.error().message();
  }
  record.function = "5";
  record.updated_ms = 10'000;
  record.hot_set = kBytes;
  ASSERT_TRUE(store().PutHotSet(record));
  Reopen();
  const auto sets = *store().HotSets();
  ASSERT_EQ(sets.size(), kMaxHotSets + 1);
  EXPECT_EQ(sets[0].workspace, kDefaultWorkspace);
  EXPECT_EQ(sets[0].app, "a");
  EXPECT_EQ(sets[0].function, "5");
  EXPECT_EQ(sets[0].image, "i");
  EXPECT_EQ(sets[0].updated_ms, 10'000u);
  EXPECT_EQ(sets[0].hot_set, kBytes);
  EXPECT_EQ(sets[kMaxHotSets - 1].function, "3");
  EXPECT_EQ(sets.back().hot_set, "theirs");
}

TEST_P(StoreContract, KeepsHotSetsOfOneNameApart) {
  const HotSetRecord first{.workspace = kDefaultWorkspace, .app = "a", .function = "f", .image = "i"};
  std::vector<HotSetRecord> others(4, first);
  others[0].workspace = "other";
  others[1].app = "b";
  others[2].function = "g";
  others[3].image = "j";
  ASSERT_TRUE(store().PutHotSet(first));
  for (const HotSetRecord& other : others) ASSERT_TRUE(store().PutHotSet(other));
  ASSERT_TRUE(store().PutHotSet(first));
  EXPECT_EQ(store().HotSets()->size(), 5u);
}

TEST_P(StoreContract, KeepsTokensWithTheirRoles) {
  const std::vector<TokenRole> roles = {TokenRole::kAdmin, TokenRole::kWorker, TokenRole::kMember, TokenRole::kCaller};
  for (size_t i = 0; i < roles.size(); ++i) {
    const auto digit = std::to_string(i);
    ASSERT_TRUE(store().PutToken(
        {.id = digit, .name = "n" + digit, .secret_sha256 = "00f" + digit, .role = roles[i], .created_ms = i + 1}));
  }
  Reopen();
  const auto tokens = *store().Tokens();
  ASSERT_EQ(tokens.size(), roles.size());
  for (size_t i = 0; i < roles.size(); ++i) EXPECT_EQ(tokens[i].role, roles[i]);
  EXPECT_EQ(tokens[1].id, "1");
  EXPECT_EQ(tokens[1].name, "n1");
  EXPECT_EQ(tokens[1].secret_sha256, "00f1");
  EXPECT_EQ(tokens[1].created_ms, 2u);
}

TEST_P(StoreContract, ForgetsATokenThatIsDropped) {
  ASSERT_TRUE(store().PutToken({.id = "a", .secret_sha256 = "00ff"}));
  ASSERT_TRUE(store().PutToken({.id = "b", .secret_sha256 = "11ee"}));
  ASSERT_TRUE(store().DropToken("a"));
  ASSERT_TRUE(store().DropToken("unknown"));
  Reopen();
  const auto tokens = *store().Tokens();
  ASSERT_EQ(tokens.size(), 1u);
  EXPECT_EQ(tokens[0].id, "b");
}

TEST_P(StoreContract, GivesAppsOldestFirstAndReplacesById) {
  const AppId young = AppId::New(), old = AppId::New();
  ASSERT_TRUE(store().PutApp({.id = young, .name = "young", .ephemeral = true, .created_ms = 20}));
  ASSERT_TRUE(store().PutApp({.id = old, .name = "old", .created_ms = 10}));
  ASSERT_TRUE(store().PutApp({.id = old, .name = "old", .created_ms = 10, .stopped_ms = 30}));
  Reopen();
  const auto apps = *store().Apps();
  ASSERT_EQ(apps.size(), 2u);
  EXPECT_EQ(apps[0].id, old);
  EXPECT_EQ(apps[0].stopped_ms, 30u);
  EXPECT_FALSE(apps[0].ephemeral);
  EXPECT_EQ(apps[1].name, "young");
  EXPECT_TRUE(apps[1].ephemeral);
}

TEST_P(StoreContract, ReplacesFunctionsById) {
  const AppId app = AppId::New();
  const FunctionId square = FunctionId::New(), cube = FunctionId::New();
  ASSERT_TRUE(store().PutFunctions({{.id = square, .app = app, .name = "square", .spec = "old"},
                                    {.id = cube, .app = app, .name = "cube", .spec = kBytes}}));
  const auto gone = FunctionId::New();
  ASSERT_TRUE(store().PutFunctions({{.id = gone, .app = app, .name = "gone", .spec = "old"}}));
  ASSERT_TRUE(store().PutFunctions({{.id = square, .app = app, .name = "square", .spec = "new"}}, {gone}));
  Reopen();
  const auto functions = *store().Functions();
  ASSERT_EQ(functions.size(), 2u);
  EXPECT_EQ(functions[0].id, square);
  EXPECT_EQ(functions[0].spec, "new");
  EXPECT_EQ(functions[1].app, app);
  EXPECT_EQ(functions[1].name, "cube");
  EXPECT_EQ(functions[1].spec, kBytes);
}

TEST_P(StoreContract, ForgetsAppsWithTheirFunctions) {
  const AppId gone = AppId::New(), kept = AppId::New();
  for (const AppId& app : {gone, kept}) {
    ASSERT_TRUE(store().PutApp({.id = app, .name = "app", .created_ms = 1}));
    ASSERT_TRUE(store().PutFunctions({{.id = FunctionId::New(), .app = app, .name = "f", .spec = kBytes}}));
  }
  ASSERT_TRUE(store().DropApps({gone, AppId::New()}));
  Reopen();
  ASSERT_EQ(store().Apps()->size(), 1u);
  EXPECT_EQ(store().Apps()->at(0).id, kept);
  ASSERT_EQ(store().Functions()->size(), 1u);
  EXPECT_EQ(store().Functions()->at(0).app, kept);
}

TEST_P(StoreContract, KeepsNamesOfImagesAndWhatWasImported) {
  auto first = ImageId::New(), second = ImageId::New();
  ASSERT_TRUE(store().NameImage({kDefaultWorkspace, "tools", first}));
  ASSERT_TRUE(store().NameImage({kDefaultWorkspace, "base", first}));
  ASSERT_TRUE(store().NameImage({kDefaultWorkspace, "tools", second}));
  ASSERT_TRUE(store().PutImported("layer a", "d1"));
  ASSERT_TRUE(store().PutImported("layer a", "d2"));
  Reopen();
  auto names = *store().ImageNames();
  ASSERT_EQ(names.size(), 2u);
  EXPECT_EQ(names[0].name, "base");
  EXPECT_EQ(names[0].image, first);
  EXPECT_EQ(names[1].image, second);
  EXPECT_EQ(*store().FindImported("layer a"), "d2");
  EXPECT_EQ(*store().FindImported("layer b"), std::nullopt);
}

TEST_P(StoreContract, KeepsImagesAndTheStepsThatLedToThem) {
  const ImageId image = ImageId::New();
  ASSERT_TRUE(store().PutImage({.id = image,
                                .image = kBytes,
                                .description = "apt_install python3-sklearn",
                                .files = 41'000,
                                .bytes = 987'000'000'000,
                                .created_ms = 5,
                                .build = "bd-1"}));
  const StepRecord step{.key = "key", .image = kBytes, .files = 3, .bytes = 4, .created_ms = 6};
  ASSERT_TRUE(store().PutStep(step));
  Reopen();
  const auto images = *store().Images();
  ASSERT_EQ(images.size(), 1u);
  EXPECT_EQ(images[0].id, image);
  EXPECT_EQ(images[0].image, kBytes);
  EXPECT_EQ(images[0].description, "apt_install python3-sklearn");
  EXPECT_EQ(images[0].files, 41'000u);
  EXPECT_EQ(images[0].bytes, 987'000'000'000u);
  EXPECT_EQ(images[0].build, "bd-1");
  const auto found = *store().FindStep("key");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->image, kBytes);
  EXPECT_EQ(found->files, 3u);
  EXPECT_EQ(found->bytes, 4u);
  EXPECT_EQ(found->created_ms, 6u);
  EXPECT_FALSE(store().FindStep("other")->has_value());
  ASSERT_TRUE(store().PutStep({.key = "key", .image = "rebuilt"}));
  EXPECT_EQ((*store().FindStep("key"))->image, "rebuilt");
  EXPECT_EQ(store().Steps()->size(), 1u);
}

TEST_P(StoreContract, ForgetsImagesNamesAndSteps) {
  const ImageId kept = ImageId::New(), dropped = ImageId::New();
  for (const ImageId& id : {kept, dropped}) ASSERT_TRUE(store().PutImage({.id = id}));
  ASSERT_TRUE(store().NameImage({kDefaultWorkspace, "kept", kept}));
  ASSERT_TRUE(store().NameImage({kDefaultWorkspace, "dropped", dropped}));
  ASSERT_TRUE(store().PutStep({.key = "a"}));
  ASSERT_TRUE(store().PutStep({.key = "b"}));
  ASSERT_TRUE(store().DropImages({dropped, ImageId::New()}));
  ASSERT_TRUE(store().DropImageNames(kDefaultWorkspace, {"dropped", "unknown"}));
  EXPECT_EQ(*store().DropSteps(""), 2u);
  Reopen();
  ASSERT_EQ(store().Images()->size(), 1u);
  EXPECT_EQ(store().Images()->front().id, kept);
  ASSERT_EQ(store().ImageNames()->size(), 1u);
  EXPECT_EQ(store().ImageNames()->front().name, "kept");
  EXPECT_TRUE(store().Steps()->empty());
}

TEST_P(StoreContract, FindsAnAddedCallWithAllItsFields) {
  const GroupRecord group = NewGroup();
  const CallRecord call = NewCall(group, 7, 1234);
  ASSERT_THAT(*store().AddCalls(group, {call}), ElementsAre(call.id));
  Reopen();
  const auto found = *store().FindCall(kDefaultWorkspace, call.id);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->id, call.id);
  EXPECT_EQ(found->function, group.function);
  EXPECT_EQ(found->group, group.id);
  EXPECT_EQ(found->index, 7u);
  EXPECT_EQ(found->arguments, kBytes);
  EXPECT_EQ(found->state, CallState::kQueued);
  EXPECT_EQ(found->result, "");
  EXPECT_EQ(found->created_ms, 1234u);
  EXPECT_EQ(found->finished_ms, 0u);
}

TEST_P(StoreContract, GivesOnlyNewIdsWhenABatchIsRepeated) {
  const GroupRecord group = NewGroup();
  auto calls = NewCalls(group, 3);
  EXPECT_EQ(*store().AddCalls(group, calls), IdsOf(calls));
  EXPECT_THAT(*store().AddCalls(group, calls), IsEmpty());
  calls.push_back(NewCall(group, 3));
  calls.push_back(calls.back());  // twice in one batch
  EXPECT_THAT(*store().AddCalls(group, calls), ElementsAre(calls[3].id));
  EXPECT_EQ(store().GroupCalls(group.id)->size(), 4u);
}

TEST_P(StoreContract, KeepsAClosedGroupClosed) {
  GroupRecord group = NewGroup();
  ASSERT_TRUE(store().AddCalls(group, {}));
  EXPECT_FALSE((*store().FindGroup(kDefaultWorkspace, group.id))->closed);
  group.closed = true;
  ASSERT_TRUE(store().AddCalls(group, {}));
  group.closed = false;
  ASSERT_TRUE(store().AddCalls(group, {NewCall(group, 0)}));
  Reopen();
  const auto found = *store().FindGroup(kDefaultWorkspace, group.id);
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->closed);
  EXPECT_EQ(found->function, group.function);
}

TEST_P(StoreContract, GivesTheCallsOfAGroupByIndex) {
  const GroupRecord group = NewGroup(), other = NewGroup();
  const CallRecord first = NewCall(group, 0), second = NewCall(group, 1);
  ASSERT_TRUE(store().AddCalls(group, {second}));
  ASSERT_TRUE(store().AddCalls(other, {NewCall(other, 0)}));
  ASSERT_TRUE(store().AddCalls(group, {first}));
  EXPECT_THAT(IdsOf(*store().GroupCalls(group.id)), ElementsAre(first.id, second.id));
}

TEST_P(StoreContract, GivesQueuedCallsInOrderOfSubmission) {
  const GroupRecord group = NewGroup(), other = NewGroup();
  const CallRecord a = NewCall(group, 5), b = NewCall(other, 0), c = NewCall(group, 1);
  for (const auto& [owner, call] : {std::pair(group, a), std::pair(other, b), std::pair(group, c)}) {
    ASSERT_TRUE(store().AddCalls(owner, {call}));
  }
  ASSERT_TRUE(store().FinishCalls({{.id = b.id, .result = "done", .finished_ms = 9}}));
  Reopen();
  EXPECT_THAT(IdsOf(*store().QueuedCalls()), ElementsAre(a.id, c.id));
}

TEST_P(StoreContract, TakesTheFirstOutcomeOfACallOnly) {
  const GroupRecord group = NewGroup();
  const CallRecord call = NewCall(group, 0);
  ASSERT_TRUE(store().AddCalls(group, {call}));
  ASSERT_TRUE(store().FinishCalls({{.id = call.id, .result = kBytes, .finished_ms = 50}}));
  ASSERT_TRUE(store().FinishCalls({{.id = call.id, .result = "late", .finished_ms = 60},
                                   {.id = CallId::New(), .result = "unknown", .finished_ms = 60}}));
  Reopen();
  const auto found = *store().FindCall(kDefaultWorkspace, call.id);
  EXPECT_EQ(found->state, CallState::kFinished);
  EXPECT_EQ(found->result, kBytes);
  EXPECT_EQ(found->finished_ms, 50u);
}

TEST_P(StoreContract, DoesNotQueueAFinishedCallAgainWhenItsBatchIsRepeated) {
  const GroupRecord group = NewGroup();
  const CallRecord call = NewCall(group, 0);
  ASSERT_TRUE(store().AddCalls(group, {call}));
  ASSERT_TRUE(store().FinishCalls({{.id = call.id, .result = "done", .finished_ms = 50}}));
  EXPECT_THAT(*store().AddCalls(group, {call}), IsEmpty());
  EXPECT_THAT(*store().QueuedCalls(), IsEmpty());
}

TEST_P(StoreContract, ForgetsOldFinishedCallsAndTheGroupsThatTheyLeaveEmpty) {
  const GroupRecord done = NewGroup(true), open = NewGroup(false), mixed = NewGroup(true);
  const CallRecord in_done = NewCall(done, 0), in_open = NewCall(open, 0), old = NewCall(mixed, 0),
                   young = NewCall(mixed, 1), queued = NewCall(mixed, 2);
  ASSERT_TRUE(store().AddCalls(done, {in_done}));
  ASSERT_TRUE(store().AddCalls(open, {in_open}));
  ASSERT_TRUE(store().AddCalls(mixed, {old, young, queued}));
  ASSERT_TRUE(store().FinishCalls({{in_done.id, "", 10}, {in_open.id, "", 10}, {old.id, "", 99}, {young.id, "", 100}}));
  ASSERT_TRUE(store().DropFinishedBefore(100));
  EXPECT_FALSE(store().FindGroup(kDefaultWorkspace, done.id)->has_value());
  EXPECT_TRUE(store().FindGroup(kDefaultWorkspace, open.id)->has_value());
  EXPECT_TRUE(store().GroupCalls(open.id)->empty());
  EXPECT_THAT(IdsOf(*store().GroupCalls(mixed.id)), ElementsAre(young.id, queued.id));

  ASSERT_TRUE(store().DropFinishedBefore(UINT64_MAX));
  EXPECT_THAT(IdsOf(*store().GroupCalls(mixed.id)), ElementsAre(queued.id));
}

TEST_P(StoreContract, IsNotFooledByQuotesInText) {
  const std::string name = "x'); DROP TABLE apps; --";
  ASSERT_TRUE(store().PutApp({.id = AppId::New(), .name = name, .created_ms = 1}));
  EXPECT_EQ(store().Apps()->at(0).name, name);
}

TEST_P(StoreContract, KeepsOneMebibyteOfArguments) {
  const GroupRecord group = NewGroup();
  CallRecord call = NewCall(group, 0);
  call.arguments.assign(1u << 20, '\x7f');
  ASSERT_TRUE(store().AddCalls(group, {call}));
  Reopen();
  EXPECT_EQ((*store().FindCall(kDefaultWorkspace, call.id))->arguments, call.arguments);
}

TEST_P(StoreContract, MayBeUsedByManyThreads) {
  const GroupRecord group = NewGroup();
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 10; ++i) {
          const auto calls = NewCalls(group, 5);
          EXPECT_EQ(store().AddCalls(group, calls)->size(), 5u);
          EXPECT_TRUE(store().FinishCalls({{calls[0].id, "done", 1}}));
          EXPECT_TRUE(store().FindCall(kDefaultWorkspace, calls[1].id)->has_value());
        }
      });
    }
  }
  EXPECT_EQ(store().GroupCalls(group.id)->size(), 200u);
  EXPECT_EQ(store().QueuedCalls()->size(), 160u);
}

TEST_P(StoreContract, LoadsAHundredThousandQueuedCalls) {
  constexpr uint32_t kBatches = 100, kBatch = 1000;
  const GroupRecord group = NewGroup();
  std::vector<CallId> submitted;
  for (uint32_t batch = 0; batch < kBatches; ++batch) {
    std::vector<CallRecord> calls;
    calls.reserve(kBatch);
    for (uint32_t i = 0; i < kBatch; ++i) calls.push_back(NewCall(group, batch * kBatch + i));
    ASSERT_EQ(store().AddCalls(group, calls)->size(), kBatch);
    for (const CallRecord& call : calls) submitted.push_back(call.id);
  }
  Reopen();
  EXPECT_EQ(IdsOf(*store().QueuedCalls()), submitted);
}

}  // namespace
}  // namespace burrow::store::testing
