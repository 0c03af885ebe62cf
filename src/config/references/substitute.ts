// Rules about listeners of role substitute and what they need to know: an end, the addresses from which mail leaves, and providers that
// are somebody else.

import type { CheckedTree } from "../check.ts";
import { formatPlace } from "../problem.ts";
import type { Place } from "../problem.ts";
import { quote, writeDuration } from "../scalars.ts";

interface Rules {
  readonly tree: CheckedTree;
  report(place: Place, message: string, hint?: string): void;
}

export function checkSubstitute(rules: Rules): void {
  checkEnds(rules);
  checkSending(rules);
  checkProviders(rules);
  checkCodePage(rules);
  const { draft, placeOf } = rules.tree;
  const { reread, "keep-verdict": keep, renewal, remind } = draft.substitute ?? {};
  if (renewal !== undefined && remind !== undefined && remind >= renewal) {
    const place = placeOf("substitute", "remind");
    rules.report(place, `a proof would be told to end when it begins, as it holds for ${writeDuration(renewal)}`);
  }
  // Between two readings is the interval, and what they take.
  if (reread !== undefined && keep !== undefined && keep < 2 * reread) {
    rules.report(
      placeOf("substitute", "keep-verdict"),
      `a verdict would be forgotten before it is read again: at least twice the ${writeDuration(reread)} of "reread"`,
    );
  }
}

function listenersOf({ tree }: Rules): readonly number[] {
  return (tree.draft.listener ?? []).flatMap((listener, index) => (listener?.role === "substitute" ? [index] : []));
}

/** It is for a while, by what it is for. */
function checkEnds(rules: Rules): void {
  const { draft, placeOf, keyPlaceOf } = rules.tree;
  for (const index of listenersOf(rules)) {
    // One that is there and wrong has its own problem.
    const isThere = keyPlaceOf("listener", index, "until") !== keyPlaceOf("listener", index);
    if (draft.listener?.[index]?.until !== undefined || isThere) continue;
    rules.report(
      placeOf("listener", index, "role"),
      'a substitute listener needs "until"',
      "the day on which the third parties have a submission service of their own",
    );
  }
}

/** SPF cannot be judged for nobody. */
function checkSending(rules: Rules): void {
  const { draft, placeOf } = rules.tree;
  const [first] = listenersOf(rules);
  if (first === undefined) return;
  const said = draft.substitute?.["sends-from"];
  const advice = 'set "sends-from" of [substitute] to the addresses from which others see your mail come';
  const place = placeOf("listener", first, "role");
  if (said !== undefined) {
    if (said.length === 0) rules.report(placeOf("substitute", "sends-from"), "mail leaves from some address", advice);
  } else if (draft.delivery?.smarthost !== undefined) {
    rules.report(place, "nobody knows from which addresses the smarthost sends", advice);
  } else if ((draft.egress ?? []).length === 0) {
    rules.report(place, "nobody knows from which addresses mail leaves, so SPF cannot be judged", advice);
  }
}

/** A password is entered there. */
function checkCodePage(rules: Rules): void {
  const { draft, placeOf } = rules.tree;
  if (draft.substitute?.["code-page"] !== true) return;
  const place = placeOf("substitute", "code-page");
  const { listen, tls, "forwarded-by": proxies } = draft.web ?? {};
  if (listen?.length === 0) {
    rules.report(place, "nothing serves the page for codes", 'set "listen" of [web]');
  } else if (tls === "none" && proxies?.length === 0) {
    rules.report(
      place,
      "passwords would pass in clear to the page for codes, as [web] has no TLS",
      'tls = "implicit" in [web], or name the reverse proxy that has it in "forwarded-by"',
    );
  }
}

function checkProviders(rules: Rules): void {
  const { draft, placeOf } = rules.tree;
  const local = new Map(
    (draft.domain ?? []).flatMap((domain, index) =>
      domain?.name === undefined ? [] : [[domain.name, index] as const],
    ),
  );
  const egresses = (draft.egress ?? []).map((egress) => egress?.name);
  const seen = new Map<string, Place>();
  for (const [index, provider] of (draft.substitute?.provider ?? []).entries()) {
    const egress = provider?.relay?.egress;
    if (egress !== undefined && !egresses.includes(egress) && !egresses.includes(undefined)) {
      const place = placeOf("substitute", "provider", index, "relay", "egress");
      rules.report(place, `there is no egress ${quote(egress)}`, "add it as [[egress]]");
    }
    for (const [position, domain] of (provider?.domains ?? []).entries()) {
      if (domain === undefined) continue;
      const place = placeOf("substitute", "provider", index, "domains", position);
      const owner = local.get(domain);
      const first = seen.get(domain);
      if (owner !== undefined) {
        const where = formatPlace(placeOf("domain", owner, "name"), place);
        rules.report(place, `${quote(domain)} is local (${where}), no third party's`);
      } else if (first !== undefined) {
        rules.report(place, `the provider of ${quote(domain)} is already at ${formatPlace(first, place)}`);
      }
      if (first === undefined) seen.set(domain, place);
    }
  }
}
