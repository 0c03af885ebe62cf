// Rules about limits: windows that are never reached, plans, countries that nobody can tell.

import type { Path } from "../check.ts";
import type { Place } from "../problem.ts";
import { quote, writeSizeWindow, writeWindow } from "../scalars.ts";
import type { WindowSettings } from "../settings.ts";
import { checkUnique, present } from "./rules.ts";
import type { Rules } from "./rules.ts";

export function checkLimits(rules: Rules): void {
  const { draft, placeOf } = rules.tree;
  const plans = present(draft.plan);
  checkUnique(
    rules,
    plans.flatMap(([index, { name }]) =>
      name === undefined ? [] : [[name, placeOf("plan", index, "name"), `a plan ${quote(name)}`] as const],
    ),
  );
  const account: Plan = draft.limits?.account ?? {};
  checkPlan(rules, account, ["limits", "account"]);
  checkHold(rules, account, ["limits", "account", "over"]);
  for (const [index, plan] of plans) {
    checkPlan(rules, plan, ["plan", index]);
    // A plan that says neither has what accounts have, and is told of there.
    const { over = account.over, bytes = account.bytes } = plan;
    const own = plan.over === undefined ? "bytes" : "over";
    if (plan[own] !== undefined) checkHold(rules, { over, bytes }, ["plan", index, own]);
  }
  checkWindows(rules, draft.limits?.domain?.recipients, ["limits", "domain", "recipients"]);
}

interface Plan {
  readonly recipients?: WindowList;
  readonly attempts?: WindowList;
  readonly messages?: WindowList;
  readonly "new-recipients"?: WindowList;
  readonly bytes?: WindowList;
  readonly over?: string | undefined;
}

function checkPlan(rules: Rules, plan: Plan, at: Path): void {
  const { recipients, attempts, messages } = plan;
  checkWindows(rules, recipients, [...at, "recipients"]);
  checkWindows(rules, attempts, [...at, "attempts"]);
  checkWindows(rules, messages, [...at, "messages"]);
  checkWindows(rules, plan["new-recipients"], [...at, "new-recipients"]);
  checkWindows(rules, plan.bytes, [...at, "bytes"], writeSizeWindow);
  for (const [index, window] of present(attempts)) {
    const quota = present(recipients).find(([, other]) => other.length === window.length)?.[1];
    if (quota !== undefined && window.recipients < quota.recipients) {
      const place = rules.tree.placeOf(...at, "attempts", index);
      rules.report(place, `${writeWindow(window)} lets nobody use the ${writeWindow(quota)} of "recipients"`);
    }
  }
}

/** What is held stays on disk until somebody looks at it. */
function checkHold(rules: Rules, { over, bytes }: Pick<Plan, "over" | "bytes">, at: Path): void {
  if (over !== "hold" || (bytes !== undefined && bytes.length > 0)) return;
  rules.report(
    rules.tree.placeOf(...at),
    'over = "hold" needs "bytes": without it one account fills the disk with held mail',
    'for example bytes = ["1GB/1d"]; as much again is held',
  );
}

function checkWindows(rules: Rules, list: WindowList, at: Path, write = writeWindow): void {
  const windows = present(list);
  const place = (index: number): Place => rules.tree.placeOf(...at, index);
  checkUnique(
    rules,
    windows.map(([index, window]) => [window.name, place(index), `a limit over ${window.name}`] as const),
  );
  for (const [index, window] of windows) {
    const stricter = windows.find(([, other]) => isNeverReached(window, other))?.[1];
    if (stricter !== undefined) {
      rules.report(place(index), `${write(window)} is never reached, ${write(stricter)} comes first`);
    }
  }
}

/** A longer window with no more room makes the shorter one idle. */
function isNeverReached(window: WindowSettings, other: WindowSettings): boolean {
  return other.length > window.length && other.recipients <= window.recipients;
}

/** Its format is looked at when it is read: at the start. */
export function checkCountries(rules: Rules): void {
  const { draft, placeOf } = rules.tree;
  const file = draft.abuse?.countries;
  if (file === undefined) return;
  const mode = rules.sources.mode(file);
  if (!mode.ok) rules.report(placeOf("abuse", "countries"), `${quote(file)} ${mode.error}`);
}

type WindowList = readonly (WindowSettings | undefined)[] | undefined;
