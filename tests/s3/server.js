// An S3 server for tests: s3rver, behind a check of every request's signature (version 4, which s3rver itself does not
// check) and of the body's SHA-256. Prints the port it got; ends when its standard input does.
//   node --openssl-legacy-provider server.js DIRECTORY    (s3rver's page tokens need an old cipher)
"use strict";
const aws4 = require("aws4");
const crypto = require("crypto");
const http = require("http");
const S3rver = require("s3rver");

const KEYS = { S3RVER: "S3RVER" };

function refuse(response, code) {
  response.writeHead(403, { "Content-Type": "application/xml", Connection: "close" });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>refused by the test's server</Message></Error>`);
}

// Why the request is refused; undefined where its signature is right.
function problem(request) {
  const match = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/([^/]+)\/s3\/aws4_request,\s*SignedHeaders=([^,]+),/.exec(
    request.headers.authorization || "",
  );
  if (!match) return "AccessDenied";
  const [, keyId, region, names] = match;
  if (!KEYS[keyId]) return "InvalidAccessKeyId";
  const headers = {};
  for (const name of names.split(";")) headers[name] = request.headers[name];
  for (const name of Object.keys(request.headers)) {
    const mustBeSigned = name === "host" || name.startsWith("x-amz-");
    if (mustBeSigned && !(name in headers)) return "AccessDenied";
  }
  // Real S3 checks every header that says it is signed; aws4 leaves some out unless told.
  const extraHeadersToInclude = Object.fromEntries(names.split(";").map((name) => [name, true]));
  const signed = aws4.sign(
    { service: "s3", region, method: request.method, path: request.url, headers, extraHeadersToInclude },
    { accessKeyId: keyId, secretAccessKey: KEYS[keyId] },
  );
  const signature = (text) => /Signature=([0-9a-f]+)/.exec(text)[1];
  if (signature(signed.headers.Authorization) !== signature(request.headers.authorization)) return "SignatureDoesNotMatch";
}

// Looks at what s3rver reads, without reading itself. A test must notice a wrong body: the server ends.
function checkBody(request) {
  const hash = crypto.createHash("sha256");
  const emit = request.emit;
  request.emit = function (event, data) {
    if (event === "data") hash.update(data);
    if (event === "end" && hash.digest("hex") !== request.headers["x-amz-content-sha256"]) {
      console.error("a body has another SHA-256 than was signed");
      process.exit(3);
    }
    return emit.apply(this, arguments);
  };
}

async function main(directory) {
  const s3 = new S3rver({
    directory,
    silent: true,
    serviceEndpoint: "localhost",
    configureBuckets: [{ name: "burrow-test" }],
  });
  await s3.configureBuckets();
  const handle = s3.callback();
  const server = http.createServer((request, response) => {
    const code = problem(request);
    if (code) {
      request.resume();
      refuse(response, code);
      return;
    }
    checkBody(request);
    handle(request, response);
  });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
  process.stdin.resume().on("end", () => process.exit(0));
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exit(1);
});
