// Drives Burrow's API with the official Connect client: builds an image, publishes an app, calls its function alone and in a group, and
// watches the app. Prints one JSON object a line. Usage: client.js URL TOKEN json|binary DESCRIPTORS PICKLED_ARGUMENTS
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";

const [url, token, format, descriptors, pickled] = process.argv.slice(2);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));
const SOURCE = "def double(x):\n    print('doubling', x)\n    return 2 * x\n\ndef count(n):\n    yield from range(n)\n";
const DEADLINE = { timeoutMs: 300_000 };

const print = (value) => console.log(JSON.stringify(value));
const argumentsOfCall = { data: { case: "inline", value: Buffer.from(pickled, "hex") } };
const hex = (payload) => Buffer.from(payload.data.value).toString("hex");
const newId = (kind) => kind + "-" + Array.from({ length: 26 }, () => Math.floor(Math.random() * 36).toString(36)).join("");

function client(service, withToken = token) {
  const authorize = (next) => (request) => {
    request.header.set("Authorization", "Bearer " + withToken);
    return next(request);
  };
  const transport = createConnectTransport({
    baseUrl: url, httpVersion: "1.1", useBinaryFormat: format === "binary", interceptors: [authorize] });
  return createClient(registry.getService("burrow.v1." + service), transport);
}

async function upload(text) {
  const digest = createHash("sha256").update(text).digest("hex");
  const answer = await fetch(`${url}/blobs/${digest}`, {
    method: "PUT", body: text, headers: { Authorization: "Bearer " + token } });
  if (!answer.ok) throw new Error("upload: " + answer.status);
  return { path: "math_functions.py", digest, size: BigInt(text.length), mode: 0o644 };
}

async function buildImage() {
  const steps = [{ kind: { case: "base", value: { name: "debian_slim" } } }];
  for await (const event of client("Images").build({ steps }, DEADLINE)) {
    if (event.event.case === "image") return event.event.value.imageId;
  }
  throw new Error("the build's stream ended early");
}

async function publish(imageId) {
  const apps = client("Apps");
  const { appId } = await apps.create({ name: "from-node-" + format, ephemeral: true });
  const spec = (name, isGenerator) => ({ name, module: "math_functions", qualname: name, isGenerator, imageId });
  const { functionIds } = await apps.publish({
    appId, functions: [spec("double", false), spec("count", true)], source: [await upload(SOURCE)] });
  return { appId, functionIds };
}

async function callOnce(functionId) {
  const result = await client("Calls").invoke({
    functionId, input: { callId: newId("fc"), arguments: argumentsOfCall }, waitMs: 60_000 }, DEADLINE);
  print({ invoke: hex(result.value), attempt: result.attempt, phases: result.phases.map((phase) => phase.name) });
}

async function callGroup(functionId, size) {
  const calls = client("Calls");
  const groupId = newId("fg");
  const inputs = Array.from({ length: size }, (_, index) => ({ callId: newId("fc"), index, arguments: argumentsOfCall }));
  const { accepted } = await calls.submit({ functionId, groupId, inputs, closeGroup: true });
  const results = [];
  const items = [];
  for await (const { outputs } of calls.outputs({ target: { case: "groupId", value: groupId } }, DEADLINE)) {
    for (const output of outputs) {
      if (output.kind.case === "item") items.push(hex(output.kind.value));
      else results.push(output.kind.value.status);
    }
  }
  print({ accepted, results, items });
}

async function watch(appId) {
  for await (const { event } of client("Apps").watch({ appId }, DEADLINE)) {
    if (event.case === "app") return print({ watched: event.value.name });
  }
}

async function refused(what, promise) {
  try {
    await promise;
    print({ [what]: "no error" });
  } catch (error) {
    print({ [what]: Code[ConnectError.from(error).code], message: error.rawMessage });
  }
}

const { appId, functionIds } = await publish(await buildImage());
await callOnce(functionIds.double);
await callGroup(functionIds.double, 20);
await callGroup(functionIds.count, 1);
await watch(appId);
await refused("unknown", client("Calls").wait({ callId: newId("fc"), waitMs: 10 }));
await refused("wrong_token", client("Apps", "wrong").list({}));
const { containersStopped } = await client("Apps").stop({ app: appId, reason: "the test is over" });
print({ stopped: containersStopped });
process.exit(0);  // the watch that was left early keeps its timer
