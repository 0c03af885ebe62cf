// How sites behave: counts, and the last answers that were not a delivery. Kept beyond the life of a destination, for as
// many sites as there is room; the one that was quiet longest goes first.

export interface Answer {
  /** Wall, ms. */
  readonly at: number;
  readonly kind: "deferred" | "failed";
  readonly status: string;
  /** The remote's words, or ours about why there were none. */
  readonly reply: string;
  readonly remote: string;
}

export interface SiteRecord {
  delivered: number;
  deferred: number;
  failed: number;
  /** Wall, ms. */
  lastDelivery: number | undefined;
  /** What its messages came to last: an answer, of whatever kind, or none. */
  heard: "nothing" | "answers" | "silence";
  /** Oldest first. */
  answers: readonly Answer[];
}

const SITES = 2000;
const ANSWERS = 3;

export class SiteLog {
  readonly #sites = new Map<string, SiteRecord>();
  readonly #limit: number;

  constructor(limit = SITES) {
    this.#limit = limit;
  }

  /** Of a site that is in use from now on. */
  of(site: string): SiteRecord {
    const known = this.#sites.get(site);
    this.#sites.delete(site);
    const record = known ?? newRecord();
    this.#sites.set(site, record);
    if (this.#sites.size > this.#limit) {
      const [oldest] = this.#sites.keys();
      if (oldest !== undefined) this.#sites.delete(oldest);
    }
    return record;
  }

  entries(): Iterable<readonly [site: string, record: SiteRecord]> {
    return this.#sites;
  }
}

function newRecord(): SiteRecord {
  return { delivered: 0, deferred: 0, failed: 0, lastDelivery: undefined, heard: "nothing", answers: [] };
}

export function note(record: SiteRecord, now: number, ending: Omit<Answer, "at" | "kind"> & { kind: string }): void {
  const { kind, status, reply, remote } = ending;
  if (kind !== "deferred" && kind !== "failed") {
    record.delivered++;
    record.lastDelivery = now;
    return;
  }
  record[kind]++;
  record.answers = [...record.answers.slice(1 - ANSWERS), { at: now, kind, status, reply, remote }];
}
