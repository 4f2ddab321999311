// Classes: parameters make functions of their own, calls name methods.
#include "control/classes.h"
#include "control/testing/control_fixture.h"
#include "control/testing/manual_clock.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using ::testing::HasSubstr;
using From = lpb::FromControl;

pb::Parameter Number(const std::string& name, int64_t value) {
  pb::Parameter parameter;
  parameter.set_name(name);
  parameter.set_number(value);
  return parameter;
}

// One method "predict", a parameter "size" of 3 and, where it is asked for, "key" without default.
void MakeClass(pb::FunctionSpec& spec, bool needs_key = false) {
  auto& made = *spec.mutable_class_spec();
  made.add_methods()->set_name("predict");
  auto& stream = *made.add_methods();
  stream.set_name("stream");
  stream.set_is_generator(true);
  auto& size = *made.add_parameters();
  size.set_name("size");
  size.set_type(pb::PARAMETER_TYPE_NUMBER);
  *size.mutable_default_() = Number("size", 3);
  if (!needs_key) return;
  made.add_parameters()->set_name("key");
  made.mutable_parameters(1)->set_type(pb::PARAMETER_TYPE_TEXT);
}

class Classes : public ControlFixture {
 protected:
  ~Classes() override { KillControl(); }  // before the clock goes
  void Begin() {
    StartControl();
    worker_ = NewWorker();
    worker_->Connect();
  }
  Published NewClass(bool needs_key = false, const std::function<void(pb::FunctionSpec&)>& change = {}) {
    return NewFunction([&](auto& spec) {
      MakeClass(spec, needs_key);
      if (change) change(spec);
    });
  }
  Result<std::string> Bind(const std::string& function, const std::vector<pb::Parameter>& parameters) {
    pb::BindRequest request;
    request.set_function_id(function);
    for (const auto& parameter : parameters) *request.add_parameters() = parameter;
    auto response = Ask<pb::BindResponse>("Apps/Bind", request);
    if (!response) return Forward(std::move(response.error()));
    return response->function_id();
  }
  Result<pb::CallResult> CallMethod(const std::string& function, const std::string& method) {
    auto request = InvokeOf(function, "x");
    request.mutable_input()->set_method(method);
    return Ask<pb::CallResult>("Calls/Invoke", request);
  }
  // Asked in a way that is no use of it.
  bool IsKnown(const std::string& function) {
    return CallMethod(function, "no such method").error().code() != Code::kNotFound;
  }
  testing::ManualClock hours_{1'700'000'000'000};
  std::unique_ptr<testing::FakeWorker> worker_;
};

TEST_F(Classes, OverridesMakeAVariantOfAnyFunction) {
  Begin();
  auto published = NewFunction([](auto& spec) {
    spec.set_max_containers(2);
    spec.set_timeout_ms(7'000);
  });
  pb::BindRequest request;
  request.set_function_id(published.function);
  EXPECT_FALSE(Ask<pb::BindResponse>("Apps/Bind", request)) << "nothing to bind";
  request.mutable_overrides()->set_timeout_ms(9'000);
  request.mutable_overrides()->set_max_inputs(4);
  auto variant = Ask<pb::BindResponse>("Apps/Bind", request);
  ASSERT_TRUE(variant) << variant.error().message();
  EXPECT_NE(variant->function_id(), published.function);
  EXPECT_EQ(Ask<pb::BindResponse>("Apps/Bind", request)->function_id(), variant->function_id());
  ASSERT_TRUE(Ask<pb::CallResult>("Calls/Invoke", InvokeOf(variant->function_id(), "x")));
  const auto started = worker_->WaitFor(From::kStart).start().spec().function();
  EXPECT_EQ(started.timeout_ms(), 9'000u);
  EXPECT_EQ(started.max_inputs(), 4u);
  EXPECT_EQ(started.max_containers(), 2u);
  request.mutable_overrides()->set_max_batch_size(3);
  auto refused = Ask<pb::BindResponse>("Apps/Bind", request);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("both max_inputs and max_batch_size"));
}

TEST_F(Classes, TheSameParametersGiveTheSameFunction) {
  Begin();
  auto function = NewClass().function;
  auto five = Bind(function, {Number("size", 5)});
  ASSERT_TRUE(five) << five.error().message();
  EXPECT_NE(*five, function);
  EXPECT_TRUE(IsIdText("fu", *five));
  EXPECT_EQ(*Bind(function, {Number("size", 5)}), *five);
  EXPECT_NE(*Bind(function, {Number("size", 6)}), *five);
  EXPECT_EQ(*Bind(function, {Number("size", 3)}), function) << "that is the default";
  EXPECT_EQ(*Bind(function, {}), function);
}

TEST_F(Classes, SetsOfParametersThatNobodyUsesForADayAreForgotten) {
  clock = &hours_;
  timings.variant_check = Millis(1);
  Begin();
  auto function = NewClass().function;
  auto used = Bind(function, {Number("size", 5)}), unused = Bind(function, {Number("size", 6)});
  ASSERT_TRUE(used && unused);
  ASSERT_TRUE(CallMethod(*used, "predict"));  // it has a container since
  int hours = 0;
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  for (; IsKnown(*unused) && std::chrono::steady_clock::now() < until; ++hours) hours_.Advance(Millis(3'600'000));
  EXPECT_FALSE(IsKnown(*unused));
  EXPECT_GE(hours, 24);
  EXPECT_TRUE(IsKnown(*used));
  EXPECT_TRUE(IsKnown(function)) << "the class itself is no variant";
  EXPECT_EQ(Bind(function, {Number("size", 6)}).value_or(""), *unused);
  EXPECT_TRUE(CallMethod(*unused, "predict"));
}

TEST_F(Classes, WhatIsForgottenOfThemIsSoAfterARestart) {
  clock = &hours_;
  timings.variant_check = Millis(1);
  timings.unused_variant = Millis(1'000);
  Begin();
  pb::DeployRequest deploy;
  deploy.set_name("shop");
  *deploy.add_functions() = Spec();
  MakeClass(*deploy.mutable_functions(0));
  const auto deployed = Ask<pb::DeployResponse>("Deployments/Deploy", deploy);
  ASSERT_TRUE(deployed) << deployed.error().message();
  auto variant = Bind(deployed->function_ids().at("f"), {Number("size", 5)});
  ASSERT_TRUE(variant);
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (IsKnown(*variant) && std::chrono::steady_clock::now() < until) hours_.Advance(Millis(500));
  worker_->Disconnect();
  StopControl();
  StartControl();
  EXPECT_FALSE(IsKnown(*variant));
  EXPECT_TRUE(IsKnown(deployed->function_ids().at("f")));
}

TEST_F(Classes, ParametersThatDoNotFitAreRefused) {
  Begin();
  auto function = NewClass(true).function;
  EXPECT_THAT(Bind(function, {}).error().message(), HasSubstr("needs its parameter key"));
  EXPECT_EQ(Bind(function, {Number("key", 1)}).error().code(), Code::kInvalidArgument);
  pb::Parameter key;
  key.set_name("key");
  key.set_text("k");
  EXPECT_TRUE(Bind(function, {key}));
  EXPECT_FALSE(Bind(function, {key, Number("nobody", 1)}));
  EXPECT_FALSE(Bind(function, {key, key}));
  key.set_text(std::string(kMaxParameterBytes, 'k'));
  EXPECT_FALSE(Bind(function, {key}));
  EXPECT_EQ(Bind(NewFunction().function, {}).error().code(), Code::kNotFound);
}

TEST_F(Classes, EachSetOfParametersHasContainersOfItsOwn) {
  Begin();
  auto function = NewClass().function;
  auto five = Bind(function, {Number("size", 5)});
  ASSERT_TRUE(CallMethod(*five, "predict"));
  auto start = worker_->WaitFor(From::kStart).start().spec();
  EXPECT_EQ(start.function_id(), *five);
  ASSERT_EQ(start.function().bound().values_size(), 1);
  EXPECT_EQ(start.function().bound().values(0).number(), 5);
  EXPECT_EQ(worker_->WaitFor(From::kCall).call().method(), "predict");
  ASSERT_TRUE(CallMethod(function, "predict"));
  EXPECT_EQ(worker_->Count(From::kStart), 2u);
  ASSERT_TRUE(CallMethod(*five, "predict"));
  EXPECT_EQ(worker_->Count(From::kStart), 2u);
}

TEST_F(Classes, CallsNameAMethodThatThereIs) {
  Begin();
  auto function = NewClass().function;
  for (const char* bad : {"", "nobody"}) EXPECT_EQ(CallMethod(function, bad).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(CallMethod(NewFunction().function, "predict").error().code(), Code::kInvalidArgument);
  auto unbound = CallMethod(NewClass(true).function, "predict");
  ASSERT_FALSE(unbound);
  EXPECT_THAT(unbound.error().message(), HasSubstr("bind them first"));
  auto submit = SubmitOf(function, {"x"});
  EXPECT_FALSE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
}

TEST_F(Classes, PublishingAClassAnewReplacesItsVariants) {
  Begin();
  auto [app, function] = NewClass();
  auto five = Bind(function, {Number("size", 5)});
  ASSERT_TRUE(CallMethod(*five, "predict"));
  pb::PublishRequest request;
  request.set_app_id(app);
  *request.add_functions() = Spec();
  MakeClass(*request.mutable_functions(0));
  request.mutable_functions(0)->set_module("changed");
  auto response = Ask<pb::PublishResponse>("Apps/Publish", request);
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->function_ids_size(), 1);
  worker_->WaitFor(From::kStop);
  ASSERT_TRUE(CallMethod(*five, "predict"));
  auto spec = worker_->WaitFor(From::kStart, 2).start().spec().function();
  EXPECT_EQ(spec.module(), "changed");
  EXPECT_EQ(spec.bound().values(0).number(), 5);
}

TEST_F(Classes, QueuedCallsFindTheirMethodAndVariantAfterARestart) {
  Begin();
  auto function = NewClass().function;
  auto five = Bind(function, {Number("size", 5)});
  worker_->Disconnect();
  auto submit = SubmitOf(*five, {"later"});
  submit.mutable_inputs(0)->set_method("predict");
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  KillControl();
  StartControl();
  worker_ = NewWorker();
  worker_->Connect();
  EXPECT_EQ(WaitFor(submit.inputs(0).call_id()).value().inline_(), "later");
  EXPECT_EQ(worker_->WaitFor(From::kCall).call().method(), "predict");
  EXPECT_EQ(worker_->WaitFor(From::kStart).start().spec().function().bound().values(0).number(), 5);
  EXPECT_EQ(*Bind(function, {Number("size", 5)}), *five);
}

TEST_F(Classes, ContainersWithExitHooksHaveMoreTimeToStop) {
  Begin();
  auto function = NewClass(false, [](auto& spec) {
                    spec.mutable_class_spec()->set_has_exit(true);
                    spec.set_scaledown_window_ms(10);
                  }).function;
  ASSERT_TRUE(CallMethod(function, "predict"));
  EXPECT_EQ(worker_->WaitFor(From::kStop).stop().grace_ms(), timings.exit_grace.count());
}

TEST_F(Classes, MinContainersOfAClassThatNeedsParametersAreThoseOfItsVariants) {
  Begin();
  auto function = NewClass(true, [](auto& spec) { spec.set_min_containers(1); }).function;
  pb::Parameter key;
  key.set_name("key");
  key.set_text("k");
  auto variant = Bind(function, {key});
  ASSERT_TRUE(variant);
  EXPECT_EQ(worker_->WaitFor(From::kStart).start().spec().function_id(), *variant);
  EXPECT_EQ(worker_->Count(From::kStart), 1u);
}

TEST(ClassChecks, RefuseClassesThatCannotBe) {
  pb::FunctionSpec spec;
  spec.set_name("C");
  MakeClass(spec);
  EXPECT_TRUE(CheckClass(spec));
  auto wrong = [&](const std::function<void(pb::FunctionSpec&)>& change) {
    auto changed = spec;
    change(changed);
    return !CheckClass(changed);
  };
  EXPECT_TRUE(wrong([](auto& s) { s.mutable_bound()->set_base_function_id("fu-x"); }));
  EXPECT_TRUE(wrong([](auto& s) { s.mutable_class_spec()->clear_methods(); }));
  EXPECT_TRUE(wrong([](auto& s) { s.mutable_class_spec()->add_methods()->set_name("predict"); }));
  EXPECT_TRUE(
      wrong([](auto& s) { s.mutable_class_spec()->mutable_parameters(0)->mutable_default_()->set_flag(true); }));
  EXPECT_TRUE(wrong([](auto& s) { s.mutable_class_spec()->mutable_parameters(0)->clear_type(); }));
  EXPECT_TRUE(wrong([](auto& s) { s.set_max_batch_size(4); })) << "it has two methods";
  EXPECT_TRUE(wrong([](auto& s) { s.set_max_inputs(kMaxCallsAtOnce + 1); }));
  EXPECT_TRUE(wrong([](auto& s) { s.set_target_inputs(2); }));
  EXPECT_TRUE(wrong([](auto& s) {
    s.set_max_inputs(2);
    s.set_single_use_containers(true);
  }));
}

}  // namespace
}  // namespace burrow::control
