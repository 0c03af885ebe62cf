import assert from "node:assert/strict";
import { test } from "node:test";
import { isBulk } from "./bulk.ts";
import { readHeaders } from "./headers.ts";

function bulk(header: string): boolean {
  const section = readHeaders([Buffer.from(`From: a@b.test\r\n${header}\r\n\r\nbody\r\n`)]);
  assert.ok(section.ok);
  return isBulk(section.value);
}

test("mail to many is what list software marks, and nothing else", () => {
  for (const header of ["Precedence: bulk", "precedence:\r\n List ", "List-Id: <x.y>", "LIST-UNSUBSCRIBE: <u>"])
    assert.equal(bulk(header), true, header);
  for (const header of ["Precedence: first-class", "Subject: bulk", "X-List-Id: x", "Precedence: bulk mail"])
    assert.equal(bulk(header), false, header);
});
