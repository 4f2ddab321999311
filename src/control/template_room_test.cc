// Templates of forks count for their workspace and their worker, and are given up first.
#include "control/testing/control_fixture.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;
using From = lpb::FromControl;

class TemplateRoom : public ControlFixture {
 protected:
  void Begin(uint32_t containers, uint64_t memory = 8ull << 30, double cpus = 8) {
    StartControl();
    admin_ = token;
    worker_ = NewWorker({.cpus = cpus, .memory = memory});
    worker_->Connect();
    token = NewWorkspace("team", [&](auto& limits) { limits.set_max_containers(containers); });
  }
  std::string Function(uint32_t memory_mib = 400, bool single_use = false) {
    return NewFunction([&](pb::FunctionSpec& spec) {
             spec.mutable_resources()->set_memory_mib(memory_mib);
             spec.set_memory_snapshot(true);
             spec.set_single_use_containers(single_use);
           })
        .function;
  }
  // The answer to the worker's `number`th question or the order that control gives by itself.
  lpb::TemplateOrder Order(size_t number) { return worker_->WaitFor(From::kTemplateOrder, number).template_order(); }
  bool Want(const std::string& id, const std::string& function) {
    worker_->SayTemplate(id, function, lpb::TEMPLATE_PHASE_WANTED);
    const auto order = Order(++orders_);
    EXPECT_EQ(order.template_id(), id);
    return order.warm();
  }
  pb::WorkspaceInfo Info() { return InfoOf("team", admin_); }

  std::string admin_;
  size_t orders_ = 0;
  std::unique_ptr<testing::FakeWorker> worker_;
};

TEST_F(TemplateRoom, IsPartOfWhatAWorkspaceHas) {
  Begin(3);
  const auto function = Function();
  EXPECT_EQ(Invoke(function).status(), pb::CALL_STATUS_SUCCESS);
  ASSERT_TRUE(Want("tm-1", function));
  EXPECT_EQ(Info().containers(), 2u);
  EXPECT_EQ(Info().memory_mib(), 800u);
  EXPECT_EQ(Info().cpus(), 1.0) << "a template runs nothing";
  ASSERT_TRUE(Want("tm-2", function));
  EXPECT_FALSE(Want("tm-3", function)) << "it has three";
  EXPECT_FALSE(Want("tm-4", "fu-of-nobody"));
}

TEST_F(TemplateRoom, IsGivenUpBeforeAnIdleContainerIs) {
  Begin(2);
  const auto first = Function(), second = Function();
  EXPECT_EQ(Invoke(first).status(), pb::CALL_STATUS_SUCCESS);
  ASSERT_TRUE(Want("tm-1", first));
  const auto submit = SubmitOf(second, {"x"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  const auto order = Order(2);
  EXPECT_EQ(order.template_id(), "tm-1");
  EXPECT_FALSE(order.warm());
  EXPECT_EQ(worker_->Count(From::kStart), 1u);
  worker_->SayTemplate("tm-1", first, lpb::TEMPLATE_PHASE_ENDED);
  EXPECT_EQ(WaitFor(submit.inputs(0).call_id()).status(), pb::CALL_STATUS_SUCCESS);
  EXPECT_EQ(worker_->Count(From::kStop), 0u);
}

TEST_F(TemplateRoom, ThatContainersCameFromIsNotGivenUp) {
  Begin(2);
  const auto first = Function(), second = Function();
  EXPECT_EQ(Invoke(first).status(), pb::CALL_STATUS_SUCCESS);
  ASSERT_TRUE(Want("tm-1", first));
  worker_->SayTemplate("tm-1", first, lpb::TEMPLATE_PHASE_IN_USE);
  EXPECT_FALSE(Want("tm-2", first)) << "it is answered after what was said before";
  EXPECT_EQ(Invoke(second).status(), pb::CALL_STATUS_SUCCESS);
  EXPECT_EQ(worker_->Count(From::kStop), 1u) << "the idle container made room";
  EXPECT_EQ(worker_->Count(From::kTemplateOrder), 2u) << "no order to end";
}

TEST_F(TemplateRoom, OnAWorkerIsItsFunctionsMemory) {
  Begin(0, 1000ull << 20);
  const auto first = Function(), second = Function();
  EXPECT_EQ(Invoke(first).status(), pb::CALL_STATUS_SUCCESS);
  ASSERT_TRUE(Want("tm-1", first));
  EXPECT_FALSE(Want("tm-2", first)) << "400 MiB are not free";
  const auto submit = SubmitOf(second, {"x"});
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", submit));
  EXPECT_EQ(Order(3).template_id(), "tm-1");
  worker_->SayTemplate("tm-1", first, lpb::TEMPLATE_PHASE_ENDED);
  EXPECT_EQ(WaitFor(submit.inputs(0).call_id()).status(), pb::CALL_STATUS_SUCCESS);
  EXPECT_EQ(worker_->Count(From::kStop), 0u);
}

TEST_F(TemplateRoom, IsLeftToItsFunctionWhereOthersWaitForCores) {
  Begin(0, 8ull << 30, 0.25);  // a worker promises four times its cores
  worker_->on_call = [](const lpb::CallDispatch&) {};
  const auto first = Function(), second = Function();
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(first, {"x"})));
  worker_->WaitFor(From::kCall);
  ASSERT_TRUE(Want("tm-1", first));
  ASSERT_TRUE(Ask<pb::SubmitResponse>("Calls/Submit", SubmitOf(second, {"x"})));
  EXPECT_TRUE(Want("tm-2", first)) << "it waits for a core";
  EXPECT_EQ(worker_->Count(From::kStart), 1u);
  EXPECT_EQ(worker_->Count(From::kTemplateOrder), 2u) << "none is given up";
}

TEST_F(TemplateRoom, IsKnownAgainToAControlThatWasRestarted) {
  Begin(1);
  pb::DeployRequest deploy;
  deploy.set_name("shop");
  *deploy.add_functions() = Spec();
  const auto deployed = Ask<pb::DeployResponse>("Deployments/Deploy", deploy);
  ASSERT_TRUE(deployed) << deployed.error().message();
  const auto function = deployed->function_ids().at("f");
  const std::string member = token;
  worker_->Disconnect();
  KillControl();
  StartControl();
  admin_ = std::exchange(token, member);
  lpb::TemplateUpdate known;
  known.set_template_id("tm-1");
  known.set_function_id(function);
  known.set_phase(lpb::TEMPLATE_PHASE_IDLE);
  lpb::TemplateUpdate unknown = known;
  unknown.set_template_id("tm-2");
  unknown.set_function_id("fu-of-nobody");
  worker_->templates = {known, unknown};
  worker_->set_port(port());
  worker_->Connect();
  EXPECT_EQ(Order(1).template_id(), "tm-2");
  EXPECT_EQ(Info().containers(), 1u);
  worker_->templates.clear();
  worker_->Disconnect();
  worker_->Connect();
  EXPECT_EQ(Invoke(function).status(), pb::CALL_STATUS_SUCCESS) << "nothing of it is left";
}

}  // namespace
}  // namespace burrow::control
