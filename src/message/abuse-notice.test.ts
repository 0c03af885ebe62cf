import assert from "node:assert/strict";
import { test } from "node:test";
import type { Sign } from "../abuse/observation.ts";
import { parseAddress } from "../address/address.ts";
import { parseDomain } from "../address/domain.ts";
import { makeAbuseNotice, signsWithWords } from "./abuse-notice.ts";
import type { AbuseNoticeRequest } from "./abuse-notice.ts";

const hostname = parseDomain("mx.sekimori.test");
const postmaster = parseAddress("postmaster@sekimori.test");
assert.ok(hostname.ok && postmaster.ok);
const since = Date.UTC(2026, 10, 27, 21, 5);
const request: AbuseNoticeRequest = {
  id: "id1",
  hostname: hostname.value,
  postmaster: postmaster.value,
  to: "alice@example.org",
  account: "Alice@sekimori.test",
  at: since + 1000,
  copy: "contact",
  since,
  news: {
    kind: "taken",
    step: "hold",
    signs: ["unknown-recipients", "new-network"],
    clause: "Article 12\nof the terms",
  },
  help: "Helpdesk 0120-000-000",
};

/** Quoted-printable (RFC 2045 §6.7). */
function decoded(text: string): string {
  const body = text.slice(text.indexOf("\r\n\r\n") + 4).replaceAll("=\r\n", "");
  const octets = body.replaceAll(/=([0-9A-F]{2})/g, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(octets, "latin1").toString("utf8");
}

interface Read {
  readonly head: string;
  readonly english: string;
  readonly japanese: string;
}

function read(change: Partial<AbuseNoticeRequest> = {}): Read {
  const text = Buffer.concat(makeAbuseNotice({ ...request, ...change }).content).toString("latin1");
  assert.doesNotMatch(text, /[^\r\n\x20-\x7e]/, "seven bits");
  assert.doesNotMatch(text, /[^\r]\n|\r[^\n]/);
  const head = text.slice(0, text.indexOf("\r\n\r\n"));
  for (const line of head.split("\r\n")) assert.ok(line.length <= 78, line);
  const [english = "", japanese = "", ...more] = decoded(text).split("\r\n--\r\n");
  assert.deepEqual(more, []);
  return { head, english, japanese };
}

/** Every sign there is: the compiler sees to it. */
const everySign: Readonly<Record<Sign, true>> = {
  "new-network": true,
  "new-country": true,
  "two-countries": true,
  "guessed-password": true,
  "unusual-hour": true,
  "many-recipients": true,
  "new-recipients": true,
  "unknown-recipients": true,
  "new-author": true,
  "repeated-text": true,
  "new-program": true,
};

test("for every sign there are words, in both languages", () => {
  assert.deepEqual(signsWithWords.toSorted(), Object.keys(everySign).toSorted());
  const without = read({ news: { kind: "taken", step: "hold", signs: [] } });
  for (const sign of signsWithWords) {
    const { english, japanese } = read({ news: { kind: "taken", step: "hold", signs: [sign] } });
    const [[, inEnglish] = [], [, inJapanese] = []] = [english, japanese].map((text) => /^- (.*)\r$/m.exec(text) ?? []);
    assert.match(inEnglish ?? "", /^[ -~]+$/, sign);
    assert.match(inJapanese ?? "", /[ぁ-んァ-ヶ一-龠]/, sign);
    assert.ok(!without.english.includes(inEnglish!));
  }
});

test("a program made it, so no program answers; who reads it sees at once what it is about", () => {
  const { head } = read();
  assert.match(head, /^Auto-Submitted: auto-generated\r$/m);
  assert.match(head, /^To: <alice@example\.org>\r$/m);
  assert.match(head, /^From: Mail System <postmaster@sekimori\.test>\r$/m);
  for (const [step, english, japanese] of [
    ["slow", "sends slowly for now", "送信を一時的に制限しています"],
    ["hold", "has its mail held", "送信メールを保留しています"],
    ["suspend", "is suspended", "利用を停止しています"],
  ] as const) {
    const { head: about } = read({ news: { kind: "taken", step, signs: [] } });
    const [, words, encoded = ""] = /^Subject: Alice@sekimori\.test (.*) \/\r\n =\?utf-8\?B\?(\S+)\?=\r$/m.exec(about)!;
    assert.deepEqual([words, Buffer.from(encoded, "base64").toString()], [english, japanese]);
  }
});

test("each step says since when, what it means for mail, what to do, whom to ask, and on what it rests", () => {
  for (const [step, english, japanese] of [
    ["slow", /one recipient in two\r\nminutes/, /2分間に1宛先/],
    ["hold", /accepted and held/, /受け付けた上で/],
    ["suspend", /nobody can therefore log in/, /ログインを停止/],
  ] as const) {
    const told = read({ news: { kind: "taken", step, signs: [], clause: "Article 12\nof the terms" } });
    assert.match(told.english, english);
    assert.match(told.japanese, japanese);
    for (const text of [told.english, told.japanese]) {
      assert.match(text, /2026-11-27 21:05 UTC/);
      assert.match(text, /Article 12 of the terms/);
      assert.match(text, /^ {2}Alice@sekimori\.test\r$/m);
      assert.match(text, /^ {2}postmaster@sekimori\.test\r\n {2}Helpdesk 0120-000-000\r$/m);
    }
    for (const line of told.english.split("\r\n")) assert.ok(line.length <= 75, line);
    assert.match(told.english, /password changed/);
    assert.match(told.japanese, /パスワードを変更し/);
  }
  assert.doesNotMatch(read({ help: undefined }).english, /Helpdesk/);
});

test("the copy that a thief may read has nothing of what gave him away", () => {
  const { english, japanese } = read();
  assert.match(english, /What was seen:\r\n\r\n- recipients that do not exist\r\n- logins from networks/);
  assert.match(japanese, /確認された兆候:\r\n\r\n- 存在しない宛先への送信\r\n/);
  const own = read({ copy: "account", to: "Alice@sekimori.test" });
  assert.doesNotMatch(own.english, /What was seen|recipients that|networks/);
  assert.doesNotMatch(own.japanese, /兆候:|宛先への送信\r/);
  assert.match(own.english, /Article 12/);
});

test("that it is over says what became of the mail, where some was held", () => {
  for (const [mail, english, japanese] of [
    ["kept", /still held/, /引き続き保留/],
    ["released", /on its way/, /配送されます/],
    ["returned", /comes back/, /戻されます/],
  ] as const) {
    const told = read({ news: { kind: "ended", step: "suspend", mail } });
    assert.match(told.english, english);
    assert.match(told.japanese, japanese);
    assert.match(told.head, /Alice@sekimori\.test is as it was again \//);
    const slowed = read({ news: { kind: "ended", step: "slow", mail } });
    assert.doesNotMatch(slowed.english, /held/);
    assert.doesNotMatch(slowed.japanese, /保留/);
  }
});
