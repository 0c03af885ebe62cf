// Nobody without an account has mail carried elsewhere, however the recipient is written (RFC 2505 §2.1, and the forms
// that relay testers have tried since). Every form on the MX and on submission; a remote host stands ready to
// receive what slips through, and at the end it has received the one message that was allowed.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openDialogue } from "../lab/client.ts";
import type { Where } from "../lab/client.ts";
import type { Scope } from "../lab/cleanup.ts";
import { waitForMailbox } from "../lab/mailbox.ts";
import { startSink } from "../lab/sink.ts";
import { alice, bob, domain, openAuthenticated, startSite } from "../lab/site.ts";

const scope: Scope = { after };
const sink = await startSink(scope);
const site = await startSite(scope, { smarthost: sink });

interface Form {
  readonly name: string;
  /** What stands after MAIL FROM: and RCPT TO:. */
  readonly mail?: string;
  readonly rcpt: string;
  readonly verbs?: { readonly mail: string; readonly rcpt: string };
}

const stranger = "<mallory@example.com>";
const victim = "<victim@example.org>";
const literal = `[${site.address}]`;

const forms: readonly Form[] = [
  { name: "a remote recipient from a remote sender", rcpt: victim },
  { name: "the null sender", mail: "<>", rcpt: victim },
  { name: "a local sender", mail: `<${alice.address}>`, rcpt: victim },
  { name: "an unknown local sender", mail: `<nobody@${domain}>`, rcpt: victim },
  { name: "a sender at the host name", mail: `<alice@mx.${domain}>`, rcpt: victim },
  { name: "a sender at the host's address", mail: `<alice@${literal}>`, rcpt: victim },
  { name: "a sender without a domain", mail: "<alice>", rcpt: victim },
  { name: "a sender that is the recipient", mail: victim, rcpt: victim },
  { name: "the percent hack through the domain", rcpt: `<victim%example.org@${domain}>` },
  { name: "the percent hack through the host name", rcpt: `<victim%example.org@mx.${domain}>` },
  { name: "the percent hack through the address", rcpt: `<victim%example.org@${literal}>` },
  { name: "the percent hack through loopback", rcpt: "<victim%example.org@[127.0.0.1]>" },
  { name: "the percent hack without a domain", rcpt: "<victim%example.org>" },
  { name: "the percent hack twice", rcpt: `<victim%example.org%example.net@${domain}>` },
  { name: "the percent hack at postmaster", rcpt: `<postmaster%example.org@${domain}>` },
  { name: "an address as a quoted local part", rcpt: `<"victim@example.org"@${domain}>` },
  { name: "an address as a quoted local part at the address", rcpt: `<"victim@example.org"@${literal}>` },
  { name: "a quoted address without a domain", rcpt: '<"victim@example.org">' },
  { name: "a quoted percent hack", rcpt: `<"victim%example.org"@${domain}>` },
  { name: "a quoted local part at the remote domain", rcpt: '<"victim"@example.org>' },
  { name: "two at signs", rcpt: `<victim@example.org@${domain}>` },
  { name: "two at signs through the address", rcpt: `<victim@example.org@${literal}>` },
  { name: "two at signs, local first", rcpt: `<${alice.address}@example.org>` },
  { name: "an escaped at sign", rcpt: `<victim\\@example.org@${domain}>` },
  { name: "a source route through the domain", rcpt: `<@${domain}:victim@example.org>` },
  { name: "a source route through the host name", rcpt: `<@mx.${domain}:victim@example.org>` },
  { name: "a source route through the address", rcpt: `<@${literal}:victim@example.org>` },
  { name: "a source route of two hops", rcpt: `<@${domain},@mx.${domain}:victim@example.org>` },
  { name: "a source route with a percent hack", rcpt: `<@${domain}:victim%example.org@${domain}>` },
  { name: "a bang path", rcpt: "<example.org!victim>" },
  { name: "a bang path at the domain", rcpt: `<example.org!victim@${domain}>` },
  { name: "a bang path through the domain", rcpt: `<${domain}!example.org!victim>` },
  { name: "a bang path with a percent hack", rcpt: `<example.org!victim%example.net@${domain}>` },
  { name: "a remote domain in capitals", rcpt: "<VICTIM@EXAMPLE.ORG>" },
  { name: "a remote domain with a final dot", rcpt: "<victim@example.org.>" },
  { name: "a remote address literal", rcpt: "<victim@[192.0.2.1]>" },
  { name: "a remote IPv6 address literal", rcpt: "<victim@[IPv6:2001:db8::1]>" },
  { name: "a remote address without brackets", rcpt: "<victim@192.0.2.1>" },
  { name: "a domain that ends like ours", rcpt: `<victim@evil${domain}>` },
  { name: "a domain that begins like ours", rcpt: `<victim@${domain}.example.org>` },
  { name: "a domain under ours", rcpt: `<victim@sub.${domain}>` },
  { name: "localhost", rcpt: "<victim@localhost>" },
  { name: "postmaster elsewhere", rcpt: "<postmaster@example.org>" },
  { name: "two recipients in one path", rcpt: `<${alice.address},victim@example.org>` },
  { name: "two paths in one command", rcpt: `<${alice.address}>,${victim}` },
  { name: "a remote path behind a local one", rcpt: `<${alice.address}> ${victim}` },
  { name: "no angle brackets", rcpt: "victim@example.org" },
  { name: "a NUL that cuts the domain", rcpt: `<victim@example.org\0@${domain}>` },
  { name: "a comment", rcpt: `<victim@example.org(@${domain})>` },
  { name: "verbs in small letters", rcpt: victim, verbs: { mail: "mail from", rcpt: "rcpt to" } },
  { name: "verbs in mixed letters", rcpt: victim, verbs: { mail: "MaIl FrOm", rcpt: "rCpT tO" } },
];

/** Goes as far as the server lets it. */
async function attempt(where: Where, form: Form): Promise<{ readonly refusals: readonly number[] }> {
  const session = await openDialogue(scope, where);
  await session.reply();
  await session.expect(`EHLO mx.${domain}`, 250);
  const mail = await session.command(`${form.verbs?.mail ?? "MAIL FROM"}:${form.mail ?? stranger}`);
  const rcpt = await session.command(`${form.verbs?.rcpt ?? "RCPT TO"}:${form.rcpt}`);
  const data = await session.command("DATA");
  if (data.code === 354) await session.command("Subject: carried\r\n\r\nelsewhere\r\n.");
  session.destroy();
  return { refusals: [mail.code, rcpt.code, data.code] };
}

test("enough forms are tried", () => assert.ok(forms.length >= 24));

for (const form of forms) {
  test(`the MX relays nothing: ${form.name}`, async () => {
    const { refusals } = await attempt(site.mx, form);
    const [, rcpt = 0, data = 0] = refusals;
    assert.ok(rcpt >= 500 && rcpt < 600, `RCPT was answered ${rcpt}`);
    assert.ok(data >= 500 && data < 600, `DATA was answered ${data}`);
  });

  test(`submission without AUTH takes nothing: ${form.name}`, async () => {
    const { refusals } = await attempt(site.submission, form);
    for (const code of refusals) assert.ok(code >= 500 && code < 600, `answered ${refusals.join(", ")}`);
  });
}

test("submission without AUTH takes nothing for local recipients either (RFC 6409 §4.3)", async () => {
  const { refusals } = await attempt(site.submission, { name: "", mail: stranger, rcpt: `<${alice.address}>` });
  assert.equal(refusals[0], 530);
});

test("a source route is not followed: the mail stays with the local recipient", async (t) => {
  const session = await openDialogue(t, site.mx);
  await session.reply();
  await session.expect("EHLO client.example.com", 250);
  await session.expect(`MAIL FROM:${stranger}`, 250);
  await session.expect(`RCPT TO:<@example.org:${alice.address}>`, 250);
  await session.expect("DATA", 354);
  await session.expect("Subject: routed\r\n\r\nto alice\r\n.", 250);
  const [message = ""] = await waitForMailbox(t, site.pop3s, alice, 1, 20_000);
  assert.match(message, /^Subject: routed\r$/m);
});

test("the only message that left is the one that an account sent", async (t) => {
  const session = await openAuthenticated(t, site, bob);
  await session.expect(`MAIL FROM:<${bob.address}>`, 250);
  await session.expect("RCPT TO:<carol@example.org>", 250);
  await session.expect("DATA", 354);
  await session.expect(`From: ${bob.address}\r\nSubject: allowed\r\n\r\nhello\r\n.`, 250);
  await sink.waitForMessages(1, 20_000);
  assert.deepEqual(
    sink.messages.map(({ recipients }) => recipients.map((recipient) => recipient.split(" ")[0])),
    [["TO:<carol@example.org>"]],
  );
});
