// Rules that need DNS, without doing any: a rule is a generator that yields its questions and is told the answers. So it is
// synchronous, has no clock and no sockets, and a test answers from a table. `answerSteps` lets a resolver answer.

import type { DnsAnswer, Resolver } from "../io/dns.ts";

export type DnsQuestion =
  | { readonly type: "txt" | "mx" | "addresses"; readonly name: string }
  | { readonly type: "ptr"; readonly address: string };

/** Texts, host names or addresses, as the question asks; exchanges by preference. `none`: the zone says so; `failed`: nobody knows. */
export type DnsReply =
  | { readonly kind: "found"; readonly records: readonly string[] }
  | { readonly kind: "none" }
  | { readonly kind: "failed"; readonly cause: string };

export type DnsSteps<T> = Generator<DnsQuestion, T, DnsReply>;

export async function answerSteps<T>(steps: DnsSteps<T>, resolver: Resolver): Promise<T> {
  for (let step = steps.next(); ;) {
    if (step.done === true) return step.value;
    // oxlint-disable-next-line no-await-in-loop -- the next question follows from the answer
    step = steps.next(await replyTo(step.value, resolver));
  }
}

async function replyTo(question: DnsQuestion, resolver: Resolver): Promise<DnsReply> {
  switch (question.type) {
    case "txt":
      return reply(await resolver.txt(question.name), (text) => text);
    case "addresses":
      return reply(await resolver.addresses(question.name), ({ address }) => address);
    case "ptr":
      return reply(await resolver.ptr(question.address), (name) => name);
    case "mx": {
      const answer = await resolver.mx(question.name);
      if (answer.kind !== "found") return reply(answer, () => "");
      const records = answer.records.toSorted((one, other) => one.preference - other.preference);
      return { kind: "found", records: records.map(({ exchange }) => exchange) };
    }
  }
}

function reply<T>(answer: DnsAnswer<T>, write: (record: T) => string): DnsReply {
  switch (answer.kind) {
    case "found":
      return { kind: "found", records: answer.records.map(write) };
    case "none":
      return { kind: "none" };
    case "failed":
      return answer;
  }
}
