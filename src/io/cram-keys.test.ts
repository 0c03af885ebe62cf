import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import { md5End } from "../base/md5.ts";
import { decoyCramKeys, makeCramKeys, parseCramKeys } from "./cram-keys.ts";

test("from the keys of any password its HMAC of any challenge is made", () => {
  const password = fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ minLength: 60, maxLength: 70 }));
  fc.assert(
    fc.property(password, fc.string(), (secret, challenge) => {
      const { inner, outer } = parseCramKeys(makeCramKeys(secret));
      const ours = md5End(outer, md5End(inner, Buffer.from(challenge)));
      assert.deepEqual(Buffer.from(ours), createHmac("md5", secret).update(challenge).digest());
    }),
  );
});

test("what is not of that form is a damaged store; made-up keys are of that form", () => {
  const good = makeCramKeys("secret");
  for (const damaged of ["", good.slice(1), `${good}0`, good.toUpperCase().replace(/^./, "G"), ` ${good}`]) {
    assert.throws(() => parseCramKeys(damaged), /damaged/);
  }
  const { inner, outer } = decoyCramKeys();
  assert.deepEqual([inner.length, outer.length], [16, 16]);
  assert.notDeepEqual(decoyCramKeys().inner, inner);
});
