// Whether some listener offers CRAM-MD5: then what it needs is kept of passwords that are set, and otherwise of none.

import type { Settings } from "./settings.ts";

export function offersCram({ listeners }: Pick<Settings, "listeners">): boolean {
  return listeners.some(({ mechanisms }) => mechanisms.includes("cram-md5"));
}
