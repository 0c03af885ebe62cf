// The thread that checks passwords against what other programs made of them, one at a time: half a second of work would
// otherwise be half a second in which no session of the mail thread is answered.

import { parentPort } from "node:worker_threads";
import { verifyLegacy } from "./verify.ts";
import type { Answer, Question } from "./verifier.ts";

parentPort!.on("message", ({ id, password, stored }: Question) => {
  let answer: Answer;
  try {
    answer = { id, right: verifyLegacy(password, stored) };
  } catch (error) {
    answer = { id, error: error instanceof Error ? error.message : String(error) };
  }
  parentPort!.postMessage(answer);
});
