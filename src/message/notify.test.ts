import assert from "node:assert/strict";
import { test } from "node:test";
import { noticeFor, type Notify, type RecipientEvent } from "./notify.ts";

const events: readonly RecipientEvent[] = ["delivered", "relayed-with-dsn", "relayed-without-dsn", "delayed", "failed"];

// RFC 3461 §5.2 and §6.2: every value that NOTIFY can have × every event, in the order above; "-" is no notification.
const table: readonly (readonly [notify: readonly Notify[] | undefined, told: string])[] = [
  [undefined, "- - - delayed failed"],
  [["NEVER"], "- - - - -"],
  [["SUCCESS"], "delivered - relayed - -"],
  [["FAILURE"], "- - - - failed"],
  [["DELAY"], "- - - delayed -"],
  [["SUCCESS", "FAILURE"], "delivered - relayed - failed"],
  [["SUCCESS", "DELAY"], "delivered - relayed delayed -"],
  [["FAILURE", "DELAY"], "- - - delayed failed"],
  [["SUCCESS", "FAILURE", "DELAY"], "delivered - relayed delayed failed"],
];

for (const [notify, told] of table) {
  test(`NOTIFY=${notify?.join(",") ?? "(none)"}`, () => {
    const answers = events.map((event) => noticeFor("alice@sekimori.test", notify, event) ?? "-");
    assert.equal(answers.join(" "), told);
    for (const event of events) assert.equal(noticeFor("", notify, event), undefined, "never to <>");
  });
}
