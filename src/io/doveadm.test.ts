// What a server at the other end may do: answer as Dovecot does, refuse, say nonsense, say nothing, never stop. Never a throw, never the key
// in a cause. Answers of the real one are in test/e2e/dovecot-sessions.test.ts.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { IncomingMessage, RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { ensureSelfSigned } from "./certificate.ts";
import { askDoveadm } from "./doveadm.ts";
import type { DoveadmAnswer, DoveadmPlace } from "./doveadm.ts";

const key = "0123456789abcdef0123456789abcdef";
const never = new AbortController().signal;

function ask(place: DoveadmPlace, ended: AbortSignal = never): Promise<DoveadmAnswer> {
  return askDoveadm(place, "who", { mask: ["x"] }, ended);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function serve(
  t: TestContext,
  answer: RequestListener,
  tls?: { readonly cert: Buffer; readonly key: Buffer },
): Promise<DoveadmPlace> {
  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { host: "127.0.0.1", port, tls: tls === undefined ? "none" : "implicit", ca: undefined, key };
}

test("a question is a POST with the key in base64, and the rows come back", async (t) => {
  const seen: unknown[] = [];
  const place = await serve(t, (request, response) => {
    void bodyOf(request).then((body) => {
      seen.push([request.method, request.url, request.headers.authorization, JSON.parse(body)]);
      response.end('[["doveadmResponse",[{"result":"carol@a.test"}],"sekimori"]]');
    });
  });
  const answer = await askDoveadm(place, "kick", { mask: ["carol@a.test"] }, never);
  assert.deepEqual(answer, { kind: "rows", rows: [{ result: "carol@a.test" }] });
  const authorization = `X-Dovecot-API ${Buffer.from(key).toString("base64")}`;
  assert.deepEqual(seen, [["POST", "/doveadm/v1", authorization, [["kick", { mask: ["carol@a.test"] }, "sekimori"]]]]);
});

test("every other answer has its kind, and none shows the key", async (t) => {
  let next = { status: 0, text: "" };
  const place = await serve(t, (request, response) => {
    request.resume();
    response.writeHead(next.status).end(next.text);
  });
  const said = async (status: number, text: string): Promise<DoveadmAnswer> => {
    next = { status, text };
    const answer = await ask(place);
    assert.ok(!JSON.stringify(answer).includes(key));
    return answer;
  };
  assert.deepEqual(await said(200, '[["error",{"type":"exitCode", "exitCode":68},"sekimori"]]'), {
    kind: "exit",
    code: 68,
  });
  const forbidden = await said(200, '[["error",{"type":"unAuthorized", "exitCode":0},"sekimori"]]');
  assert.match(JSON.stringify(forbidden), /"forbidden".*doveadm_allowed_commands/);
  const unknown = await said(200, '[["error",{"type":"unknownMethod", "exitCode":0},"sekimori"]]');
  assert.match(JSON.stringify(unknown), /"forbidden".*unknownMethod/);
  assert.equal((await said(401, "")).kind, "refused");
  assert.equal((await said(500, "")).kind, "refused");
  for (const [status, text] of [
    [404, "[]"],
    [200, ""],
    [200, "<html>"],
    [200, "[]"],
    [200, "{}"],
    [200, "[[]]"],
    [200, '[["doveadmResponse",{},"sekimori"]]'],
    [200, '[["error",null,"sekimori"]]'],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- one server
    assert.equal((await said(status, text)).kind, "unreached", text);
  }
});

test("nobody there, a cut connection, an answer without an end and an end while waiting are no exceptions", async (t) => {
  const closed = await serve(t, () => undefined);
  const cutting = await serve(t, (request) => request.socket.destroy());
  assert.equal((await ask(cutting)).kind, "unreached");
  const halfway = await serve(t, (request, response) => {
    response.writeHead(200, { "content-length": 100 });
    response.write("[[");
    setImmediate(() => request.socket.destroy());
  });
  assert.equal((await ask(halfway)).kind, "unreached");
  const endless = await serve(t, (_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(" ".repeat(65_536)));
      if (!response.destroyed) response.once("drain", more);
    };
    more();
  });
  assert.match(JSON.stringify(await ask(endless)), /no end/);
  const waiting = new AbortController();
  const silent = await serve(t, () => waiting.abort());
  assert.equal((await ask(silent, waiting.signal)).kind, "unreached");
  assert.equal((await ask({ ...closed, port: 1 })).kind, "unreached");
});

test("under TLS the certificate must be one that is believed, and for the host", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "doveadm-"));
  t.after(() => rm(directory, { recursive: true }));
  const made = await ensureSelfSigned(directory, ["localhost"], Date.now());
  const foreign = await ensureSelfSigned(join(directory, "foreign"), ["imap.example.net"], Date.now());
  const pair = { cert: await readFile(made.certificate), key: await readFile(made.key) };
  const place = await serve(t, (_request, response) => response.end('[["doveadmResponse",[],"sekimori"]]'), pair);
  const right = { ...place, host: "localhost", ca: made.certificate };
  assert.deepEqual(await ask(right), { kind: "rows", rows: [] });
  assert.match(JSON.stringify(await ask({ ...right, ca: undefined })), /unreached.*self-signed/);
  assert.match(JSON.stringify(await ask({ ...right, ca: foreign.certificate })), /unreached/);
  const other = { cert: await readFile(foreign.certificate), key: await readFile(foreign.key) };
  const misnamed = await serve(t, (_request, response) => response.end("[]"), other);
  assert.match(JSON.stringify(await ask({ ...misnamed, host: "localhost", ca: foreign.certificate })), /altnames/);
  assert.match(JSON.stringify(await ask({ ...right, ca: join(directory, "none") })), /unreached.*ENOENT/);
});
