// What leads users here, asked of a real server by HTTPS in the forms that mail programs use, and read by parsers that are not ours: the
// settings that come out are the ones with which a message is then sent and read. The port test for customers is run.

import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, copyFile, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { join } from "node:path";
import { test } from "node:test";
import { TLSSocket } from "node:tls";
import { ensureSelfSigned } from "../../src/io/certificate.ts";
import { runProgram } from "../lab/child.ts";
import type { Where } from "../lab/client.ts";
import { openDialogue } from "../lab/client.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { alice, bob, domain, plain, startSite } from "../lab/site.ts";
import type { Site } from "../lab/site.ts";
import type { Scope } from "../lab/cleanup.ts";
import { requires } from "../lab/skip.ts";
import { startServer } from "../lab/server.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { assertNothingBroke } from "./support/log.ts";

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  /** SHA-256 of the certificate. */
  readonly fingerprint: string;
}

const webPort = 2443;

async function startWithWeb(
  t: Scope,
): Promise<{ readonly site: Site; readonly certificate: string; readonly key: string }> {
  const directory = await temporaryDirectory(t);
  const made = await ensureSelfSigned(join(directory, "first"), [`mx.${domain}`, `mta-sts.${domain}`], Date.now());
  const [certificate, key] = [join(directory, "server.crt"), join(directory, "server.key")];
  await copyFile(made.certificate, certificate);
  await copyFile(made.key, key);
  await chmod(key, 0o600);
  const address = loopbackAddress();
  const web = [
    "[web]",
    `listen = ["${address}:${webPort}"]`,
    'outside-hosts = ["192.0.2.1"]',
    "[tls]",
    `certificate = "${certificate}"`,
    `key = "${key}"`,
  ];
  const site = await startSite(t, { directory, smarthost: { address: loopbackAddress(), port: 2525 }, tables: web });
  return { site: { ...site, http: { address, port: webPort } }, certificate, key };
}

async function ask(where: Where, host: string, path: string, body?: string): Promise<Answer> {
  const asked = request({
    host: where.address,
    port: where.port,
    servername: host,
    path,
    method: body === undefined ? "GET" : "POST",
    headers: { host, ...(body === undefined ? {} : { "content-type": "text/xml" }) },
    // Made for this test.
    rejectUnauthorized: false,
    agent: false,
  });
  asked.end(body);
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  const { socket } = response;
  assert.ok(socket instanceof TLSSocket);
  const fingerprint = socket.getPeerCertificate().fingerprint256;
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  const { statusCode = 0, headers } = response;
  return {
    status: statusCode,
    type: headers["content-type"] ?? "",
    text: Buffer.concat(parts).toString("utf8"),
    fingerprint,
  };
}

const readAccount = `
import sys, json, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read())
print(json.dumps([[s.get("type"), s.findtext("hostname"), int(s.findtext("port")), s.findtext("socketType"), s.findtext("username")]
                  for s in root.iter() if s.tag in ("incomingServer", "outgoingServer")]))
`;
const readOutlook = `
import sys, json, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read())
space = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"
print(json.dumps([[p.findtext(space + n) for n in ("Type", "Server", "Port", "SSL", "LoginName")] for p in root.iter(space + "Protocol")]))
`;

/** As Outlook asks. */
function outlookRequest(address: string): string {
  return `<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request><EMailAddress>${address}</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>`;
}

async function read<T>(program: string, input: string): Promise<T> {
  const { code, stdout, stderr } = await runProgram({
    program: "python3",
    parameters: ["-c", program],
    input,
    milliseconds: 30_000,
  });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as T;
}

test("what a mail program is told is what it can send and read with", async (t) => {
  if ((await requires(t, "python3")) === undefined) return;
  const { site } = await startWithWeb(t);
  const { http } = site;
  const path = `/mail/config-v1.1.xml?emailaddress=${encodeURIComponent(bob.address)}`;
  const answer = await ask(http, `autoconfig.${domain}`, path);
  assert.deepEqual([answer.status, answer.type], [200, "text/xml; charset=utf-8"]);
  const servers = await read<[string, string, number, string, string][]>(readAccount, answer.text);
  const host = `mx.${domain}`;
  assert.deepEqual(servers, [
    ["pop3", host, site.pop3s.port, "SSL", bob.address],
    ["pop3", host, site.pop3.port, "STARTTLS", bob.address],
    ["smtp", host, site.submissions.port, "SSL", bob.address],
    ["smtp", host, site.submission.port, "STARTTLS", bob.address],
  ]);

  const asked = outlookRequest(bob.address);
  const outlook = await ask(http, `autodiscover.${domain}`, "/Autodiscover/Autodiscover.xml", asked);
  assert.deepEqual(await read(readOutlook, outlook.text), [
    ["POP3", host, String(site.pop3s.port), "on", bob.address],
    ["SMTP", host, String(site.submissions.port), "on", bob.address],
  ]);

  // As told: implicit TLS on that port, the address as user name.
  const port = servers[2]![2];
  const session = await openDialogue(t, { address: site.address, port }, "implicit");
  await session.reply();
  await session.expect("EHLO client.example.org", 250);
  await session.expect(`AUTH PLAIN ${plain(bob.address, bob.password)}`, 235);
  session.destroy();
  assertNothingBroke(site.server.state);
});

const sendAsTold = `
import smtplib, ssl, sys
host, port, name, password = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
session = smtplib.SMTP(host, port, timeout=30)
session.starttls(context=ssl._create_unverified_context())
session.ehlo("client.example.org")
session.user, session.password = name, password
print(session.auth("CRAM-MD5", session.auth_cram_md5)[0])
session.quit()
`;

test("a program is told of a login that works, and of no server where its formats have no name for one", async (t) => {
  const python = await requires(t, "python3");
  if (python === undefined) return;
  const address = loopbackAddress();
  const listener = (port: number, tls: string, mechanisms: string): string =>
    `[[listener]]\nrole = "submission"\nlisten = ["${address}:${port}"]\ntls = "${tls}"\nmechanisms = [${mechanisms}]`;
  const server = await startServer(t, {
    directory: await temporaryDirectory(t),
    config: [
      "version = 1",
      `hostname = "mx.${domain}"`,
      `http.listen = ["${address}:2080"]`,
      `web.listen = ["${address}:${webPort}"]`,
      "[[domain]]",
      `name = "${domain}"`,
      `postmaster = "${alice.address}"`,
      listener(2465, "implicit", '"scram-sha-256"'),
      listener(2587, "starttls", '"scram-sha-256", "cram-md5"'),
      "",
    ].join("\n"),
    accounts: { [alice.address]: alice.password },
  });
  const where = { address, port: webPort };
  const answer = await ask(where, `autoconfig.${domain}`, `/mail/config-v1.1.xml?emailaddress=${alice.address}`);
  assert.deepEqual(await read(readAccount, answer.text), [["smtp", `mx.${domain}`, 2587, "STARTTLS", alice.address]]);
  assert.match(answer.text, /<authentication>password-encrypted<\/authentication>/);
  const { code, stdout, stderr } = await runProgram({
    program: python.path,
    parameters: ["-c", sendAsTold, address, "2587", alice.address, alice.password],
    milliseconds: 60_000,
  });
  assert.deepEqual([code, stdout.trim()], [0, "235"], stderr);

  // Outlook would show the password, and be refused.
  const outlook = await ask(where, `mx.${domain}`, "/autodiscover/autodiscover.xml", outlookRequest(alice.address));
  assert.match(outlook.text, /<ErrorCode>600</);
  const zone = await server.command("dns");
  assert.match(zone.stdout, /^; Autodiscover has no name for CRAM-MD5 and SCRAM/m);
  assert.match(zone.stdout, /^_submissions\._tcp\.\S+ +IN SRV +0 1 2465 /m);
  assertNothingBroke(server.state);
});

test("a profile is signed by the server, and opens as a property list", async (t) => {
  if ((await requires(t, "python3")) === undefined) return;
  const { site, certificate } = await startWithWeb(t);
  const answer = await runProgram({
    program: "bash",
    parameters: [
      "-c",
      `set -o pipefail
curl -sk --resolve "mx.${domain}:${webPort}:${site.http.address}" "https://mx.${domain}:${webPort}/email.mobileconfig?email=${bob.address}" |
  openssl cms -verify -inform DER -CAfile '${certificate}' -purpose any 2>/dev/null |
  python3 -c 'import plistlib, json, sys
mail = plistlib.loads(sys.stdin.buffer.read())["PayloadContent"][0]
print(json.dumps([mail[k] for k in ("EmailAddress", "IncomingMailServerPortNumber", "OutgoingMailServerPortNumber", "OutgoingMailServerUseSSL")]))'`,
    ],
    milliseconds: 60_000,
  });
  assert.equal(answer.code, 0, answer.stderr);
  assert.deepEqual(JSON.parse(answer.stdout), [bob.address, site.pop3s.port, site.submissions.port, true]);
  const stranger = await ask(site.http, `mx.${domain}`, "/email.mobileconfig?email=bob@elsewhere.example");
  assert.equal(stranger.status, 404);
});

test("no answer tells who has an account, bad requests change nothing, and a new certificate is used at once", async (t) => {
  const { site, certificate, key } = await startWithWeb(t);
  const { http } = site;
  const told = async (address: string): Promise<string> => {
    const { text } = await ask(http, `mx.${domain}`, `/mail/config-v1.1.xml?emailaddress=${address}`);
    return text.replaceAll(address, "somebody");
  };
  assert.equal(await told(alice.address), await told(`nobody@${domain}`));

  const sts = await ask(http, `mta-sts.${domain}`, "/.well-known/mta-sts.txt");
  assert.match(sts.text, /^version: STSv1\r\nmode: testing\r\n/);
  assert.match(sts.type, /^text\/plain/);
  assert.equal((await ask(http, `mx.${domain}`, "/.well-known/mta-sts.txt")).status, 404);
  assert.match((await ask(http, `mx.${domain}`, "/?lang=ja")).text, /<html lang="ja">/);

  for (const [path, body, status] of [
    ["/autodiscover/autodiscover.xml", "x".repeat(20_000), 413],
    ["/autodiscover/autodiscover.xml", "", 200],
    ["/mail/config-v1.1.xml?emailaddress=bob@elsewhere.example", undefined, 404],
    ["/setup/nothing", undefined, 404],
    // Off unless it is switched on.
    ["/code", undefined, 404],
    ["/code", "account=a&password=b&address=c&code=d", 404],
    ["/metrics", undefined, 404],
    ["/api/v1/accounts", undefined, 404],
    ["/%2e%2e/%00", undefined, 404],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    assert.equal((await ask(http, `mx.${domain}`, path, body)).status, status, path);
  }

  const before = (await ask(http, `mx.${domain}`, "/")).fingerprint;
  const made = await ensureSelfSigned(join(site.directory, "second"), [`mx.${domain}`], Date.now());
  await copyFile(made.certificate, certificate);
  await copyFile(made.key, key);
  assert.equal((await site.server.command("reload")).code, 0);
  assert.notEqual((await ask(http, `mx.${domain}`, "/")).fingerprint, before);
  assertNothingBroke(site.server.state);
});

test("the port test says which ways are open and which are not", async (t) => {
  const { site } = await startWithWeb(t);
  const { text } = await ask(site.http, `mx.${domain}`, "/ports.sh");
  assert.match(text, new RegExp(`^tell mx\\.${domain} ${site.submissions.port}$`, "m"));
  // The names lead here, one port nowhere: nothing listens on port 1.
  const script = join(site.directory, "ports.sh");
  const local = text.replaceAll(`mx.${domain}`, site.address).replace("tell 192.0.2.1 25", `tell ${site.address} 1`);
  await writeFile(script, local);
  const { code, stdout } = await runProgram({ program: "sh", parameters: [script], milliseconds: 60_000 });
  assert.equal(code, 0);
  const lines = stdout.trim().split("\n");
  assert.equal(lines.at(-1), `closed ${site.address} port 1`);
  assert.ok(lines.length >= 3);
  for (const line of lines.slice(0, -1)) assert.match(line, /^open {3}/);
});
