// Rules that involve more than one value: what refers to what, what excludes what, what would loop. Works on a
// draft, in which anything may be missing; each rule looks only at what is there.

import type { CheckedTree } from "./check.ts";
import type { ConfigSources } from "./files.ts";
import { problemAt } from "./problem.ts";
import type { ConfigProblem } from "./problem.ts";
import { checkCertificate, checkDomains } from "./references/domain.ts";
import { checkDelivery, checkThreads, checkWays } from "./references/egress.ts";
import { checkDovecot, checkHttp } from "./references/http.ts";
import { checkCountries, checkLimits } from "./references/limits.ts";
import { checkListeners, checkSession } from "./references/listener.ts";
import type { Rules } from "./references/rules.ts";
import { checkSubstitute } from "./references/substitute.ts";
import { quote } from "./scalars.ts";

export function checkReferences(tree: CheckedTree, sources: ConfigSources): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const rules: Rules = {
    tree,
    sources,
    report: (place, message, hint) => void problems.push(problemAt(place, message, hint)),
  };
  const { draft, placeOf } = tree;
  if (draft.hostname?.includes(".") === false) {
    rules.report(
      placeOf("hostname"),
      `${quote(draft.hostname)} is not fully qualified`,
      "give the whole name, as in mx.example.jp",
    );
  }
  if (draft.process?.group !== undefined && draft.process.user === undefined) {
    rules.report(placeOf("process", "group"), '"group" needs "user"');
  }
  checkThreads(rules);
  checkDomains(rules);
  checkCertificate(rules);
  checkListeners(rules);
  checkHttp(rules);
  checkDovecot(rules);
  checkCountries(rules);
  checkSession(rules);
  checkLimits(rules);
  checkDelivery(rules);
  checkWays(rules);
  checkSubstitute(rules);
  return problems;
}
