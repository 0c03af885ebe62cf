// Whether a message says of itself that it goes to many: mailing-list fields (RFC 2369, RFC 2919) or Precedence, which is
// no standard but what list software has written since the eighties (RFC 3834 §3.1.8 reads it the same way).
// It is the sender's own word: good for an order in the queue, no ground for any judgement.

import type { HeaderSection } from "./headers.ts";

const listFields: ReadonlySet<string> = new Set(["list-id", "list-post", "list-unsubscribe"]);

export function isBulk(section: HeaderSection): boolean {
  return section.fields.some(({ key, valueStart, end }) => {
    if (listFields.has(key)) return true;
    return key === "precedence" && /^\s*(bulk|list|junk)\s*$/i.test(section.text.slice(valueStart, end));
  });
}
